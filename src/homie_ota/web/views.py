"""What a page shows, put together from rows: devices as lists have them, images that share a name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from homie_ota.model import Firmware
from homie_ota.store import devices, search
from homie_ota.store.database import Connection

Row = dict[str, Any]


def twins(images: Iterable[Firmware]) -> frozenset[str]:
    """The SHA-256 of those that share name and version with another: only their bytes tell them apart."""
    found = list(images)
    counts = Counter((each.name, each.version) for each in found)
    return frozenset(each.sha256 for each in found if counts[each.name, each.version] > 1)


def device_line(conn: Connection, pk: int) -> Row | None:
    """One device as lists have it: its row with the running image, target and active deployment; None when gone."""
    row = devices.row(conn, pk)
    return None if row is None else search.complete(conn, [row])[0]
