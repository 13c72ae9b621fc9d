"""Looks for images and `$ota` that somebody left retained on the broker, and clears what a person asked to be cleared.

Rule: it looks on a connection of its own while no transfer runs: after a connect, when somebody asks, and now and then;
a live image ends the look. It clears nothing by itself.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence

from homie_ota.bus import Bus, Listener
from homie_ota.dispatch.offering import Sender
from homie_ota.errors import HomieOtaError, Unreachable
from homie_ota.homie import leftovers as homie_leftovers
from homie_ota.mqtt import Kept
from homie_ota.store import flight, leftovers
from homie_ota.store.database import Database
from homie_ota.store.leftovers import Clearing, Found

log = logging.getLogger(__name__)

EVERY = 3600.0
"""Seconds between two looks that nobody asked for."""

AGAIN = 5.0
"""Seconds until the next try, when a transfer ran or the look was disturbed."""

AFTER_A_FAILURE = 600.0

Scan = Callable[[Sequence[str]], Awaitable[list[Kept] | None]]


class Leftovers:
    """Looks and clears for one server; `may` says whether this is the server that moves things."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        sender: Sender,
        scan: Scan,
        bases: Iterable[str],
        *,
        clock: Callable[[], float] = time.time,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self._database, self._bus, self._sender, self._scan = database, bus, sender, scan
        self._bases = tuple(bases)
        self._clock, self._may = clock, may
        self._looked = float("-inf")

    async def run(self) -> None:
        """Work until cancelled; woken by a request (`leftovers`) and by a new connection (`broker`)."""
        with self._bus.listen() as listener:
            while True:
                try:
                    pause = await self.step()
                except HomieOtaError as error:
                    log.warning("The look for leftovers on the broker failed: %s", error)
                    pause = AFTER_A_FAILURE
                await self._until_asked(listener, pause)

    async def _until_asked(self, listener: Listener, pause: float) -> None:
        end = time.monotonic() + pause
        while (left := end - time.monotonic()) > 0:
            asked = [each for each in await listener.wait(left) if each.kind in ("leftovers", "broker")]
            if any(each.kind == "broker" or each.about.get("look") for each in asked):
                self._looked = float("-inf")
            if asked:
                return

    async def step(self) -> float:
        """Clear what was asked for, look when it is time; the seconds until the next step."""
        if not (self._may() and self._sender.is_open()):
            return AGAIN
        due = await self._database.read(leftovers.due)
        if [each for each in due if not await self._clear(each)]:
            return AGAIN
        left = self._looked + EVERY - time.monotonic()
        if left > 0:
            return left
        if (await self._database.read(flight.now_flying)).everything.transfers:
            return AGAIN
        return EVERY if await self._look() else AGAIN

    async def _look(self) -> bool:
        kept = await self._scan(homie_leftovers.filters(self._bases))
        if kept is None:
            return False
        self._looked, now = time.monotonic(), self._clock()
        found = [
            Found(each.topic, seen, each.size)
            for each in kept
            if each.size and (seen := homie_leftovers.read(self._bases, each.topic, each.head))
        ]
        new, gone = await self._database.write(lambda conn: leftovers.note(conn, found, now=now))
        if new:
            log.warning("%d more topics on the broker make devices update again and again.", new)
        if new or gone:
            self._bus.say("order")  # what waits may be held back now, or no more
        return True

    async def _clear(self, clearing: Clearing) -> bool:
        """False when it did not reach the broker, as far as is known: once more does no harm."""
        try:
            await self._sender.deliver(clearing.message)
        except Unreachable:
            return False
        now = self._clock()
        await self._database.write(lambda conn: leftovers.cleared(conn, clearing, now=now), urgent=True)
        log.info("%s was cleared, as %s asked.", clearing.of.topic, clearing.of.asked_by)
        self._bus.say("order")
        return True
