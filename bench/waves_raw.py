"""The reference of (i): a raw socket that pushes to as many devices at a time; `python -m bench.waves_raw`.

A device has a place from its image until it says `ready` again. Nothing is kept, proven or shown.
"""

from __future__ import annotations

import hashlib
import json
import select
import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

from bench import wire
from bench.traffic import BASE
from bench.waves import image

PUBLISH = 0x30
_CHUNK = 1 << 18


def main(argument: str) -> int:
    """Bring every device that is ready to the image."""
    about = json.loads(argument)
    with wire.dial("127.0.0.1", about["port"], "bench-waves-raw") as sock:
        sock.sendall(wire.subscribe_packet(f"{BASE}+/$state"))
        states = _States(sock)
        waiting = _ready(states, about["devices"])
        print(json.dumps({"seconds": _push(sock, states, waiting, about)}), flush=True)
        sys.stdin.readline()
    return 0


class _States:
    """What devices say of their state, out of one stream of packets."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._left = sock, b""

    def heard(self, seconds: float) -> list[tuple[str, str]]:
        """Device and state of everything that came; waits for the first."""
        if not select.select([self._sock], [], [], seconds)[0]:
            return []
        self._left += self._sock.recv(_CHUNK)
        return list(self._packets())

    def _packets(self) -> Iterator[tuple[str, str]]:
        while (found := _packet(self._left)) is not None:
            first, body, self._left = found
            if first & 0xF0 == PUBLISH:
                size = int.from_bytes(body[:2], "big")
                start = size + 2 + (2 if first & 0x06 else 0)
                if first & 0x06:
                    self._sock.sendall(bytes((wire.PUBACK, 2)) + body[size + 2 : size + 4])
                yield body[2 : size + 2].decode().split("/")[-2], body[start:].decode()


def _packet(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The first packet: its first byte, its body, and what follows; None while it is not whole."""
    length = shift = 0
    for at in range(1, min(5, len(data))):
        length |= (data[at] & 0x7F) << shift
        shift += 7
        if not data[at] & 0x80:
            end = at + 1 + length
            return (data[0], data[at + 1 : end], data[end:]) if len(data) >= end else None
    return None


def _ready(states: _States, count: int) -> list[str]:
    found: set[str] = set()
    while len(found) < count:
        found |= {device for device, state in states.heard(60) if state == "ready"}
    return sorted(found)


def _push(sock: socket.socket, states: _States, waiting: list[str], about: dict[str, Any]) -> float:
    data = image(about, "2.0.0")
    tail = f"/$implementation/ota/firmware/{hashlib.md5(data).hexdigest()}"
    flying: set[str] = set()
    began = time.monotonic()
    while waiting or flying:
        while waiting and len(flying) < about["parallel"]:
            device = waiting.pop()
            flying.add(device)
            sock.sendall(
                wire.publish_packet(f"{BASE}{device}{tail}", data, qos=1, mid=len(waiting) % 65535 + 1)
            )
        flying -= {device for device, state in states.heard(60) if state == "ready"}
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
