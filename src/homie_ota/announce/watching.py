"""Looks now and then at how the server is, and writes what began and what ended as events.

Rule: what it means is in `symptoms`; here it is only read and written, by the server that leads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from homie_ota.announce import Part
from homie_ota.announce.around import Around, Link
from homie_ota.announce.courier import DEAD
from homie_ota.announce.symptoms import Memory, Reading, Turn, remember, turns
from homie_ota.store import disks, recipients, troubles, vitals
from homie_ota.store.database import Connection

EVERY = 5.0
"""Seconds between two looks."""


class Places(NamedTuple):
    """The folders on whose disks there has to be room."""

    data: Path
    firmware: Path


class Watch:
    """`run` it as long as this server leads."""

    def __init__(self, around: Around, places: Places) -> None:
        self._around, self._places = around, places
        self._memory: Memory | None = None

    async def run(self) -> None:
        """Look until cancelled."""
        await self._around.database.write(self._tidy)
        while True:
            await self.look()
            await asyncio.sleep(EVERY)

    def _tidy(self, conn: Connection) -> None:
        """Who is not in the settings any more is no trouble, and has no place in the log."""
        names = {each.name for each in self._around.settings.announce.recipients}
        recipients.forget_others(conn, names)
        for key in troubles.standing(conn):
            if key.code == DEAD and key.of not in names:
                text = "Who could not be told is not in the settings any more."
                troubles.ended(conn, key, text, self._around.clock())

    async def look(self) -> None:
        """One look; a turn that somebody else has written meanwhile is not written again."""
        database, lost = self._around.database, self._around.settings.announce.broker_lost
        seen = await self._read(self._around.broker())
        standing = await database.read(troubles.standing)
        found = turns(self._memory, seen, standing, lost)
        if found:
            await database.write(partial(_write, found=found, now=seen.now))
        self._memory = remember(self._memory, seen)

    async def _read(self, link: Link) -> Reading:
        places = [("data", self._places.data), ("firmware", self._places.firmware)]
        return Reading(
            now=self._around.clock(),
            connected=link.connected,
            broker_since=link.since,
            broker_error=link.error,
            dropped=link.dropped,
            disks=await asyncio.to_thread(disks.read, places),
            largest=self._around.settings.ota.max_upload,
            newest=await self._around.database.read(vitals.newest_event),
        )


def _write(conn: Connection, found: list[Turn], now: float) -> None:
    for turn in found:
        tell: Callable[[Connection, troubles.Key, str, float], bool]
        tell = troubles.began if turn.has_begun else troubles.ended
        tell(conn, turn.key, turn.text, now)


def parts(around: Around) -> dict[str, Part]:
    """It is always there: its events are in the log for whoever reads it."""
    places = Places(around.settings.data_dir, around.settings.firmware_dir)
    return {"watch": Watch(around, places).run}
