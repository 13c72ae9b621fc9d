"""In which order those that wait are asked whether they may start, in a simulation.

Rule: first who just woke, for it will not stay; then who is there; then late joiners; last who wants the air for
itself, and only when nothing is on it. The engine's own queue (`store/turns.py`) has the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from heapq import heappop, heappush
from typing import NamedTuple


class Turn(IntEnum):
    """Whose turn it is before whose."""

    WOKEN = 0
    READY = 1
    LATE = 2
    ALONE = 3


class Wait(NamedTuple):
    """Something that is queued for a device since then; `fresh` and `alone` as in `attempts.Retry`."""

    since: float
    back: bool = False
    not_before: float | None = None
    fresh: bool = False
    alone: bool = False


class Queues:
    """One heap a turn; a device may stand twice, or no longer wait when its turn comes."""

    def __init__(self, order: Sequence[int]) -> None:
        self._position = {device: position for position, device in enumerate(order)}
        self._heaps: dict[Turn, list[tuple[int, int]]] = {turn: [] for turn in Turn}

    def stand(self, device: int, turn: Turn) -> None:
        """A device waits for its turn."""
        heappush(self._heaps[turn], (self._position[device], device))

    def first(self, turn: Turn) -> int | None:
        """Who is asked next; None when nobody stands there."""
        heap = self._heaps[turn]
        return heap[0][1] if heap else None

    def next(self, turn: Turn) -> None:
        """The first one goes, or steps aside."""
        heappop(self._heaps[turn])
