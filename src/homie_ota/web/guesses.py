"""How long somebody who guesses passwords has to wait before the next guess.

Rule: a few mistakes are free, then each one doubles the wait; memory is bounded, whoever guesses from wherever.
"""

from __future__ import annotations

from collections import OrderedDict

FREE = 5
"""Mistakes that cost nothing: people mistype."""
LONGEST_WAIT = 900.0
FORGET = 3600.0
"""Seconds after the last mistake until all is forgotten."""
KEPT = 10_000


class Guesses:
    """Mistakes by key (an address, an account); the clock is an argument."""

    def __init__(self, free: int = FREE) -> None:
        self._free = free
        self._mistakes: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, key: str, now: float) -> float:
        """Seconds until `key` may try again, 0 when it may now."""
        count, last = self._mistakes.get(key, (0, now))
        if count < self._free or now - last > FORGET:
            return 0.0
        return max(0.0, last + min(LONGEST_WAIT, 2.0 ** min(count - self._free, 30)) - now)

    def failed(self, key: str, now: float) -> int:
        """Note a mistake; how many there were in a row."""
        count, last = self._mistakes.pop(key, (0, now))
        count = 1 if now - last > FORGET else count + 1
        self._mistakes[key] = (count, now)
        while len(self._mistakes) > KEPT:
            self._mistakes.popitem(last=False)
        return count

    def succeeded(self, key: str) -> None:
        """Forget the mistakes of `key`."""
        self._mistakes.pop(key, None)
