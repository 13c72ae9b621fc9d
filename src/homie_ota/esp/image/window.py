"""Finds marks in a file that comes in blocks, each exactly once and with all that stands around it.

Rule: a mark is looked at when as many bytes as anybody wants to read behind it have come; so blocks have no borders
for those who look. What is looked at is bounded by count, so that a file full of marks takes no longer than another.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

BEFORE = 160
"""Bytes before a mark that are there to look at."""

AFTER = 1024
"""Bytes from a mark's first one on that are there to look at."""


class Window(NamedTuple):
    """Bytes of the file, from `offset` on; marks that begin at `start` ≤ position < `stop` are due now."""

    data: bytes
    start: int
    stop: int


class Windows:
    """Makes windows of blocks."""

    def __init__(self) -> None:
        self._kept = b""
        self._seen = 0

    def feed(self, block: bytes, last: bool = False) -> Window:
        """The window that this block opens; with `last` everything that is left is due."""
        data = self._kept + block
        start = self._seen
        stop = len(data) if last else max(start, len(data) - AFTER)
        keep = max(0, stop - BEFORE)
        self._kept, self._seen = data[keep:], stop - keep
        return Window(data, start, stop)


class Marks:
    """All places where `mark` stands, at most `most` in a file; `exhausted` says that there were more."""

    def __init__(self, mark: bytes, most: int) -> None:
        self.mark = mark
        self.left = most
        self.exhausted = self._stopped = False

    def in_window(self, window: Window) -> Iterator[int]:
        """Positions in the window's data of the marks that are due."""
        position = -1 if self._stopped or self.exhausted else self._next(window, window.start)
        while position >= 0 and not self._stopped:
            if not self.left:
                self.exhausted = True
                return
            self.left -= 1
            yield position
            position = self._next(window, position + 1)

    def stop(self) -> None:
        """Look for no more of them: one was enough."""
        self._stopped = True

    def _next(self, window: Window, start: int) -> int:
        return window.data.find(self.mark, start, window.stop + len(self.mark) - 1)
