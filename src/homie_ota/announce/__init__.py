"""Rows → Home Assistant, webhooks and notifications: others are told what happens, by the one server that leads.

Rule: nobody who is told can hold up another one or the server. Each is a part of its own, begun anew when it failed;
all of them end while another server leads.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping

__all__ = ["LOOK", "Announcer", "Part"]

log = logging.getLogger(__name__)

LOOK = 1.0
"""Seconds between two looks at who leads."""
AGAIN = 5.0
"""Seconds before a part that failed begins anew."""

Part = Callable[[], Awaitable[None]]
"""One who is told: works until cancelled."""


class Announcer:
    """`run` it as long as the server does; `may` says whether this server leads. `parts` by their names for the log."""

    def __init__(self, parts: Mapping[str, Part], *, may: Callable[[], bool]) -> None:
        self._parts, self._may = dict(parts), may
        self._working: list[asyncio.Task[None]] = []

    async def run(self) -> None:
        """Have all parts work while this server leads, until cancelled."""
        try:
            while True:
                if self._may() and not self._working:
                    self._working = [
                        asyncio.create_task(_keep(name, part), name=f"announce {name}")
                        for name, part in self._parts.items()
                    ]
                elif not self._may():
                    await self._end()
                await asyncio.sleep(LOOK)
        finally:
            await self._end()

    async def _end(self) -> None:
        working, self._working = self._working, []
        for each in working:
            each.cancel()
        await asyncio.gather(*working, return_exceptions=True)


async def _keep(name: str, part: Part) -> None:
    while True:
        try:
            await part()
        except Exception:
            log.exception("Telling %s failed; it begins anew.", name)
        await asyncio.sleep(AGAIN)
