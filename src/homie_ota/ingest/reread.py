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

from homie_ota.errors import Unreachable
from homie_ota.fleet import Fleet, KnownDevice
from homie_ota.homie import generation, missing, reread
from homie_ota.model import Publish
from homie_ota.mqtt import Session

DISCOVERY = ("$state", "$online", "$homie", "$fwname", "$fw/name")
"""One of these every device of every generation publishes."""

WINDOW = 100
"""Devices read again at the same time: about 20 topics each, far below the 1,000 messages that a broker queues."""

ROUNDS = 3
"""How often one device is read again before what is missing counts as never published."""

QUIET = 0.05
"""Seconds without any message after the marker: brokers that are not single-threaded may overtake themselves."""

PATIENCE = 10.0
DROPPED_TOPIC = "$SYS/broker/publish/messages/dropped"


class Reread:
    """The gap filling of one ingest; `run` it after each connect, and again when the broker's drop counter jumps."""

    def __init__(self, fleet: Fleet, bases: Iterable[str], last_message: Callable[[], float]) -> None:
        self._fleet, self._bases, self._last_message = fleet, tuple(bases), last_message
        self._markers: dict[str, asyncio.Event] = {}
        self._topic = f"homie-ota/marker/{secrets.token_hex(6)}"
        self._numbers = itertools.count()
        self._tried: dict[KnownDevice, int] = {}
        self.dropped: int | None = None
        self.jumped = asyncio.Event()
        self.settled = False
        self.reread_devices = 0

    def subscribe(self, session: Session) -> None:
        """What the gap filling itself listens to; part of every connect."""
        session.subscribe([self._topic, DROPPED_TOPIC])

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
        """Fill the gaps; raises Unreachable when the connection goes meanwhile."""
        self.settled = False
        self._tried.clear()
        await self._through(session)
        for base, attribute in itertools.product(self._bases, DISCOVERY):
            await self._read(session, [f"{base}+/{attribute}"])
        for _ in range(ROUNDS):
            holed = [known for known in self._fleet.devices if missing(known)]
            holed = [known for known in holed if self._tried.get(known, 0) < ROUNDS]
            for start in range(0, len(holed), WINDOW):
                await self._read_devices(session, holed[start : start + WINDOW])
        self.settled = True

    async def _read_devices(self, session: Session, window: list[KnownDevice]) -> None:
        filters: list[str] = []
        for known in window:
            self._tried[known] = self._tried.get(known, 0) + 1
            filters += reread(known.address, generation(known.facts))
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
            try:
                async with asyncio.timeout(1.0):
                    await marker.wait()
            except TimeoutError:
                if not session.connected:
                    raise Unreachable("The broker went away while the inventory was being read.") from None
                continue
            finally:
                del self._markers[word]
            if await self._is_quiet():
                return

    async def _is_quiet(self) -> bool:
        heard = self._last_message()
        await asyncio.sleep(QUIET)
        return self._last_message() == heard
