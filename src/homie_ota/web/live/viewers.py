"""One viewer of a live page: the stream to a browser, never more than one message behind.

Rule: who reads too slowly gets the whole of what is shown now instead of the changes in between; who does not read at
all is let go.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from starlette.types import Receive, Scope, Send

from homie_ota.web.live.channels import GZIP_HEAD, Channel, Message, event, pack

SILENCE = 15.0
"""Seconds until a sign of life, which also finds out who has gone."""
SLOWEST = 30.0
"""Seconds that one message may take to be read."""
RECHECK = 60.0
"""Seconds after which it is asked again whether a viewer may look."""
PING = b":\n\n"
_PACKED_PING = pack(PING)


class Viewer:
    """Somebody who looks at a channel. `is_packed`: the stream is compressed."""

    def __init__(self, channel: Channel, *, is_packed: bool) -> None:
        self.channel = channel
        self.is_packed = is_packed
        self.is_over = False
        self._next: Message | None = None
        self._last_word = ""
        self._is_behind = False
        self._something = asyncio.Event()

    def give(self, message: Message) -> None:
        """A change of what is shown; never waits."""
        self._is_behind = self._is_behind or self._next is not None
        self._next = message
        self._something.set()

    def catch_up(self) -> None:
        """Let the next message be all that is shown."""
        self._is_behind = True
        self._something.set()

    def end(self, sentence: str = "") -> None:
        """No more; with a sentence the browser does not come back but says it."""
        self.is_over, self._last_word = True, sentence
        self._something.set()

    async def take(self) -> bytes:
        """The next piece of the stream; empty after the end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SILENCE):
                await self._something.wait()
        if not self.is_over:
            self._something.clear()
        if self.is_over:
            word, self._last_word = self._last_word, ""
            return self._written(event(word, "over")) if word else b""
        message = self.channel.whole() if self._is_behind and self.channel.shown else self._next
        self._next, self._is_behind = None, False
        if message is None:
            return _PACKED_PING if self.is_packed else PING
        return message.packed if self.is_packed else message.plain

    def _written(self, body: bytes) -> bytes:
        return pack(body) if self.is_packed else body


class Stream:
    """The answer to `GET /live/…`. `may_look` is asked now and then; `leave` is called however it ends."""

    def __init__(
        self, viewer: Viewer, may_look: Callable[[], Awaitable[bool]], leave: Callable[[], None]
    ) -> None:
        self._viewer, self._may_look, self._leave = viewer, may_look, leave

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        gone = asyncio.create_task(_until_gone(receive, self._viewer))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self._headers()})
            if self._viewer.is_packed:
                await send({"type": "http.response.body", "body": GZIP_HEAD, "more_body": True})
            await self._tell(send)
        except (TimeoutError, OSError):
            pass
        finally:
            gone.cancel()
            self._leave()

    def _headers(self) -> list[tuple[bytes, bytes]]:
        told = {
            b"content-type": b"text/event-stream; charset=utf-8",
            b"cache-control": b"no-store",
            b"x-accel-buffering": b"no",
            b"vary": b"Accept-Encoding",
        }
        if self._viewer.is_packed:
            told[b"content-encoding"] = b"gzip"
        return list(told.items())

    async def _tell(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        while True:
            piece = await self._viewer.take()
            if loop.time() - asked_at > RECHECK:
                asked_at = loop.time()
                if not await self._may_look():
                    self._viewer.end()
                    piece = b""
            async with asyncio.timeout(SLOWEST):
                await send({"type": "http.response.body", "body": piece, "more_body": bool(piece)})
            if not piece:
                return


async def _until_gone(receive: Receive, viewer: Viewer) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    viewer.end()
