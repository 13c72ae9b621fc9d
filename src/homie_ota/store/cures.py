"""Devices that have to restart before they take another update: which, and what was sent to them.

Rule: a cure belongs to a failure, and is claimed by compare-and-set under the lease, with an event row.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.homie import secrets, v2
from homie_ota.model import AWAKE, Address, DeploymentState, Publish
from homie_ota.rollout.attempts import Followed
from homie_ota.store import attempts, events, lease
from homie_ota.store.database import changed_one
from homie_ota.store.giving_way import NEVER
from homie_ota.store.tables import deployment, device


class Cure(NamedTuple):
    """A device that waits for its restart, the failure that showed it, and the attempt that follows."""

    deployment_id: int
    device_pk: int


_WAITS = (deployment.c.state == DeploymentState.FAILED.value) & (deployment.c.followed == Followed.CURE.value)


def due(connection: Connection) -> list[Cure]:
    """Devices that are awake and wait for their restart."""
    query = (
        sa.select(deployment.c.id, deployment.c.device_pk)
        .join(device, device.c.pk == deployment.c.device_pk)
        .where(_WAITS, device.c.state.in_(sorted(AWAKE)))
        .order_by(deployment.c.id)
    )
    return [Cure(*row) for row in connection.execute(query)]


def claim(connection: Connection, cure: Cure, token: int, *, now: float) -> Publish | None:
    """What is to be sent, for the one who may send it; None for everybody else, and when nothing harmless is known.

    From here on the next attempt waits for the device to come back.
    """
    mine = _WAITS & (deployment.c.id == cure.deployment_id) & lease.holds(token)
    change = deployment.update().where(mine).values(followed=Followed.CURED.value)
    if not changed_one(connection.execute(change)):
        return None
    message = _message(connection, cure.device_pk)
    _let_go(connection, cure, now)
    data = {"event": "unknown", "why": "Nothing harmless is known that restarts it: restart it by hand."}
    if message is not None:
        told = secrets.masked(message.payload.decode())
        data = {"event": "restart", "topic": message.topic, "payload": told}
    pk, number = cure.device_pk, cure.deployment_id
    events.add(connection, attempts.CURE, at=now, device_pk=pk, deployment_id=number, data=data)
    return message


def _message(connection: Connection, device_pk: int) -> Publish | None:
    columns = (device.c.base, device.c.device_id, device.c.facts)
    row = connection.execute(sa.select(*columns).where(device.c.pk == device_pk)).one()
    facts = row.facts or {}
    return v2.restart(Address(row.base, row.device_id), facts.get("config", ""), facts.get("name", ""))


def _let_go(connection: Connection, cure: Cure, since: float) -> None:
    """The next attempt may go as soon as the device has come back after `since`."""
    mine = (deployment.c.device_pk == cure.device_pk) & (deployment.c.id > cure.deployment_id)
    waiting = mine & (deployment.c.state == "queued") & deployment.c.fresh_after.is_not(None)
    connection.execute(deployment.update().where(waiting).values(fresh_after=since))


def put_back(connection: Connection, cure: Cure) -> None:
    """It did not leave us: it is due again."""
    mine = (deployment.c.id == cure.deployment_id) & (deployment.c.followed == Followed.CURED.value)
    connection.execute(deployment.update().where(mine).values(followed=Followed.CURE.value))
    _let_go(connection, cure, NEVER)
