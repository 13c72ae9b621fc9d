"""What people put on a device: a pin that holds it back until a moment, with a reason, and tags to find it by.

Rule: a pin has an end and a reason; a tag is one word that can be typed in a query without quotes.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import NotFound, WrongUse
from homie_ota.store import events
from homie_ota.store.database import upsert
from homie_ota.store.tables import device, tag

_TAG = re.compile(r"[\w][\w.+-]{0,63}")
LONGEST_REASON = 200
MOST_TAGS = 50
"""Tags of one device."""


class Pin(NamedTuple):
    """Until when a device is held back, and why."""

    until: float
    reason: str


def pin(connection: Connection, device_pk: int, until: float, reason: str, *, by: str, now: float) -> Pin:
    """Hold a device back; a later pin replaces an earlier one. WrongUse without a reason or an end to come."""
    reason = " ".join(reason.split())[:LONGEST_REASON]
    if not reason:
        raise WrongUse("A pin needs a reason, so that others know why this device is held back.")
    if until <= now:
        raise WrongUse("The pin would end before now. Give a moment to come.")
    _write(connection, device_pk, {"pinned_until": until, "pin_reason": reason})
    _tell(connection, device_pk, by, now, {"event": "pin", "until": until, "reason": reason})
    return Pin(until, reason)


def unpin(connection: Connection, device_pk: int, *, by: str, now: float) -> None:
    """Let go of a device; NotFound when nothing holds it."""
    if pin_of(connection, device_pk, now) is None:
        raise NotFound("This device is not pinned.")
    _write(connection, device_pk, {"pinned_until": None, "pin_reason": ""})
    _tell(connection, device_pk, by, now, {"event": "unpin"})


def pin_of(connection: Connection, device_pk: int, now: float) -> Pin | None:
    """The pin that holds a device now, None when none does."""
    query = sa.select(device.c.pinned_until, device.c.pin_reason).where(device.c.pk == device_pk)
    found = connection.execute(query).first()
    held = found is not None and found.pinned_until is not None and found.pinned_until > now
    return Pin(found.pinned_until, found.pin_reason) if found is not None and held else None


def put_tag(connection: Connection, device_pk: int, word: str, *, by: str, now: float) -> None:
    """Give a device a tag; one that it has stays. WrongUse for what is no tag, or too many."""
    if not _TAG.fullmatch(word):
        raise WrongUse(
            f"{word[:70]!r} is no tag: one word of letters, digits, - _ . +, with at most 64 characters."
        )
    count = sa.select(sa.func.count()).where(tag.c.device_pk == device_pk)
    if (connection.execute(count).scalar() or 0) >= MOST_TAGS:
        raise WrongUse(f"This device has {MOST_TAGS} tags already. Take one away first.")
    upsert(connection, tag, [{"device_pk": device_pk, "tag": word}], ["device_pk", "tag"], [])
    _tell(connection, device_pk, by, now, {"event": "tag", "tag": word})


def take_tag(connection: Connection, device_pk: int, word: str, *, by: str, now: float) -> None:
    """Take a tag away from a device; NotFound when it does not have it."""
    mine = (tag.c.device_pk == device_pk) & (tag.c.tag == word)
    if not connection.execute(tag.delete().where(mine)).rowcount:
        raise NotFound(f"This device has no tag {word[:70]!r}.")
    _tell(connection, device_pk, by, now, {"event": "untag", "tag": word})


def tagged(connection: Connection, word: str) -> set[int]:
    """The devices that have a tag."""
    return set(connection.execute(sa.select(tag.c.device_pk).where(tag.c.tag == word)).scalars())


def _write(connection: Connection, device_pk: int, values: dict[str, object]) -> None:
    if not connection.execute(device.update().where(device.c.pk == device_pk).values(**values)).rowcount:
        raise NotFound("This device is not known any more.")


def _tell(connection: Connection, device_pk: int, by: str, now: float, data: dict[str, object]) -> None:
    events.add(connection, "mark", at=now, device_pk=device_pk, actor=by, data=data)


def tags_of(connection: Connection, device_pk: int) -> list[str]:
    """The tags of a device, by name."""
    query = sa.select(tag.c.tag).where(tag.c.device_pk == device_pk).order_by(tag.c.tag)
    return list(connection.execute(query).scalars())
