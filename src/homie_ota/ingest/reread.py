"""Reads again what the broker did not deliver: a default mosquitto drops retained messages without a word.

Rule: never trust a burst. After connecting, the topics that every device has are read one attribute at a time (small
enough for any queue), so that no whole device is missed; then each device whose announce has holes is read by itself, a
few at a time. A marker of our own, published behind a subscription, says when its retained messages are through.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from homie_ota.errors import Unreachable
from homie_ota.fleet import Fleet, KnownDevice
from homie_ota.homie import generation, missing, reread
from homie_ota.model import Address, Publish
from homie_ota.mqtt import Session

DISCOVERY = ("$state", "$online")
"""One of these every device of every generation publishes; what else it lacks then shows as holes."""

WINDOW = 100
"""Devices read again at the same time: about 20 topics each, far below the 1,000 messages that a broker queues."""

A_LOOK = 200
"""Devices looked at for holes before others get their turn."""

QUIET = 0.03
"""Seconds without any message that count as quiet."""

PATIENCE = 10.0
DROPPED_TOPIC = "$SYS/broker/publish/messages/dropped"


class Reread:
    """The gap filling of one ingest; `run` it after each connect, and again when the broker's drop counter jumps."""

    def __init__(self, fleet: Fleet, bases: Iterable[str], last_message: Callable[[], float]) -> None:
        self._fleet, self._bases, self._last_message = fleet, tuple(bases), last_message
        self._markers: dict[str, asyncio.Event] = {}
        self._topic = f"homie-ota/marker/{secrets.token_hex(6)}"
        self._numbers = itertools.count()
        self._found: dict[Address, tuple[str, ...]] = {}
        self.dropped: int | None = None
        self.jumped = asyncio.Event()
        self.settled = self.complete = self.bursting = False
        self.reread_devices = 0

    def subscribe(self, session: Session, *, counts_drops: bool = True) -> None:
        """What the gap filling itself listens to; part of every connect.

        `counts_drops`: the broker has a `$SYS` topic for it. Our embedded one hangs up on who asks for it.
        """
        session.subscribe([self._topic, *([DROPPED_TOPIC] if counts_drops else [])])

    def is_own(self, topic: str, payload: bytes) -> bool:
        """Take in our marker and the broker's drop counter; False for everything else."""
        if topic == self._topic:
            marker = self._markers.get(payload.decode())
            if marker is not None:
                marker.set()
            return True
        if topic == DROPPED_TOPIC:
            self._count_dropped(payload)
            return True
        return False

    def _count_dropped(self, payload: bytes) -> None:
        if not payload.isdigit():
            return
        count = int(payload)
        if self.dropped is not None and count > self.dropped:
            self.jumped.set()
        self.dropped = count

    async def run(self, session: Session) -> None:
        """Fill the gaps; raises Unreachable when the connection goes meanwhile.

        `bursting` is True while the first answer to the subscriptions pours in.
        `settled` is True as soon as the state of every device is known, `complete` when all else is.
        """
        self.settled = self.complete = False
        self._found.clear()
        self.bursting = True
        try:
            await self._through(session)
        finally:
            self.bursting = False
        for base, attribute in itertools.product(self._bases, DISCOVERY):
            await self._read(session, [f"{base}+/{attribute}"])
        await self._be_quiet()
        self.settled = True
        while holed := await self._worth_reading():
            for start in range(0, len(holed), WINDOW):
                await self._read_devices(session, holed[start : start + WINDOW])
            await self._be_quiet()
        self.complete = True

    async def _worth_reading(self) -> list[KnownDevice]:
        """Devices with holes that another look may fill: not those to which the last look brought nothing."""
        holed: list[KnownDevice] = []
        for number, known in enumerate(list(self._fleet.devices)):
            if number % A_LOOK == 0:
                await asyncio.sleep(
                    0
                )  # ten thousand devices at once would hold everything up for a third of a second
            holes = missing(known)
            if holes and self._found.get(known.address) != holes:
                self._found[known.address] = holes
                holed.append(known)
        return holed

    async def _read_devices(self, session: Session, window: list[KnownDevice]) -> None:
        filters = [each for known in window for each in reread(known.address, generation(known.facts))]
        self.reread_devices += len(window)
        await self._read(session, filters)

    async def _read(self, session: Session, filters: list[str]) -> None:
        session.subscribe(filters)
        await self._through(session)
        session.unsubscribe(filters)

    async def _through(self, session: Session) -> None:
        """Wait until everything that was asked for has come; a lost marker is sent again."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            word = str(next(self._numbers))
            marker = self._markers[word] = asyncio.Event()
            session.send(Publish(self._topic, word.encode(), qos=0))
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await marker.wait()
            del self._markers[word]
            if marker.is_set():
                return
            if not session.connected:
                raise Unreachable("The broker went away while the inventory was being read.")

    async def _be_quiet(self) -> None:
        """Wait for a moment without messages: a broker that is not single-threaded may send the marker too early."""
        began = time.monotonic()
        while time.monotonic() - began < PATIENCE:
            heard = self._last_message()
            await asyncio.sleep(QUIET)
            if self._last_message() == heard:
                return
