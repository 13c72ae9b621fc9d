"""Lets old history go, a little at a time: what `store.pruning` says may go, once a day through all of it.

Rule: the look reads beside the writer, which only deletes what was found, so that nothing urgent waits behind it; where
it was after a restart is not kept, for what is gone is not found again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from homie_ota.store import pruning
from homie_ota.store.database import Database
from homie_ota.store.pruning import PARTS

ONCE_IN = 86_400.0
"""Seconds between two ways through all history."""

PAGES = 30
"""Pages of one run: with a run a minute that is six million rows a day."""

A_TIME = 30
"""Rows that one transaction deletes."""


class History:
    """Where the way through each part of the history is, and when it begins anew."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database, self._clock = database, clock
        self._part, self._after = 0, 0
        self._due = float("-inf")

    async def run(self) -> int:
        """Go on for some pages, if it is time; how many rows went."""
        now = self._clock()
        if self._part == 0 and self._after == 0 and self._due - ONCE_IN <= now < self._due:
            return 0
        gone = 0
        for _ in range(PAGES):
            gone += await self._page(now)
            if self._part == 0 and self._after == 0:
                self._due = now + ONCE_IN
                break
        return gone

    async def _page(self, now: float) -> int:
        part, keep = PARTS[self._part], pruning.SETTINGS["keep"]
        page = await self._database.read(lambda conn: pruning.look(conn, part, self._after, now, keep))
        if page.last is None:
            self._part, self._after = (self._part + 1) % len(PARTS), 0
        else:
            self._after = page.last
        gone = 0
        for start in range(0, len(page.old), A_TIME):
            found = page.old[start : start + A_TIME]
            work = partial(pruning.write, part=part, found=found, now=now, keep=keep)
            gone += await self._database.write(work)
        return gone
