"""Unpacks a gzip file as its bytes pass: people upload `firmware.bin.gz`, and builds name gzip files `.bin`.

Rule: never more than the cap, never more than so many times what came in, and never more at once than PIECE, whatever
the file says of itself. What is wrong with it is a finding, not an exception. Format: RFC 1952.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import replace

from homie_ota.esp.image import Finding, Inspection, finding
from homie_ota.esp.image.nouns import gravest_first

MAGIC = b"\x1f\x8b"
RATIO = 100
"""No firmware unpacks to so many times its size; only what is nothing but filling does."""

PIECE = 1 << 16
_SLICE = 1 << 14
"""Bytes that are unpacked at once; slices begin at multiples of this, however the file comes."""

_JUDGED_FROM = 1 << 20
"""Bytes unpacked from which on the ratio counts: less harms nobody."""

_MOST_MEMBERS = 64
_WITH_GZIP_HEADER = 31


class Unpacker:
    """One gzip file: `feed` it, write what comes out, then ask `finish`.

    `cap` is the most bytes that may come out. `trouble` is the finding that says why nothing comes any more; None as
    long as all is well. `packed` and `size` count the bytes that went in and came out.
    """

    def __init__(self, cap: int, ratio: int = RATIO) -> None:
        self.packed = self.size = 0
        self.trouble: Finding | None = None
        self._cap, self._ratio = cap, ratio
        self._members = 0
        self._member = zlib.decompressobj(_WITH_GZIP_HEADER)
        self._between = b""
        self._behind = 0

    def feed(self, chunk: bytes | memoryview) -> Iterator[bytes]:
        """Take the next bytes of the file; what they unpack to, in pieces of at most PIECE bytes."""
        view = memoryview(chunk)
        while view:
            data = bytes(view[: _SLICE - self.packed % _SLICE])
            view = view[len(data) :]
            self.packed += len(data)
            while data := self._begun(data):
                yield from self._unpacked(data)
                data = self._member.unused_data if self._member.eof else b""

    def _begun(self, data: bytes) -> bytes:
        """What of these bytes belongs to a member, after beginning a new one where one ended."""
        if not data or self.trouble:
            return b""
        if self._members and not self._member.eof:
            return data
        data, self._between = self._between + data, b""
        if self._behind or (len(data) >= len(MAGIC) and not data.startswith(MAGIC)):
            self._behind += len(data)
            return b""
        if len(data) < len(MAGIC):
            self._between = data
            return b""
        self._members += 1
        self._member = zlib.decompressobj(_WITH_GZIP_HEADER)
        if self._members > _MOST_MEMBERS:
            self.trouble = finding("gzip-members", count=f"more than {_MOST_MEMBERS}")
            return b""
        return data

    def _unpacked(self, data: bytes) -> Iterator[bytes]:
        more = bool(data)
        while more and not self.trouble:
            try:
                piece = self._member.decompress(data, PIECE)
            except zlib.error as error:
                self.trouble = finding("gzip-broken", why=_reason(error))
                return
            data = self._member.unconsumed_tail
            # At its end a member leaves what stands behind it in `unconsumed_tail` too.
            more = not self._member.eof and (bool(data) or len(piece) == PIECE)
            self.size += len(piece)
            self._judge()
            if piece and not self.trouble:
                yield piece

    def _judge(self) -> None:
        # Rounded up to whole slices, so that it does not matter in what chunks the file comes.
        packed = self.packed + -self.packed % _SLICE
        if self.size > self._cap:
            self.trouble = finding("gzip-too-large", cap=self._cap / (1 << 20))
        elif self.size > max(_JUDGED_FROM, self._ratio * packed):
            self.trouble = finding("gzip-bomb", ratio=self._ratio)

    def finish(self) -> tuple[Finding, ...]:
        """What is to be said of the file after its last byte, the gravest first."""
        if not self.trouble and not (self._members and self._member.eof):
            self.trouble = finding("gzip-cut-off", packed=self.packed, size=self.size)
        told = [finding("was-gzip")]
        if self.trouble:
            told = [self.trouble]
        elif self._members > 1:
            told.append(finding("gzip-joined", count=self._members))
        behind = self._behind + len(self._between)
        if behind and not self.trouble:
            told.append(finding("gzip-trailing", count=behind))
        return gravest_first(told)


def _reason(error: zlib.error) -> str:
    """Zlib's words are for programmers, but two of them tell apart what people want to know."""
    text = str(error)
    if "data check" in text:
        return "its CRC is not that of the content"
    return "its length is not that of the content" if "length check" in text else "it is not what gzip writes"


def told(inspection: Inspection, unpacker: Unpacker) -> Inspection:
    """The inspection of what was unpacked, with what is to be said of the packing."""
    return replace(inspection, findings=gravest_first((*unpacker.finish(), *inspection.findings)))
