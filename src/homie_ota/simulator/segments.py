"""How a payload reaches a device: in pieces of one TCP read, as the recordings show.

Rule: the sender's bursts of two full segments (2 × 1,448 bytes) are read 1,460 bytes at a time, so reads of 1,460
and 1,436 bytes take turns; the packet's own header takes its part of the first. How big the first burst is depends
on the sender's mood; 4,344 is what most recordings have.
"""

from __future__ import annotations

from collections.abc import Iterator

from homie_ota.simulator.values import Chunk

READ = 1460
BURST = 2896
FIRST_BURST = 4344


def header_length(topic: str, payload: int, qos: int) -> int:
    """Bytes of a PUBLISH before its payload."""
    variable = 2 + len(topic.encode()) + (2 if qos else 0)
    remaining = variable + payload
    length_bytes = 1 + sum(remaining >= limit for limit in (128, 16_384, 2_097_152))
    return 1 + length_bytes + variable


class Stream:
    """The bytes of one connection, from its last pause on; messages follow each other without a gap."""

    def __init__(self, first_bursts: tuple[int, ...] = (FIRST_BURST,)) -> None:
        self._reads = _read_sizes(first_bursts)
        self._left = 0
        self.reads = 0

    def chunks(self, topic: str, payload: bytes, qos: int, *, retain: bool = False) -> Iterator[Chunk]:
        """The pieces of one message in order; `reads` tells in which read of the stream the last one came."""
        self._skip(header_length(topic, len(payload), qos))
        if not payload:
            yield Chunk(topic, b"", 0, 0, retain)
        start = 0
        while start < len(payload):
            piece = payload[start : start + self._available()]
            yield Chunk(topic, piece, start, len(payload), retain)
            self._left -= len(piece)
            start += len(piece)

    def _available(self) -> int:
        if not self._left:
            self._left = next(self._reads)
            self.reads += 1
        return self._left

    def _skip(self, count: int) -> None:
        while count:
            step = min(count, self._available())
            self._left -= step
            count -= step


def _read_sizes(first_bursts: tuple[int, ...]) -> Iterator[int]:
    for burst in first_bursts:
        yield from _reads(burst)
    while True:
        yield from _reads(BURST)


def _reads(burst: int) -> Iterator[int]:
    for start in range(0, burst, READ):
        yield min(READ, burst - start)
