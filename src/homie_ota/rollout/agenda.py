"""What is going to happen in a simulation, in the order of its times.

Rule: of two things at the same time the one that was entered first comes first, so that a run can be repeated.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush


class Agenda:
    """Calls at their times; `now` is the time of the one that runs. `taken` counts them."""

    def __init__(self, now: float) -> None:
        self.now, self.taken = now, 0
        self._heap: list[tuple[float, int, Callable[..., None], tuple[int, ...]]] = []
        self._entered = 0
        self._single: dict[Callable[..., None], float] = {}

    def enter(self, at: float, call: Callable[..., None], *what: int) -> None:
        """Let `call(*what)` happen at `at`, or now if that is over."""
        self._entered += 1
        heappush(self._heap, (max(at, self.now), self._entered, call, what))

    def enter_once(self, at: float | None, call: Callable[..., None]) -> None:
        """Let `call()` happen at `at`, unless it is going to happen before; nothing for None."""
        if at is None or self.now < self._single.get(call, self.now) <= at:
            return
        self._single[call] = at
        self.enter(at, call)

    def take(self, ends: float) -> bool:
        """Let the next thing happen; False when there is none until `ends`."""
        if not self._heap or self._heap[0][0] > ends:
            return False
        self.now, _, call, what = heappop(self._heap)
        self.taken += 1
        call(*what)
        return True
