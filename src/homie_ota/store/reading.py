"""What is to be known of a file, taken while its bytes pass: the image inside, its digests, what it is.

Rule: a gzip file is the image inside it, for the disk, the digests and the inspection alike; everything else is what
it is. The caller reads and writes, this only looks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from homie_ota.esp import gzip
from homie_ota.esp.image import Inspection, Inspector

Secrets = Sequence[tuple[str, bytes]]
"""What no image should hold: for each what it is (“the broker's password”), and the secret."""

LARGEST = 64 << 20
"""Bytes that a gzip file of the directory may unpack to; for uploads the settings say it."""


class Seen(NamedTuple):
    """A whole file: size and digests of the image, and whether that came packed."""

    size: int
    md5: str
    sha256: str
    inspection: Inspection
    packed: bool


class Reading:
    """One file being looked at; `largest` is how many bytes a gzip file may unpack to."""

    def __init__(self, secrets: Secrets = (), largest: int = LARGEST) -> None:
        self._md5, self._sha256 = hashlib.md5(usedforsecurity=False), hashlib.sha256()
        self._inspector = Inspector(secrets)
        self._largest = largest
        self._unpacker: gzip.Unpacker | None = None
        self._begun = False

    def feed(self, block: bytes) -> Iterator[bytes]:
        """Take the next bytes of the file; the image's bytes that they are or hold. The first block is two or more."""
        if block and not self._begun:
            self._begun = True
            self._unpacker = gzip.Unpacker(self._largest) if block.startswith(gzip.MAGIC) else None
        for piece in self._unpacker.feed(block) if self._unpacker else (block,):
            for look in (self._md5.update, self._sha256.update, self._inspector.feed):
                look(piece)
            yield piece

    def finish(self) -> Seen:
        """What was seen; call it after the last block."""
        inspection = self._inspector.finish()
        if self._unpacker:
            inspection = gzip.told(inspection, self._unpacker)
        digests = self._md5.hexdigest(), self._sha256.hexdigest()
        return Seen(inspection.size, *digests, inspection, self._unpacker is not None)
