"""What went to and came from a device while a deployment ran: the rows of its case file.

Rule: rows are written in the transaction of what they tell about, and a deployment keeps at most MOST of them; payloads
are text of bounded length, secrets masked before they come here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, Publish
from homie_ota.store.tables import deployment, transcript

MOST = 2000
"""Rows that one deployment keeps: homie-esp8266 tells its progress up to 311 times for one image (rule 5)."""

LONGEST = 500
"""Characters of a payload that are kept."""


class Said(NamedTuple):
    """One message: `text` is what of the payload can be shown, `size` the payload's bytes."""

    at: float
    direction: str
    topic: str
    text: str
    size: int
    retained: bool = False


_ONE_DEVICE_ADDRESS = re.compile(r"(/ota/i/)[\w-]+")
_SHORT = 256


def outgoing(at: float, message: Publish) -> Said:
    """A message of ours: an image is not kept, and the word in a one-device address is masked."""
    size = len(message.payload)
    if size > _SHORT:
        text = f"(image, {size} bytes)"
    else:
        text = _ONE_DEVICE_ADDRESS.sub(r"\1***", message.payload.decode(errors="replace"))
    return Said(at, "out", message.topic, text, size)


def add(connection: Connection, deployment_id: int, said: Iterable[Said]) -> None:
    """Keep these messages of a deployment."""
    rows = [
        {
            "deployment_id": deployment_id,
            **each._asdict(),
            "topic": each.topic[:255],
            "text": each.text[:LONGEST],
        }
        for each in said
    ]
    if rows:
        connection.execute(transcript.insert(), rows)


def heard(connection: Connection, by_device: Mapping[int, Sequence[Said]]) -> set[int]:
    """Keep what devices (by `pk`) said while a deployment of theirs runs; returns the devices that have none."""
    if not by_device:
        return set()
    columns = (deployment.c.id, deployment.c.device_pk)
    running = sa.select(*columns).where(
        deployment.c.device_pk.in_(list(by_device)), deployment.c.state.in_(ACTIVE)
    )
    found = {pk: number for number, pk in connection.execute(running)}
    for pk, number in found.items():
        room = MOST - count(connection, number)
        add(connection, number, by_device[pk][: max(0, room)])
    return set(by_device) - set(found)


def running(connection: Connection) -> list[int]:
    """Devices with a deployment that has not ended."""
    return list(
        connection.execute(sa.select(deployment.c.device_pk).where(deployment.c.state.in_(ACTIVE))).scalars()
    )


def count(connection: Connection, deployment_id: int) -> int:
    """How many messages of a deployment are kept."""
    query = sa.select(sa.func.count()).where(transcript.c.deployment_id == deployment_id)
    return connection.execute(query).scalar() or 0


def of(connection: Connection, deployment_id: int) -> list[dict[str, Any]]:
    """Every message of a deployment, in the order they were kept."""
    query = (
        sa.select(transcript).where(transcript.c.deployment_id == deployment_id).order_by(transcript.c.seq)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def latest(connection: Connection, deployment_id: int, limit: int) -> list[dict[str, Any]]:
    """Its newest messages, in the order they were kept."""
    mine = transcript.c.deployment_id == deployment_id
    query = sa.select(transcript).where(mine).order_by(transcript.c.seq.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()][::-1]
