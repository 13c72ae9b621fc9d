"""The HTTP request of a virtual device over a plain stream, bounded in bytes and seconds.

Rule: whatever goes wrong, the device gets what came, or None; nothing is raised.
"""

from __future__ import annotations

import asyncio

from homie_ota.simulator.http import parse
from homie_ota.simulator.values import HttpGet, HttpResponse

_SECONDS = 60.0
_MOST = 8 << 20


async def fetch(request: HttpGet) -> HttpResponse | None:
    """The answer to a request, its body as far as it came."""
    received = bytearray()
    try:
        async with asyncio.timeout(_SECONDS):
            await _exchange(request, received)
    except (OSError, TimeoutError, ValueError):
        pass
    return parse(bytes(received))


async def _exchange(request: HttpGet, received: bytearray) -> None:
    reader, writer = await asyncio.open_connection(request.host, request.port, ssl=request.tls or None)
    try:
        writer.write(request.raw)
        await writer.drain()
        while not _is_whole(received) and (piece := await reader.read(65_536)):
            received += piece
    finally:
        writer.close()


def _is_whole(received: bytearray) -> bool:
    """Whether the announced length is there, or more than any device would take."""
    end = received.find(b"\r\n\r\n")
    answer = parse(bytes(received[: end + 4])) if end >= 0 else None
    length = answer.headers.get("content-length", "") if answer else ""
    return len(received) >= _MOST or (length.isdigit() and len(received) >= end + 4 + int(length))
