"""A device that asks over HTTP and speaks no Homie: here for one request, and what that proves of its deployment.

Rule: between its requests such a device sleeps, so that the dispatch never offers it anything; it is awake in the
transaction that answers it, and nowhere else. What it says it runs counts like a live announce.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.esp.request import UpdateRequest
from homie_ota.model import Deployment, DeploymentState, Firmware, State, Way
from homie_ota.rollout import patience
from homie_ota.rollout.proof import AnnounceNews
from homie_ota.store import (
    adopting,
    alternation,
    changes,
    concerned,
    deployments,
    devices,
    pace,
    rhythm,
    turns,
)
from homie_ota.store import firmware as firmwares
from homie_ota.store import news as news_of_devices
from homie_ota.store.adopting import Runs
from homie_ota.store.news import Presence
from homie_ota.store.tables import device, device_address


def is_adopted(connection: Connection, pk: int) -> bool:
    """Whether this device is one that was adopted because it knocked, and has not come to the broker since."""
    query = sa.select(device_address.c.device_pk).where(
        device_address.c.device_pk == pk,
        device_address.c.kind == devices.ASKER,
        device_address.c.until.is_(None),
    )
    return connection.execute(query).first() is not None


def waits(connection: Connection, pk: int) -> bool:
    """Whether something is queued for it."""
    found = deployments.active_of(connection, pk)
    return found is not None and found.state is DeploymentState.QUEUED


def come(
    connection: Connection, pk: int, asked: UpdateRequest, *, address: str, now: float
) -> list[Deployment]:
    """It is here, and says what it runs; returns the deployments that moved by that."""
    runs = _runs(connection, pk, asked)
    news = {pk: [AnnounceNews(now, runs.name, runs.version, runs.md5, True)]}
    changed = changes.note(connection, news)
    _save(
        connection,
        pk,
        {
            "ip": address[:45],
            "implementation": asked.family,
            "last_seen": now,
            "state": State.READY.value,
            "state_since": now,
            **adopting.told(asked.family, runs),
        },
    )
    rhythm.note(connection, [pk], [], now=now, watching=True)
    moved = news_of_devices.apply(connection, news, {pk: Presence(State.READY, now)})
    for each in changed:
        alternation.notice(connection, each, now)
    turns.woke(connection, [pk])
    return moved


def go(connection: Connection, pk: int, *, now: float) -> None:
    """Its request is answered: until the next one it can be sent nothing."""
    _save(connection, pk, {"state": State.SLEEPING.value, "state_since": now})
    rhythm.note(connection, [], [pk], now=now, watching=True)
    turns.left(connection, [pk])


def missed(connection: Connection, now: float, *, limit: int = 500) -> list[int]:
    """Note those as lost that have not asked for much longer than they usually take; returns them."""
    usual = deployments.LIMITS[DeploymentState.REBOOTING]
    quiet = (device.c.way == Way.ASKS.value) & (device.c.state == State.SLEEPING.value)
    query = sa.select(device.c.pk, device.c.last_seen).where(quiet, device.c.last_seen < now - usual)
    rows = connection.execute(query.order_by(device.c.last_seen).limit(limit)).all()
    gone = [pk for pk, seen in rows if now - seen > patience.wait(pace.asked_at(connection, pk), usual)]
    for pk in gone:
        _save(connection, pk, {"state": State.LOST.value, "state_since": now})
    return gone


def _save(connection: Connection, pk: int, values: dict[str, Any]) -> None:
    connection.execute(device.update().where(device.c.pk == pk).values(**values))


def _runs(connection: Connection, pk: int, asked: UpdateRequest) -> Runs:
    """What it runs: a sketch tells its version and no name, so the name is that of the image which it can only be."""
    found = adopting.runs(connection, asked.md5, asked.have)
    if found.name:
        return found
    target = _target(connection, pk)
    if target is not None and asked.have and asked.have == target.version:
        return found._replace(name=target.name)
    columns = (device.c.fw_name, device.c.fw_version, device.c.md5)
    known = connection.execute(sa.select(*columns).where(device.c.pk == pk)).one()
    same = (known.fw_version, known.md5) == (found.version, found.md5)
    return found._replace(name=known.fw_name) if same else found


def _target(connection: Connection, pk: int) -> Firmware | None:
    """What it was sent last, as long as it may still come back with it."""
    sent = concerned.open_to_news(connection, [pk]).get(pk)
    return firmwares.get(connection, sent.sha256) if sent is not None else None
