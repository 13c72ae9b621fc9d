"""A receiver of webhooks on this machine, which answers as it is told, and remembers what it was sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 204 No Content\r\n\r\n"
SILENCE = b""


@dataclass
class Request:
    line: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """`answers` are what it says to the next requests, OK behind the last one; SILENCE: it hangs."""

    url: str = ""
    answers: deque[bytes] = field(default_factory=deque)
    got: list[Request] = field(default_factory=list)
    usual: bytes = OK

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            line, *rest = head.strip().split("\r\n")
            headers = {name.lower(): value for name, _, value in (each.partition(": ") for each in rest)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            answer = self.answers.popleft() if self.answers else self.usual
            if answer == SILENCE:
                await reader.read()  # until the other side gives up
                return
            self.got.append(Request(line, headers, body))
            writer.write(answer)
            await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    found = Receiver()
    server = await asyncio.start_server(found.serve, "127.0.0.1", 0)
    found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield found
    finally:
        server.close()


async def until(what: object, at_most: float = 20.0) -> None:
    """Wait until a question is answered with yes."""
    assert callable(what)
    async with asyncio.timeout(at_most):
        while not what():
            await asyncio.sleep(0.005)
