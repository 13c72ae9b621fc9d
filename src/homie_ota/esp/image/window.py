"""Finds marks in a file that comes in blocks, each exactly once and with all that stands around it.

Rule: a mark is looked at when as many bytes as anybody wants to read behind it have come; so blocks have no borders
for those who look. What is looked at is bounded by count, so that a file full of marks takes no longer than another.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as count_up
from typing import NamedTuple

BEFORE = 160
"""Bytes before a mark that are there to look at."""

AFTER = 1024
"""Bytes from a mark's first one on that are there to look at."""


_TRIED, _SELDOM = 24, 400
"""A byte is rare when it stands there less than once in so many bytes, judged after so many of them."""


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
    """All places where `mark` stands, at most `most` in a file; `exhausted` says that there were more.

    `rare` is the index of a byte of the mark that is rare in firmware (under 1.5 in a thousand, never the mark's last
    one): to look for it alone is twice as fast as to look for a short mark.
    """

    def __init__(self, mark: bytes, most: int, rare: int | None = None) -> None:
        self.mark = mark
        self.left = most
        self.exhausted = self._stopped = False
        self._rare = rare

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
        if self._rare is not None:
            return self._next_by_rare_byte(window, start, self._rare)
        return window.data.find(self.mark, start, window.stop + len(self.mark) - 1)

    def _next_by_rare_byte(self, window: Window, start: int, rare: int) -> int:
        data, mark = window.data, self.mark
        byte, after = mark[rare : rare + 1], mark[rare + 1]
        stop = min(window.stop + rare, len(data) - (len(mark) - 1 - rare))
        position = begin = start + rare
        for count in count_up():
            position = data.find(byte, position, stop)
            if position < 0:
                return -1
            if data[position + 1] == after and data.startswith(mark, position - rare):
                return position - rare
            position += 1
            if count == _TRIED and position - begin < _TRIED * _SELDOM:
                break
        self._rare = None  # it is not rare here: from now on the whole mark is looked for
        return data.find(mark, position - rare, window.stop + len(mark) - 1)
