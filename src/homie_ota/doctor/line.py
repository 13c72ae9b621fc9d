"""The doctor's own connections to a broker: what is sent there, and whether it comes back.

Rule: client ids are new each time, topics are those of a device that does not exist or `homie-ota/doctor/…`; what is
retained there is cleared before the connection ends, and whatever an examination that was killed left behind.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from contextlib import asynccontextmanager

from homie_ota.errors import Unreachable
from homie_ota.model import Publish
from homie_ota.mqtt import Broker, Connection, scan

OWN = "homie-ota/doctor/"
"""Where retained probes lie for a moment; `homie-ota/#` is the server's (`homie/access.py`)."""
SOON, LONG = 2.0, 20.0
"""Seconds in which a small message comes back, and an image."""
AT_ONCE = 100
"""Messages that are on their way unconfirmed."""


class Line:
    """One connection with all that it hears: topic → payloads, retained or not."""

    def __init__(self) -> None:
        self.heard: dict[str, list[bytes]] = {}
        self._connection: Connection | None = None

    async def open(self, broker: Broker, client_id: str = "") -> None:
        """Connect, with a client id of its own where none is named; Unreachable."""
        name = client_id or f"homie-ota-doctor-{secrets.token_hex(4)}"
        self._connection = await Connection.open(broker, client_id=name, on_message=self._hear)

    def _hear(self, topic: str, payload: bytes, _qos: int, _retain: bool) -> None:
        self.heard.setdefault(topic, []).append(bytes(payload))

    @property
    def connection(self) -> Connection:
        """The connection; only while it is open."""
        assert self._connection is not None
        return self._connection

    @property
    def lost(self) -> bool:
        """Whether the broker has ended the connection."""
        return self.connection.lost.is_set()

    async def until(self, true: Callable[[], bool], seconds: float) -> bool:
        """Wait until something is so; False when it is not in time, or the connection is lost before."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while not true() and not self.lost:  # noqa: ASYNC110 - messages come by a callback of the library
                    await asyncio.sleep(0.005)
        return true()

    async def echoes(self, topic: str, payload: bytes, qos: int, seconds: float) -> bool:
        """Whether a message that is not retained comes back to who sent it."""
        self.connection.subscribe([topic], qos)
        with contextlib.suppress(Unreachable):
            self.connection.send(Publish(topic, payload, qos=qos, retain=False))
        return await self.until(lambda: payload in self.heard.get(topic, ()), seconds)

    async def publish(self, topics: Iterable[str], payload: bytes) -> None:
        """Publish retained, some at a time, and wait until the broker has confirmed them; Unreachable."""
        wanted = list(topics)
        for start in range(0, len(wanted), AT_ONCE):
            for topic in wanted[start : start + AT_ONCE]:
                self.connection.send(Publish(topic, payload, qos=1, retain=True))
            if not await self.until(lambda: self.connection.confirmed, LONG):
                raise Unreachable("The broker stopped to confirm what was published.")

    async def number(self, topics: Collection[str], seconds: float = SOON) -> int:
        """How many of these topics are heard; it waits as long as more of them come."""
        seen = -1
        while seen < (now := len(topics & self.heard.keys())) < len(topics):
            seen = now
            await self.until(lambda: len(topics & self.heard.keys()) == len(topics), seconds)
        return len(topics & self.heard.keys())


@asynccontextmanager
async def line(broker: Broker, client_id: str = "") -> AsyncIterator[Line]:
    """A connection with a client id of its own; Unreachable."""
    made = Line()
    await made.open(broker, client_id)
    try:
        yield made
    finally:
        await made.connection.close()


@asynccontextmanager
async def kept(broker: Broker, topics: Collection[str], payload: bytes) -> AsyncIterator[None]:
    """Retained probes on these topics for the time of the `with` block, and never longer; Unreachable."""
    try:
        async with line(broker) as sender:
            await sender.publish(topics, payload)
        yield
    finally:
        async with line(broker) as cleaner:  # a new one: the first may have been thrown off
            await cleaner.publish(topics, b"")


async def sweep(broker: Broker) -> int:
    """Clear what an examination that was killed left behind; returns how much that was."""
    found = await scan(broker, [f"{OWN}#"], head=1, patience=5.0) or []
    async with line(broker) as cleaner:
        await cleaner.publish([each.topic for each in found], b"")
    return len(found)


def own_topics(count: int) -> frozenset[str]:
    """So many topics for probes, that nobody else has."""
    place = f"{OWN}{secrets.token_hex(6)}/"
    return frozenset(f"{place}{number}" for number in range(count))
