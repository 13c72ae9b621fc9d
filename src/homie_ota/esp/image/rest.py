"""What stands behind an image in its file: nothing, filling, a signature, or something that does not belong there.

Rule: kept are the first bytes, where the filling ends, and what comes then; never more than LONGEST and a few bytes.
"""

from __future__ import annotations

LONGEST = 0x3000
"""Bytes kept of the beginning: filling up to the next 4,096 and the 4,096 with signatures after that."""

_PEEK = 64
_FILLINGS = (0xFF, 0x00)


class Rest:
    """The bytes of the file from `offset` on; feed it every block that is not wholly before that."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.start = b""
        self.length = 0
        self.filling: int | None = None
        self.filled = 0
        self.beyond = b""

    def feed(self, at: int, block: bytes) -> None:
        """Take the block that stands at `at` of the file."""
        piece = block[max(0, self.offset + self.length - at) :]
        if not piece:
            return
        if not self.length and piece[0] in _FILLINGS:
            self.filling = piece[0]
        self.start += piece[: LONGEST - len(self.start)]
        self._fill(piece)
        self.length += len(piece)

    def _fill(self, piece: bytes) -> None:
        if self.filling is None or len(self.beyond) == _PEEK:
            return
        if self.beyond or self.filled < self.length:
            self.beyond += piece[: _PEEK - len(self.beyond)]
            return
        other = piece.lstrip(bytes((self.filling,)))
        self.filled += len(piece) - len(other)
        self.beyond = other[:_PEEK]

    @property
    def only_filling(self) -> bool:
        """Whether there is nothing but FF, or nothing but 00 (and something at all)."""
        return self.length > 0 and self.filled == self.length
