"""Whether the database and the image files are whole: SQLite's own quick check, and images compared with their rows.

Rule: nothing is changed or repaired here.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError

from homie_ota.store.tables import device, firmware


class Harmed(NamedTuple):
    """An image file that is not what its row says; `gone`: there is no such file at all."""

    filename: str
    gone: bool


class Image(NamedTuple):
    """What a file has to be."""

    filename: str
    sha256: str
    size: int


def fault(conn: Connection) -> str:
    """The first fault that a quick look at the whole file finds; empty when it is whole, or PostgreSQL's."""
    if conn.dialect.name != "sqlite":
        return ""
    try:
        said = str(conn.exec_driver_sql("PRAGMA quick_check(1)").scalar() or "")
    except DatabaseError as error:
        said = str(error.orig)
    return "" if said == "ok" else " ".join(said.split())


def images(conn: Connection) -> list[Image]:
    """Every stored image."""
    return [
        Image(*row)
        for row in conn.execute(sa.select(firmware.c.filename, firmware.c.sha256, firmware.c.size))
    ]


def doubled(conn: Connection, since: float) -> dict[str, list[str]]:
    """Ids of devices that were heard under several base topics since then, with these bases."""
    query = sa.select(device.c.device_id, device.c.base).where(device.c.last_seen >= since)
    found: dict[str, list[str]] = {}
    for device_id, base in conn.execute(query.order_by(device.c.base)):
        found.setdefault(device_id, []).append(base)
    return {device_id: bases for device_id, bases in found.items() if len(bases) > 1}


def harmed(directory: Path, wanted: list[Image], most_bytes: int) -> Iterator[Harmed]:
    """Which of these images are gone or were changed; a sample of at most so many bytes is read, chosen by chance."""
    left = most_bytes
    for each in random.sample(wanted, len(wanted)):
        path = directory / each.filename
        if not path.is_file():
            yield Harmed(each.filename, True)
        elif each.size <= left:
            left -= each.size
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != each.sha256:
                    yield Harmed(each.filename, False)
