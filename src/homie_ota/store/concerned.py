"""Which deployments the news of many devices concerns: what may be moved by it, what is verified, what waits.

Rule: a few statements for a batch of messages, made once; nobody is asked about no device.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, Deployment, DeploymentState
from homie_ota.store.deployments import ALL, read
from homie_ota.store.tables import deployment

FEW = 500
"""So many devices are named in a statement; for more it is quicker to look at every open deployment."""

_VERIFYING = ALL.where(deployment.c.state == DeploymentState.VERIFYING.value).order_by(deployment.c.id)
_QUEUED = ALL.where(deployment.c.state == DeploymentState.QUEUED.value).order_by(deployment.c.id)


def open_to_news(connection: Connection, device_pks: Sequence[int]) -> dict[int, Deployment]:
    """For each of these devices the deployment that news of it may move.

    That is the active one that was offered, or the latest failed one as long as no other image was offered since: a
    late success still wins.
    """
    return offered_last(connection, device_pks, [*ACTIVE, DeploymentState.FAILED])


def offered_last(
    connection: Connection, device_pks: Sequence[int], states: Sequence[DeploymentState]
) -> dict[int, Deployment]:
    """For each of these devices the deployment that was offered last, where it is in one of these states."""
    found = _of_devices(connection, device_pks, _offered_last(frozenset(states)))
    return {each.device_pk: each for each in found}


@cache
def _offered_last(states: frozenset[DeploymentState]) -> sa.Select[Any]:
    later = deployment.alias("later")
    offered_later = sa.exists().where(
        later.c.device_pk == deployment.c.device_pk,
        later.c.id > deployment.c.id,
        later.c.offered_at.is_not(None),
    )
    is_such = deployment.c.state.in_([each.value for each in states]) & deployment.c.offered_at.is_not(None)
    return ALL.where(is_such & ~offered_later).order_by(deployment.c.id)


def _of_devices(
    connection: Connection, device_pks: Sequence[int], query: sa.Select[Any]
) -> Iterator[Deployment]:
    """Deployments of these devices that `query` finds, in its order; nobody is asked about no device."""
    if not device_pks:
        return
    is_few, wanted = len(device_pks) <= FEW, frozenset(device_pks)
    rows = (
        connection.execute(_only(query), {"devices": list(device_pks)})
        if is_few
        else connection.execute(query)
    )
    yield from (read(row) for row in rows.mappings() if row["device_pk"] in wanted)


@cache
def _only(query: sa.Select[Any]) -> sa.Select[Any]:
    return query.where(deployment.c.device_pk.in_(sa.bindparam("devices", expanding=True)))


def verifying_of(connection: Connection, device_pks: Sequence[int]) -> dict[int, Deployment]:
    """The deployments of these devices that are being verified: all that statistics alone may move."""
    return {each.device_pk: each for each in _of_devices(connection, device_pks, _VERIFYING)}


def queued_of(connection: Connection, device_pks: Sequence[int]) -> list[Deployment]:
    """The deployments that wait for these devices."""
    return list(_of_devices(connection, device_pks, _QUEUED))
