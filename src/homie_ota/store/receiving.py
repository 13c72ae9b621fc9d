"""Takes a file in: streamed to the disk beside its future place, digested and inspected on the way.

Rule: until everything has arrived and was taken in (`intake` judges what was found) there is only a file that nobody
lists, and it goes when the upload breaks off, however it does.
"""

from __future__ import annotations

import asyncio
import errno
import os
import secrets
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from homie_ota.errors import HomieOtaError, StorageFull, TooLarge
from homie_ota.esp.image import Inspection, clean
from homie_ota.store.reading import LARGEST, Reading, Secrets

PARTS = ".upload-"
"""How the name of a file begins that is still being received."""

BLOCK = 1 << 18
"""Bytes that go to the disk at once, so that a thread is asked for every quarter of a megabyte, not every packet."""

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class Received:
    """A whole file that has arrived and was inspected, but has no name yet: `keep` or `discard` it."""

    path: Path
    filename: str
    size: int
    md5: str
    sha256: str
    inspection: Inspection


@contextmanager
def for_people(doing: str) -> Iterator[None]:
    """Turn errors of the file system inside into StorageFull or HomieOtaError; `doing` says what was being done."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise StorageFull(
                f"The disk is full: {doing} failed. Nothing was changed; make room and try again."
            ) from error
        raise HomieOtaError(f"{doing[0].upper()}{doing[1:]} failed: {error.strerror or error}.") from error


def part_of(directory: Path) -> Path:
    """A name for a file in the making, which no list of images shows."""
    return directory / f"{PARTS}{secrets.token_hex(8)}.part"


class _Part:
    """One file being received. A lock, because whoever gives up does not wait for the thread that still writes."""

    def __init__(self, directory: Path, filename: str, secrets: Secrets, largest: int) -> None:
        self.path = part_of(directory)
        self.filename, self.shown = filename, clean(filename) or "the file"
        self._lock = threading.Lock()
        self._file: FileIO | None = None
        self._dropped = False
        self._reading = Reading(secrets, largest)

    def write(self, block: bytes) -> None:
        with self._lock, for_people(f"storing {self.shown}"):
            if self._dropped:
                return
            if self._file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._file = FileIO(self.path, "x")
            for piece in self._reading.feed(block):
                rest = memoryview(piece)
                while rest:
                    rest = rest[self._file.write(rest) or 0 :]

    def finish(self) -> Received:
        with self._lock, for_people(f"storing {self.shown}"):
            if self._file is not None and not self._dropped:
                os.fsync(self._file.fileno())
                self._file.close()
        seen = self._reading.finish()
        return Received(self.path, self.filename, seen.size, seen.md5, seen.sha256, seen.inspection)

    def drop(self) -> None:
        with self._lock:
            self._dropped = True
            if self._file is not None:
                self._file.close()
                self.path.unlink(missing_ok=True)


async def receive(
    directory: Path, chunks: AsyncIterator[bytes], filename: str, max_size: int, secrets: Secrets = ()
) -> Received:
    """See `ImageFiles.receive`."""
    part = _Part(directory, filename, secrets, max_size)
    try:
        await _stream(part, chunks, max_size)
        return await asyncio.to_thread(part.finish)
    except BaseException:
        part.drop()
        raise


def unpack(path: Path, secrets: Secrets = ()) -> Received:
    """Put the image inside a gzip file of the directory beside it, as if it had been uploaded."""
    part = _Part(path.parent, path.name, secrets, LARGEST)
    try:
        with for_people(f"reading {part.shown}"), path.open("rb") as file:
            while block := file.read(BLOCK):
                part.write(block)
        return part.finish()
    except BaseException:
        part.drop()
        raise


async def _stream(part: _Part, chunks: AsyncIterator[bytes], max_size: int) -> None:
    waiting, size = bytearray(), 0
    async for chunk in chunks:
        size += len(chunk)
        if size > max_size:
            raise TooLarge(
                f"{part.shown}: more than {max_size / (1 << 20):.4g} MiB, the most that may be uploaded. No ESP image "
                "is that large; if this one is, raise max_upload in [ota] of the settings."
            )
        waiting += chunk
        if len(waiting) >= BLOCK:
            await asyncio.to_thread(part.write, bytes(waiting))
            waiting.clear()
    await asyncio.to_thread(part.write, bytes(waiting))
