"""A form with files as it comes in, part after part, never held in memory.

Rule: what comes is counted and timed: too much ends in TooLarge, too slow or cut off in an error of the one who reads
the file, so that half a file is never taken for a whole one.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from typing import NamedTuple

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from homie_ota.errors import HomieOtaError, TooLarge, WrongUse

SILENCE = 30.0
"""Seconds without a byte until an upload is given up."""
SLOWEST = 1024.0
"""Bytes per second, on average after SILENCE."""
LONGEST_FIELD = 64 * 1024
MOST_PARTS = 50
OVERHEAD = 256 * 1024
"""What a form may have besides the file: boundaries, fields."""


class TooSlow(HomieOtaError):
    """The sender of an upload stopped, or sends too little."""

    code = "too-slow"
    status = 408
    exit_status = 5


class Part(NamedTuple):
    """One part of a form; `filename` is None for a plain field. Read `chunks` before the next part, or not at all."""

    name: str
    filename: str | None
    chunks: AsyncIterator[bytes]

    async def text(self) -> str:
        """The value of a plain field; raises TooLarge."""
        value = bytearray()
        async for chunk in self.chunks:
            value += chunk
            if len(value) > LONGEST_FIELD:
                raise TooLarge(f"The field {self.name!r} is longer than {LONGEST_FIELD} bytes.")
        return value.decode("utf-8", "replace")


async def parts(request: Request, *, largest: int, longest: float) -> AsyncIterator[Part]:
    """The parts of a multipart form as they arrive; `largest` bytes of file and `longest` seconds at most.

    Raises WrongUse where it is no such form, TooLarge, TooSlow, and ClientDisconnect where it was cut off.
    """
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    if kind != b"multipart/form-data" or b"boundary" not in options:
        raise WrongUse("Send the file as a form: curl -F upload=@firmware.bin (multipart/form-data).")
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > largest + OVERHEAD:
        raise _too_large(largest)
    reader = _Reader(request, options[b"boundary"], largest + OVERHEAD, longest)
    for _ in range(MOST_PARTS):
        part = await reader.next_part()
        if part is None:
            return
        yield part
        async for _ in part.chunks:
            pass
    raise TooLarge(f"The form has more than {MOST_PARTS} parts.")


def _too_large(largest: int) -> TooLarge:
    return TooLarge(
        f"This is more than {largest / (1 << 20):.4g} MiB, the most that may be sent here. For images, max_upload in "
        "[ota] of the settings says how much; no ESP image is larger than its flash memory."
    )


class _Reader:
    def __init__(self, request: Request, boundary: bytes, largest: int, longest: float) -> None:
        self._stream = request.stream()
        self._largest, self._longest = largest, longest
        self._read = 0
        self._since = time.monotonic()
        # What the parser found and nobody took yet: a header, a piece of a part, its end (None).
        self._found: deque[dict[bytes, bytes] | bytes | None] = deque()
        self._headers: dict[bytes, bytes] = {}
        self._field = b""
        self._value = b""
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin,
                    "on_header_field": self._on_field,
                    "on_header_value": self._on_value,
                    "on_header_end": self._header_end,
                    "on_headers_finished": lambda: self._found.append(self._headers),
                    "on_part_data": lambda data, start, end: self._found.append(data[start:end]),
                    "on_part_end": lambda: self._found.append(None),
                    "on_end": self._end,
                },
            )
        except FormParserError as error:
            raise WrongUse(f"The form cannot be read: {error}.") from None
        self._ended = False
        self._whole = False

    def _end(self) -> None:
        self._whole = True

    def _begin(self) -> None:
        self._headers, self._field, self._value = {}, b"", b""

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        self._headers[self._field.lower()] = self._value
        self._field = self._value = b""

    async def next_part(self) -> Part | None:
        headers = await self._take()
        if not isinstance(headers, dict):
            return None
        _, options = parse_options_header(headers.get(b"content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        filename = options.get(b"filename")
        return Part(name, None if filename is None else filename.decode("utf-8", "replace"), self._chunks())

    async def _chunks(self) -> AsyncIterator[bytes]:
        while isinstance(piece := await self._take(), bytes):
            yield piece

    async def _take(self) -> dict[bytes, bytes] | bytes | None:
        """The next thing found; None ends a part, and stands for ever at the end of the form."""
        while not self._found:
            if self._ended:
                return None
            await self._feed()
        return self._found.popleft()

    async def _feed(self) -> None:
        data = await self._receive()
        if not data:
            self._finish()
            return
        self._read += len(data)
        if self._read > self._largest:
            raise _too_large(self._largest - OVERHEAD)
        taken = time.monotonic() - self._since
        if taken > self._longest or (taken > SILENCE and self._read < taken * SLOWEST):
            raise TooSlow(f"The upload sent {self._read} bytes in {taken:.0f} s; that is too slow to go on.")
        self._parse(data)

    async def _receive(self) -> bytes:
        try:
            async with asyncio.timeout(SILENCE):
                return await anext(self._stream, b"")
        except TimeoutError:
            raise TooSlow(
                f"The upload stopped for {SILENCE:.0f} s. Nothing was kept; send it again."
            ) from None

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise WrongUse(f"The form cannot be read: {error}.") from None

    def _finish(self) -> None:
        self._ended = True
        if not self._whole:
            raise ClientDisconnect
