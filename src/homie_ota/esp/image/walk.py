"""Goes through one image as its bytes pass: header, segments, checksum, appended hash.

Rule: a step wants a number of bytes and knows the step after it; nothing is kept but headers and running sums, so any
cut into blocks gives the same. Format: esp-image.md, common header.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from struct import unpack_from

from homie_ota.esp.image.chips import MAGIC, Chip
from homie_ota.esp.image.digest import Xor
from homie_ota.esp.image.nouns import Check, CheckResult, Part, Segment

MOST_SEGMENTS = 16
LONGEST_SEGMENT = 64 << 20
"""No chip sees more flash memory than this at once; a longer segment is a damaged header."""

BEGINNING = 288
"""Bytes kept of the beginning: headers and the app descriptor behind them."""

_BEGINNING_OF_SEGMENT = 32
_HASH = 32


class Walk:
    """One image that begins at `offset` of the file; feed it every block of the file, from the first one on.

    `end` is where the image ends, with checksum and hash, once that was reached; `trouble` says why it never will.
    Without `hashing` no SHA-256 is taken, for formats that have none.
    """

    def __init__(self, what: str, offset: int, chip: Chip, hashing: bool = True) -> None:
        self.what, self.offset, self.chip = what, offset, chip
        self.end: int | None = None
        self.trouble = ""
        self.entry = 0
        self.segments: list[Segment] = []
        self.misplaced: list[Segment] = []
        self.sha256 = hashlib.sha256()  # of everything before the appended hash
        self.stored_hash = b""
        self.stored_sum = self.sum_of_bytes = -1
        self.start = b""
        self.beginnings: list[bytes] = []  # of the segments
        self.padding_is_zero = True
        self._hashing = hashing
        self._sum = Xor()
        self._left = 0
        self._at = offset
        self._kept = bytearray()
        self._step: Callable[[], None] | None = self._header
        self._want = chip.header
        self._in_data = self._hashed = False

    # --- Bytes

    def feed(self, at: int, block: bytes | memoryview) -> None:
        """Take the block that stands at `at` of the file; blocks come in order, without a gap."""
        view = memoryview(block)
        while self._step is not None and self._at < at + len(view):
            begin = self._at - at
            self._take(view[begin : begin + self._want])

    def _take(self, piece: memoryview) -> None:
        if self._hashing and self._step != self._hash:
            self.sha256.update(piece)
        if len(self.start) < BEGINNING:
            self.start += piece[: BEGINNING - len(self.start)]
        if self._in_data:
            self._sum.update(piece)
            self._remember(piece)
        else:
            self._kept += piece
        self._at += len(piece)
        self._want -= len(piece)
        while not self._want and self._step is not None:
            self._step()
            self._kept.clear()

    def _remember(self, piece: memoryview) -> None:
        begun = self.beginnings[-1]
        if len(begun) < _BEGINNING_OF_SEGMENT:
            self.beginnings[-1] = begun + piece[: _BEGINNING_OF_SEGMENT - len(begun)]

    def _then(self, step: Callable[[], None] | None, want: int = 0, data: bool = False) -> None:
        self._step, self._want, self._in_data = step, want, data

    # --- Steps: what was wanted has come

    def _header(self) -> None:
        magic, self._left, (self.entry,) = self._kept[0], self._kept[1], unpack_from("<I", self._kept, 4)
        self._hashed = self.chip.header > 8 and self._kept[23] == 1
        if magic != MAGIC:
            self._stop(f"its first byte is {magic:02X}, not E9")
        elif not 1 <= self._left <= MOST_SEGMENTS:
            self._stop(f"its header counts {self._left} segments, and 1 to {MOST_SEGMENTS} are possible")
        else:
            self._then(self._segment_header, 8)

    def _segment_header(self) -> None:
        address, length = unpack_from("<II", self._kept)
        segment = Segment(address, length, self._at)
        self.segments.append(segment)
        self.beginnings.append(b"")
        if not self.chip.fits(segment, self.offset):
            self.misplaced.append(segment)
        if segment.length > LONGEST_SEGMENT:
            self._stop(f"segment {len(self.segments)} says it has {segment.length:,} bytes")
        else:
            self._then(self._data, segment.length, data=True)

    def _data(self) -> None:
        self._left -= 1
        if self._left:
            self._then(self._segment_header, 8)
        else:
            # Zeros up to the last byte before a multiple of 16, counted from the image's beginning; there the checksum.
            self._then(self._checksum, 16 - (self._at - self.offset) % 16)

    def _checksum(self) -> None:
        self.stored_sum, self.sum_of_bytes = self._kept[-1], self._sum.value()
        self.padding_is_zero = not any(self._kept[:-1])
        if self._hashed:
            self._then(self._hash, _HASH)
        else:
            self._done()

    def _hash(self) -> None:
        self.stored_hash = bytes(self._kept)
        self._done()

    def _done(self) -> None:
        self.end = self._at
        self._then(None)

    def _stop(self, trouble: str) -> None:
        self.trouble = trouble
        self._then(None)

    # --- What came of it

    @property
    def needs(self) -> int:
        """Where the file must at least reach, as far as the headers that were read tell."""
        return self.end or self._at + self._want

    @property
    def reached(self) -> int:
        """Up to where the file was read."""
        return self._at

    @property
    def over(self) -> bool:
        """Whether nothing more is wanted."""
        return self._step is None

    @property
    def length(self) -> int:
        """Bytes of the whole image, 0 when its end was not reached."""
        return (self.end or self.offset) - self.offset

    def part(self) -> Part:
        """The image as a value."""
        return Part(self.what, self.offset, self.length, self.entry, tuple(self.segments))

    def sum_is_right(self) -> bool:
        """Whether the checksum byte is that of the segments; only once the end was reached."""
        return self.stored_sum == self.sum_of_bytes

    def hash_is_right(self) -> bool:
        """Whether the appended SHA-256 is that of the image; true when there is none."""
        return not self.stored_hash or self.stored_hash == self.sha256.digest()

    def entry_is_in_memory(self) -> bool:
        """Whether the program begins inside one of the segments that it loads to RAM: flash memory is not seen yet."""
        loaded = [each for each in self.segments if not self.chip.runs_from_flash(each.address)]
        return any(each.address <= self.entry < each.address + each.length for each in loaded)

    def checks(self, size: int) -> list[Check]:
        """What was verified of this image, in a file of `size` bytes."""
        return [self._checked_segments(size), self._checked_sum(), *self._checked_hash()]

    def _checked_segments(self, size: int) -> Check:
        if self.trouble:
            return Check("segments", self.what, CheckResult.WRONG, self.trouble)
        if self.end is None:
            detail = f"they go to byte {self.needs:,}, the file has {size:,}"
            return Check("segments", self.what, CheckResult.WRONG, detail)
        if self.misplaced:
            return Check("segments", self.what, CheckResult.WRONG, self.misplacement())
        count = f"{len(self.segments)} segments" if len(self.segments) > 1 else "1 segment"
        return Check("segments", self.what, CheckResult.VERIFIED, count)

    def misplacement(self) -> str:
        """Which segment goes where the chip has no memory, or sees another part of the file."""
        wrong = self.misplaced[0]
        which = (
            f"segment {self.segments.index(wrong) + 1} goes to {wrong.address:#010x} ({wrong.length:,} bytes)"
        )
        name = self.chip.word.upper()
        if self.chip.holds(wrong.address, wrong.length):
            return f"{which}, where an {name} does not see byte {wrong.offset:#x} of the file"
        return f"{which}, where an {name} has no memory"

    def _checked_sum(self) -> Check:
        if self.end is None:
            return Check("checksum", self.what, CheckResult.UNKNOWN, "the end of the image was not found")
        if self.sum_is_right():
            return Check("checksum", self.what, CheckResult.VERIFIED, f"XOR {self.stored_sum:02X}")
        detail = f"the image says {self.stored_sum:02X}, its bytes give {self.sum_of_bytes:02X}"
        return Check("checksum", self.what, CheckResult.WRONG, detail)

    def _checked_hash(self) -> list[Check]:
        if self.chip.header == 8:
            return []
        if self.end is None:
            return [Check("sha256", self.what, CheckResult.UNKNOWN, "the end of the image was not found")]
        if not self.stored_hash:
            return [Check("sha256", self.what, CheckResult.ABSENT, "the header says that none is appended")]
        stored, got = self.stored_hash.hex(), self.sha256.hexdigest()
        return [compared("sha256", self.what, stored, got)]


def compared(what: str, part: str, stored: str, got: str) -> Check:
    """The check of a digest that is stored in the file against that of the bytes; both as hexadecimal digits."""
    if stored == got:
        return Check(what, part, CheckResult.VERIFIED, f"{stored[:12]}…")
    detail = f"the image says {stored[:12]}…, its bytes give {got[:12]}…"
    return Check(what, part, CheckResult.WRONG, detail)
