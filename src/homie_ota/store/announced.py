"""What stands on the broker for Home Assistant, so that it can be taken away after any restart.

Rule: a row is written before its messages are sent, and taken away after they were cleared: a row too many costs an
empty message, a row too few would leave a device in Home Assistant for ever.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.store.database import upsert
from homie_ota.store.tables import announced


class Announced(NamedTuple):
    """A device by its name there, below this prefix of discovery, with or without its sensors."""

    object_id: str
    device_pk: int
    prefix: str
    diagnostics: bool


def load(conn: Connection) -> list[Announced]:
    """Everything that stands there."""
    columns = [announced.c[name] for name in Announced._fields]
    return [Announced(*row) for row in conn.execute(sa.select(*columns).order_by(announced.c.object_id))]


def note(conn: Connection, some: Sequence[Announced], now: float) -> None:
    """Remember these before they are sent; a known one gets its device, prefix and sensors anew."""
    rows = [{**each._asdict(), "at": now} for each in some]
    upsert(conn, announced, rows, ["object_id"], ["device_pk", "prefix", "diagnostics", "at"])


def forget(conn: Connection, some: Sequence[tuple[str, str]]) -> None:
    """Forget these (name, prefix), which were cleared; what stands below another prefix by now stays."""
    if some:
        conn.execute(_FORGET, [{"name": name, "below": prefix} for name, prefix in some])


_FORGET = announced.delete().where(
    announced.c.object_id == sa.bindparam("name"), announced.c.prefix == sa.bindparam("below")
)
