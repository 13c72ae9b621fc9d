"""A TCP passage between a server and its broker that a test can close at a certain byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from servers import BrokerAt, unused_port


class Passage:
    """Hands bytes on in both directions; with `stop_before` set, from the first packet with that word on not one more.

    `passed` are the bytes that went on towards the broker, `held` is set when something was held back.
    """

    def __init__(self, broker: BrokerAt) -> None:
        self._broker = broker
        self.port = unused_port()
        self.url = f"mqtt://127.0.0.1:{self.port}"
        self.stop_before = b""
        self.passed = 0
        self.held = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(self._broker.host, self._broker.port)
        for work in (self._hand_on(reader, far_writer, to_broker=True), self._hand_on(far_reader, writer)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _hand_on(
        self, source: asyncio.StreamReader, to: asyncio.StreamWriter, *, to_broker: bool = False
    ) -> None:
        is_closed = False
        try:
            while data := await source.read(65_536):
                if to_broker and self.stop_before and self.stop_before in data:
                    is_closed = True
                    self.held.set()
                if not is_closed:
                    self.passed += len(data) if to_broker else 0
                    to.write(data)
                    await to.drain()
        except OSError:
            pass
        finally:
            to.close()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Passage]:
        """Listen on `port` meanwhile."""
        listener = await asyncio.start_server(self._welcome, "127.0.0.1", self.port)
        try:
            yield self
        finally:
            listener.close()
            for task in list(self._tasks):
                task.cancel()
