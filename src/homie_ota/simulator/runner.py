"""One virtual device on a real broker: its connection, its clock, the pace of its Wi-Fi.

Rule: a device is driven by one task only, which does what the device says in its order. What comes in from an old
connection is thrown away, as a chip does that has rebooted.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterable
from typing import NamedTuple

from homie_ota.errors import Unreachable
from homie_ota.model import Publish
from homie_ota.mqtt import Broker, Connection
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.fetch import fetch
from homie_ota.simulator.segments import Stream
from homie_ota.simulator.setup import Phase
from homie_ota.simulator.values import Connect, Disconnect, Drop, HttpGet, HttpResponse, Output, Subscribe

_RETRY = 1.0
"""Seconds of ours before a device tries a broker again that did not answer."""
_SLOW_TRANSFER = 90.0
"""Seconds that an image takes for a device with the fault `slow`."""
_LEAST_PAUSE = 0.004


class _Arrived(NamedTuple):
    topic: str
    payload: bytes
    qos: int
    retain: bool


class _Lost(NamedTuple):
    """The connection is gone."""


class _Answered(NamedTuple):
    response: HttpResponse | None


class Clock:
    """Seconds of the devices: ours, times the speed."""

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._start = asyncio.get_running_loop().time()

    @property
    def now(self) -> float:
        return (asyncio.get_running_loop().time() - self._start) * self.speed


class Runner:
    """One device on one broker, from power-on to power-off."""

    def __init__(
        self, device: VirtualDevice, broker: Broker, clock: Clock, rate: float, gate: asyncio.Semaphore
    ) -> None:
        self.device = device
        self._broker = broker
        self._clock = clock
        self._rate = rate
        self._gate = gate
        self._inbox: asyncio.Queue[tuple[int, _Arrived | _Lost | _Answered]] = asyncio.Queue()
        self._connection: Connection | None = None
        self._session = 0
        self._asides: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Live until cancelled, or until the device is gone for good."""
        try:
            await self._do(self.device.power_on(self._clock.now))
            while self.device.phase is not Phase.GONE:
                await self._step()
        finally:
            self._hang_up()
            for aside in self._asides:
                aside.cancel()

    @property
    def confirmed(self) -> bool:
        """True when the broker has seen all that the device said at QoS 1, its subscriptions before that included."""
        return self._connection is None or self._connection.confirmed

    def cut(self) -> None:
        """Break its TCP connection, as a bad access point does."""
        if self._connection:
            self._connection.abort()

    async def _step(self) -> None:
        """Wait for the next thing that happens, and let the device have it."""
        pause = (self.device.next_tick - self._clock.now) / self._clock.speed
        try:
            async with asyncio.timeout(max(0.0, pause) if pause < 86_400 else None):
                session, arrived = await self._inbox.get()
        except TimeoutError:
            await self._do(self.device.tick(self._clock.now))
            return
        match arrived:
            case _Answered(response):
                await self._do(self.device.http_response(self._clock.now, response))
            case _ if session != self._session:
                pass
            case _Lost():
                self._hang_up()
                await self._do(self.device.connection_lost(self._clock.now))
            case _Arrived():
                await self._take_in(arrived)

    async def _take_in(self, message: _Arrived) -> None:
        """Feed a message to the device at the rate of its Wi-Fi; the device may reboot in the middle of it."""
        session = self._session
        rate = self._rate_for(len(message.payload))
        start = self._clock.now
        chunks = Stream().chunks(message.topic, message.payload, message.qos, retain=message.retain)
        for chunk in chunks:
            await self._do(self.device.chunk(self._clock.now, chunk))
            await self._pace(start + (chunk.index + len(chunk.data)) / rate)
            if self.device.next_tick <= self._clock.now:
                await self._do(self.device.tick(self._clock.now))
            if session != self._session or self._is_lost():
                return

    def _is_lost(self) -> bool:
        return self._connection is None or self._connection.lost.is_set()

    def _rate_for(self, size: int) -> float:
        return size / _SLOW_TRANSFER if self.device.faults.slow and size > 1000 else self._rate

    async def _pace(self, until: float) -> None:
        pause = (until - self._clock.now) / self._clock.speed
        if pause > _LEAST_PAUSE:
            await asyncio.sleep(pause)

    # --- what devices want done -----------------------------------------------------------------------------------

    async def _do(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Publish():
                    self._send(output)
                case Connect():
                    await self._connect(output)
                case Subscribe(filters, qos):
                    self._subscribe(filters, qos)
                case Disconnect():
                    await self._leave()
                case Drop():
                    self._hang_up()
                case HttpGet():
                    self._beside(self._ask(output))

    def _send(self, message: Publish) -> None:
        if self._connection:
            with contextlib.suppress(Unreachable):  # then `lost` says so in a moment
                self._connection.send(message)

    def _subscribe(self, filters: Iterable[str], qos: int) -> None:
        if self._connection:
            self._connection.subscribe(filters, qos=qos)

    async def _connect(self, wanted: Connect) -> None:
        self._session += 1
        session = self._session

        def on_message(topic: str, payload: bytes, qos: int, retain: bool) -> None:
            self._inbox.put_nowait((session, _Arrived(topic, payload, qos, retain)))

        try:
            async with self._gate:
                self._connection = await Connection.open(
                    self._broker,
                    client_id=wanted.client_id,
                    on_message=on_message,
                    will=wanted.will,
                    keepalive=wanted.keepalive,
                )
        except Unreachable:
            await asyncio.sleep(_RETRY)
            await self._do(self.device.connection_lost(self._clock.now))
            return
        self._beside(self._watch(self._connection, session))
        await self._do(self.device.connected())

    async def _watch(self, connection: Connection, session: int) -> None:
        await connection.lost.wait()
        self._inbox.put_nowait((session, _Lost()))

    async def _ask(self, request: HttpGet) -> None:
        self._inbox.put_nowait((self._session, _Answered(await fetch(request))))

    async def _leave(self) -> None:
        connection, self._connection = self._connection, None
        self._session += 1
        if connection:
            await connection.close()

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        self._session += 1
        if connection:
            connection.abort()

    def _beside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)
