"""Clock + rows → offers and ended deadlines: the only starter of updates.

Rule: one image after another, to devices that are ready, as many at a time as the settings allow; what each step did is
in rows, so that the next look, or another process, goes on from there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from homie_ota.bus import Bus, Listener
from homie_ota.dispatch.ending import Ending
from homie_ota.dispatch.offering import Offering, Sender, Terms
from homie_ota.errors import HomieOtaError
from homie_ota.store import deployments, waiting
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles

__all__ = ["CONCERNS", "TICK", "Dispatch", "Sender", "Terms"]

log = logging.getLogger(__name__)

TICK = 5.0
"""Seconds after which the rows are looked at even when nobody said anything."""


CONCERNS = frozenset({"order", "awake", "deployment", "broker"})
"""Kinds of notices after which something may be sent that could not be before."""


class Dispatch:
    """Offers queued deployments and ends those of which nothing is heard."""

    def __init__(
        self,
        database: Database,
        images: ImageFiles,
        bus: Bus,
        sender: Sender,
        terms: Terms,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._bus = database, bus
        self._sender, self._terms, self._clock = sender, terms, clock
        self._offering = Offering(database, images, bus, sender, terms, clock)
        self._ending = Ending(database, bus, sender.is_open, clock)

    async def run(self) -> None:
        """Work until cancelled; woken by the bus, by the next deadline, or every few seconds."""
        with self._bus.listen() as listener:
            while True:
                try:
                    pause = await self.step()
                except HomieOtaError as error:
                    log.error("The dispatch could not go on: %s", error)
                    pause = TICK
                await _until_concerned(listener, pause)

    async def step(self) -> float:
        """Do what is due; returns the seconds until the next look."""
        await self._ending.run()
        if self._sender.is_open():
            while await self._offer_next():
                pass
        deadline = await self._database.read(deployments.next_deadline)
        return TICK if deadline is None else min(TICK, max(0.05, deadline - self._clock()))

    async def _offer_next(self) -> bool:
        """Offer one deployment; False when none can be offered now."""
        limit = self._terms.parallel
        ready = await self._database.read(
            lambda connection: waiting.next_ready(connection, limit, self._clock())
        )
        if ready is None:
            return False
        await self._offering.send(ready)
        return True


async def _until_concerned(listener: Listener, pause: float) -> None:
    """Wait for something that may let an offer out, `pause` seconds at most; most notices are about readings."""
    end = time.monotonic() + pause
    while (left := end - time.monotonic()) > 0:
        if any(notice.kind in CONCERNS for notice in await listener.wait(left)) or listener.missed:
            listener.missed = False
            return
