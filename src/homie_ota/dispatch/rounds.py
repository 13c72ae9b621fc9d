"""What is looked at once a minute beside the steps of the dispatch: which alarms began, and what history may go.

Rule: no offer waits for it: it is a task of its own, reads beside the writer, and writes a little at a time. Only the
server that leads does it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from homie_ota.bus import Bus
from homie_ota.dispatch.history import History
from homie_ota.store import alarms
from homie_ota.store.database import Database

EVERY = 60.0
"""Seconds between two rounds."""

A_PART = 100
"""Alarms that one transaction writes."""


class Rounds:
    """`run` it as long as the server does; `may` says whether this server leads."""

    def __init__(
        self, database: Database, bus: Bus, *, may: Callable[[], bool], clock: Callable[[], float]
    ) -> None:
        self._database, self._bus, self._clock, self._may = database, bus, clock, may
        self._history = History(database, clock)

    async def run(self) -> None:
        """Go round until cancelled."""
        while True:
            if self._may():
                await self.go()
            await asyncio.sleep(EVERY)

    async def go(self) -> None:
        """One round: alarms first."""
        now = self._clock()
        for part in (await self._database.read(lambda conn: alarms.turns(conn, now))).split(A_PART):
            for alarm in await self._database.write(partial(alarms.write, seen=part, now=now)):
                self._bus.say("alarm", device_pk=alarm.device_pk, code=alarm.code)
        await self._history.run()
