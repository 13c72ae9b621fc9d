"""Devices of Homie 1.5 that look for their images somewhere else: where each asked last, and who never came.

Rule: what a request told is a fact that was learned of its device; the right place takes back what a wrong one said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.esp import place
from homie_ota.model import Address, DeploymentState, Way
from homie_ota.store import devices
from homie_ota.store.tables import deployment, device, device_address, learned

ASKED, ASTRAY = "asked_at", "asked_astray"
"""Facts: the place where it asked, and one where there is nothing; the evidence of the second names the right path."""
_ANSWERS_AT = "It asked there over HTTP; this server answers at "
NEVER_ASKED = "no-http-request"


class Seeker(NamedTuple):
    """A device and the place where it asked last (empty: it never asked); `path` is the right path of that day."""

    device_pk: int
    address: Address
    asked: str = ""
    path: str = ""


class Moved(NamedTuple):
    """How many ask where there is nothing, and how many were told to ask and never came."""

    astray: int = 0
    silent: int = 0


def note(conn: Connection, device_pk: int, where: str, *, now: float, right_path: str = "") -> None:
    """Remember where a device asked; with `right_path` there was nothing for it there."""
    if right_path:
        devices.learn(conn, device_pk, {ASTRAY: where}, evidence=_ANSWERS_AT + right_path, now=now)
        return
    devices.learn(conn, device_pk, {ASKED: where}, evidence="It asked there over HTTP.", now=now)
    back = learned.update().where(learned.c.device_pk == device_pk, learned.c.fact == ASTRAY)
    conn.execute(back.values(value=""))


def astray(conn: Connection) -> list[Seeker]:
    """Those of 1.5 that asked last where there is nothing."""
    return list(_asked(conn, ASTRAY))


def placed(conn: Connection) -> list[Seeker]:
    """Those of 1.5 that asked here, each with the place that it named."""
    return list(_asked(conn, ASKED))


def _asked(conn: Connection, fact: str) -> Iterator[Seeker]:
    query = (
        sa.select(*_WHO, learned.c.value, learned.c.evidence)
        .join(learned, learned.c.device_pk == device.c.pk)
        .where(learned.c.fact == fact, learned.c.value != "", _is_homie())
    )
    for pk, base, device_id, value, evidence in conn.execute(query.order_by(device.c.device_id)):
        yield Seeker(
            pk, Address(base, device_id), value, evidence.removeprefix(_ANSWERS_AT) if fact == ASTRAY else ""
        )


_WHO = (device.c.pk, device.c.base, device.c.device_id)


def _is_homie() -> sa.ColumnElement[bool]:
    """Fetches over HTTP and lives on the broker: a plain sketch has its address in its source."""
    lives = sa.exists().where(
        device_address.c.device_pk == device.c.pk, device_address.c.kind == devices.HOMIE
    )
    return (device.c.way == Way.HTTP.value) & lives


def silent(conn: Connection) -> list[Seeker]:
    """Those of 1.5 whose latest attempt ended without a request, and that asked nowhere since."""
    return [Seeker(pk, Address(base, device_id)) for pk, base, device_id in conn.execute(_silent())]


def _silent() -> sa.Select[Any]:
    later = deployment.alias("later")
    newer = sa.exists().where(
        later.c.device_pk == deployment.c.device_pk,
        later.c.id > deployment.c.id,
        later.c.state != DeploymentState.QUEUED.value,  # the next attempt, which may come to the same
    )
    since = sa.exists().where(
        learned.c.device_pk == deployment.c.device_pk,
        learned.c.fact.in_((ASKED, ASTRAY)),
        learned.c.at >= sa.func.coalesce(deployment.c.offered_at, deployment.c.created_at),
    )
    ended = (deployment.c.state == DeploymentState.FAILED.value) & (deployment.c.code == NEVER_ASKED)
    query = sa.select(*_WHO).join(deployment, deployment.c.device_pk == device.c.pk)
    return query.where(ended, ~newer, ~since, _is_homie()).order_by(device.c.device_id)


def counts(conn: Connection) -> Moved:
    """How many there are of both."""
    return Moved(len(astray(conn)), len(silent(conn)))


def alarms(conn: Connection) -> Iterator[tuple[int, str]]:
    """Number and sentence of each that asks where there is nothing; who never came has a failed update that says so."""
    for each in astray(conn):
        yield each.device_pk, place.astray(each.asked, each.path)
