"""Clock + rows → offers and ended deadlines: the only starter of updates.

Rule: one image after another, to devices that are ready, as many at a time as the settings allow, by one server of
those on a database; what each step did is in rows, so that the next look, or another process, goes on from there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from homie_ota.bus import Bus, Listener
from homie_ota.dispatch.cures import Cures
from homie_ota.dispatch.ending import Ending
from homie_ota.dispatch.leading import Leading
from homie_ota.dispatch.offering import Offering, Sender, Terms
from homie_ota.dispatch.upkeep import Upkeep
from homie_ota.errors import HomieOtaError
from homie_ota.rollout.plan import Limits
from homie_ota.store import deployments, waiting
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles
from homie_ota.store.waiting import Look, local_time

__all__ = ["CONCERNS", "TICK", "Dispatch", "Sender", "Terms"]

log = logging.getLogger(__name__)

TICK = 5.0
"""Seconds after which the rows are looked at even when nobody said anything."""


CONCERNS = frozenset({"order", "awake", "deployment", "broker"})
"""Kinds of notices after which something may be sent that could not be before."""


class Dispatch:
    """Offers queued deployments and ends those of which nothing is heard, as long as this server holds the lease."""

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
        self._leading = Leading(database, clock, ttl=terms.lease)
        self._offering = Offering(database, images, bus, sender, terms, clock)
        self._ending = Ending(database, bus, sender.is_open, clock)
        self._upkeep = Upkeep(database, bus, clock)
        self._cures = Cures(database, bus, sender, clock)

    def leads(self) -> bool:
        """Whether this is the server that moves updates; as it was at the last look."""
        return self._leading.token is not None

    async def run(self) -> None:
        """Work until cancelled; woken by the bus, by the next deadline, or every few seconds."""
        try:
            with self._bus.listen() as listener:
                while True:
                    try:
                        pause = await self.step()
                    except HomieOtaError as error:
                        log.error("The dispatch could not go on: %s", error)
                        pause = TICK
                    await _until_concerned(listener, pause)
        finally:
            await self._leading.give_back()

    async def step(self) -> float:
        """Do what is due; returns the seconds until the next look. What can be offered goes first."""
        token = await self._leading.check()
        if token is None:
            return min(TICK, self._leading.ttl / 3)
        pause = await self._offer(token) if self._sender.is_open() else TICK
        await self._ending.run()
        if await self._upkeep.run():
            return 0.0
        if self._sender.is_open():
            await self._cures.run(token)
        deadline = await self._database.read(deployments.next_deadline)
        due = pause if deadline is None else min(pause, deadline - self._clock())
        return min(TICK, self._leading.ttl / 3, max(0.05, due))

    async def _offer(self, token: int) -> float:
        """Offer everything that may go now; the seconds until more may by time alone."""
        while True:
            look = self._look()
            found = await self._database.read(partial(waiting.next_ready, look=look))
            if found.ready is None:
                return TICK if found.again_at is None else found.again_at - look.now
            if not await self._offering.send(found.ready, token):
                self._leading.lost()
                return 0.0

    def _look(self) -> Look:
        now, terms = self._clock(), self._terms
        limits = Limits(terms.parallel, terms.bytes_in_flight, terms.starts_per_minute)
        return Look(now, local_time(now), limits)


async def _until_concerned(listener: Listener, pause: float) -> None:
    """Wait for something that may let an offer out, `pause` seconds at most; most notices are about readings."""
    end = time.monotonic() + pause
    while (left := end - time.monotonic()) > 0:
        if any(notice.kind in CONCERNS for notice in await listener.wait(left)) or listener.missed:
            listener.missed = False
            return
