"""Keeps one connection up: again and again, with backoff and jitter."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Iterable, Iterator

from homie_ota.errors import Unreachable
from homie_ota.model import Publish
from homie_ota.mqtt.address import Broker
from homie_ota.mqtt.connection import Connection, NotSent
from homie_ota.mqtt.stream import OnMessage

log = logging.getLogger(__name__)

FIRST_RETRY, LAST_RETRY = 0.5, 30.0


def pauses() -> Iterator[float]:
    """Seconds before each further attempt: twice as long each time up to LAST_RETRY, half of it by chance.

    By chance, because everybody lost a broker that restarts in the same moment.
    """
    longest = FIRST_RETRY
    while True:
        yield longest * random.uniform(0.5, 1.0)
        longest = min(longest * 2, LAST_RETRY)


class Session:
    """Keeps one connection up: connects, calls `on_connect`, and again with backoff and jitter after each loss.

    `connected_since` and `lost_since` (the loop's clock, None when not so) let pages say how old the picture is.
    """

    def __init__(
        self,
        broker: Broker,
        *,
        client_id: str,
        on_message: OnMessage,
        on_connect: Callable[[], None],
        on_lost: Callable[[], None] = lambda: None,
        will: Publish | None = None,
    ) -> None:
        self.broker = broker
        self._client_id, self._will = client_id, will
        self._on_message, self._on_connect, self._on_lost = on_message, on_connect, on_lost
        self._connection: Connection | None = None
        self._delivering = asyncio.Lock()
        self.last_error = ""

    @property
    def connected(self) -> bool:
        """True between a CONNACK and the loss of that connection."""
        return self._connection is not None and not self._connection.lost.is_set()

    def _live(self) -> Connection:
        if self._connection is None or self._connection.lost.is_set():
            raise NotSent(f"Not connected to the broker {self.broker}; nothing was sent.")
        return self._connection

    async def run(self) -> None:
        """Stay connected until cancelled."""
        waits = pauses()
        while True:
            try:
                self._connection = await self._open()
                waits = pauses()
                self._on_connect()
                await self._connection.lost.wait()
                self.last_error = f"The broker {self.broker} closed the connection."
            except Unreachable as error:
                self.last_error = str(error)
            except asyncio.CancelledError:
                await self._end()
                raise
            pause = next(waits)
            log.warning("%s Next attempt in %.1f s.", self.last_error, pause)
            self._on_lost()
            await asyncio.sleep(pause)

    async def _open(self) -> Connection:
        return await Connection.open(
            self.broker, client_id=self._client_id, on_message=self._on_message, will=self._will, keepalive=30
        )

    async def _end(self) -> None:
        if self._connection is not None:
            await self._connection.close()

    def subscribe(self, filters: Iterable[str]) -> None:
        """Subscribe at QoS 0: a default mosquitto drops retained messages at QoS 1 (design, decision 13)."""
        self._live().subscribe(filters)

    def unsubscribe(self, filters: Iterable[str]) -> None:
        """Forget filters, so that a later subscription brings their retained messages again."""
        self._live().unsubscribe(filters)

    def send(self, message: Publish) -> None:
        """Send without waiting; for small messages only."""
        self._live().send(message)

    async def deliver(self, message: Publish) -> None:
        """Send and wait for the PUBACK, one message after another, so that no buffer holds more than one image."""
        async with self._delivering:
            await self._live().deliver(message)
