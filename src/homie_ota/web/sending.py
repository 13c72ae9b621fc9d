"""Image bytes to a device: from one object in memory, however many devices read it and however slowly.

Rule: nothing is copied for one reader: slices are views of the cached image, and the next one is handed over when the
socket has taken the last. A reader that is slower than SLOWEST is cut off.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from homie_ota.web.connection import ABORT
from homie_ota.web.spelling import spelled

SLICE = 128 * 1024
GRACE = 30.0
SLOWEST = 2048.0
"""Bytes per second, on average, after GRACE seconds: 600 KB may take five minutes; a working ESP needs under one."""

Progress = Callable[[int], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes `start` to `stop` (excluded) of an image of `total`."""

    start: int
    stop: int
    total: int

    @property
    def whole(self) -> bool:
        return self.start == 0 and self.stop == self.total


_RANGE = re.compile(r"bytes=([0-9]{1,12})?-([0-9]{1,12})?")


def part(range_header: str | None, total: int) -> Part | None:
    """The part that a Range header asks for; all of it without one (or with one that we do not serve, as HTTP allows).

    None: the part lies outside, the answer is 416.
    """
    found = _RANGE.fullmatch((range_header or "").strip().lower())
    if found is None or found.group(1) is found.group(2) is None:
        return Part(0, total, total)
    first, last = found.groups()
    if first is None:
        start, stop = max(0, total - int(last)), total
    else:
        start, stop = int(first), min(total, int(last) + 1 if last is not None else total)
    return Part(start, stop, total) if start < stop else None


class Sending:
    """One answer with image bytes, as an ASGI application.

    `handed` counts what the socket took, `complete` is True when that was all.
    """

    def __init__(
        self,
        body: bytes,
        of: Part,
        headers: dict[str, str],
        *,
        longest: float,
    ) -> None:
        # As long as the slowest reader we bear with needs, and never longer than the settings say.
        self._seconds = min(longest, GRACE + (of.stop - of.start) / SLOWEST)
        self._body = memoryview(body)[of.start : of.stop]
        self._status = 200 if of.whole else 206
        self._headers = {"Content-Type": "application/octet-stream", "Content-Length": str(len(self._body))}
        if not of.whole:
            self._headers["Content-Range"] = f"bytes {of.start}-{of.stop - 1}/{of.total}"
        self._headers |= headers
        self.progress: Progress | None = None
        self.handed = 0
        self.complete = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(self._seconds):
                await self._send(scope, receive, send)
        except TimeoutError:
            _cut(scope)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self._status, "headers": spelled(self._headers)}
        await send(start)
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body"})
        elif self.progress is None and _keeps_views():
            await send({"type": "http.response.body", "body": self._body, "more_body": True})
            await send({"type": "http.response.body"})  # waits until the socket has taken it
        else:
            gone = asyncio.ensure_future(_disconnect(receive))
            try:
                await self._send_watched(send, gone)
            finally:
                gone.cancel()

    async def _send_watched(self, send: Send, gone: asyncio.Future[None]) -> None:
        for at in range(0, len(self._body), SLICE):
            piece = self._body[at : at + SLICE]
            await send({"type": "http.response.body", "body": piece, "more_body": True})
            if gone.done():
                return
            self.handed = at  # the piece itself may still wait in the buffer of the socket
            if self.progress is not None:
                await self.progress(at)
        # An empty message waits until the socket has taken the last piece; then a lost connection shows.
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        await asyncio.sleep(0)
        if not gone.done():
            self.handed, self.complete = len(self._body), True
            await send({"type": "http.response.body"})


def _keeps_views() -> bool:
    """Whether the loop waits with what the socket does not take by keeping a view of it, as uvloop does.

    The loop of Python 3.11 copies it instead, which for a thousand slow readers of one image is a thousand images.
    """
    return type(asyncio.get_running_loop()).__module__.startswith("uvloop")


async def _disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _cut(scope: Scope) -> None:
    """End the connection at once. A plain close would wait for the very reader that does not read."""
    abort = (scope.get("extensions") or {}).get(ABORT)
    if abort is None:
        raise TimeoutError("the reader of an image was too slow")
    abort()
