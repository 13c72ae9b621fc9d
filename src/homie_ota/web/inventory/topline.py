"""The counts of the top line, kept for as long as nothing was said on the bus.

Rule: whoever changes what is counted says so on the bus of this process; what another process changed is seen after
LONGEST at the latest.
"""

from __future__ import annotations

import time
from weakref import WeakKeyDictionary

from homie_ota.bus import Bus, Notice
from homie_ota.store import overview
from homie_ota.store.database import Connection

LONGEST = 5.0
"""Seconds that counts are kept."""


class TopLine:
    """The counts of one installation; `number` counts what was said."""

    def __init__(self) -> None:
        self.number = 0
        self._kept: tuple[int, float, dict[str, int]] | None = None

    def hear(self, notice: Notice) -> None:
        """Something changed; an order moves nothing by itself."""
        self.number += notice.kind != "order"

    def counts(self, conn: Connection, number: int) -> dict[str, int]:
        """The counts; `number` is what it was before the transaction of `conn` read anything."""
        kept = self._kept
        if kept is not None and kept[0] == number and time.monotonic() - kept[1] < LONGEST:
            return kept[2]
        found = overview.counts(conn)
        self._kept = number, time.monotonic(), found
        return found


_OF: WeakKeyDictionary[Bus, TopLine] = WeakKeyDictionary()


def of(bus: Bus) -> TopLine:
    """The top line of the installation that this bus belongs to."""
    found = _OF.get(bus)
    if found is None:
        found = _OF[bus] = TopLine()
        bus.join(found)
    return found
