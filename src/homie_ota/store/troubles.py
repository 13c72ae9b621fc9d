"""What is wrong with the server itself, not with a device: the broker is away, the disk is full, nobody hears us.

Rule: as with alarms, that it began and that it ended are event rows, each written once; what stands is what the rows
say.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.store import events
from homie_ota.store.tables import event

KIND = "server"
_OURS = event.c.kind == sa.literal_column("'server'")


class Key(NamedTuple):
    """What is wrong, a stable word, and what it is about, where there may be several of a kind."""

    code: str
    of: str = ""


class Trouble(NamedTuple):
    """One that stands: since when, and its sentence."""

    since: float
    text: str


def standing(conn: Connection) -> dict[Key, Trouble]:
    """Everything that began and has not ended."""
    found: dict[Key, Trouble] = {}
    for at, data in conn.execute(sa.select(event.c.at, event.c.data).where(_OURS).order_by(event.c.seq)):
        key = Key(str(data.get("code", "")), str(data.get("of", "")))
        if data.get("event") == "began":
            found[key] = Trouble(at, str(data.get("text", "")))
        else:
            found.pop(key, None)
    return found


def began(conn: Connection, key: Key, text: str, now: float) -> bool:
    """Say that it began; False where that was said already."""
    return key not in standing(conn) and _tell(conn, "began", key, text, now)


def ended(conn: Connection, key: Key, text: str, now: float) -> bool:
    """Say that it ended; False where it did not stand."""
    return key in standing(conn) and _tell(conn, "ended", key, text, now)


def _tell(conn: Connection, what: str, key: Key, text: str, now: float) -> bool:
    data: dict[str, Any] = {"event": what, **key._asdict(), "text": text}
    events.add(conn, KIND, at=now, data=data)
    return True
