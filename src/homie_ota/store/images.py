"""Image bytes: files `<name>-<version>.bin` with their description beside them in `.txt`, as the old server has them.

Rule: a file gets its name only when it is whole and on the disk; what a device is given was compared with its SHA-256
when it entered the cache. Names from images are data: file names that are made here match FILE_NAME, and a name from
elsewhere is used only when it is a row's.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from pathlib import Path

from homie_ota.errors import BadFirmware, HomieOtaError
from homie_ota.esp.image import Inspection, clean
from homie_ota.model import Firmware
from homie_ota.store.reading import Reading, Secrets
from homie_ota.store.receiving import BLOCK, PARTS, Received, for_people, part_of, receive, unpack

FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,149}(~[0-9a-f]{8,64})?\.bin")
"""What the name of every file that we make looks like."""

CACHE_BYTES = 32 << 20
MAX_DESCRIPTION = 10_000


def file_name(name: str, version: str, suffix: str = "") -> str:
    """A safe file name for this name and version; `suffix` tells several of the same apart."""
    stem = "-".join(part for part in (name, version) if part)
    safe = re.sub(r"[^A-Za-z0-9._+-]+", "_", stem).lstrip(".-+")[:150] or "firmware"
    return f"{safe}{'~' if suffix else ''}{suffix}.bin"


def name_and_version(filename: str) -> tuple[str, str]:
    """Name and version as the file name tells them: `<name>-<version>.bin`, both with dashes and dots of their own.

    The version begins at the first dash before a number with dots, else before a date, else at the last one before a
    digit, else at the last one; it is empty when there is no dash.
    """
    stem = _MARK_OF_SEVERAL.sub("", filename.removesuffix(".bin"))
    for beginning in _VERSION_BEGINNINGS:
        if found := beginning.fullmatch(stem):
            return clean(found[1], 255), clean(found[2], 255)
    return clean(stem, 255), ""


_MARK_OF_SEVERAL = re.compile(r"~[0-9a-f]{8,64}\Z")
_VERSION_BEGINNINGS = tuple(
    re.compile(pattern, re.DOTALL | re.ASCII)
    for pattern in (r"(.+?)-(v?\d+\.\d.*)", r"(.+?)-(20\d\d-\d\d-\d\d.*)", r"(.+)-(v?\d.*)", r"(.+)-(.+)")
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a file in the directory is, with the description that lies beside it; `packed`: the image in a gzip file."""

    filename: str
    size: int
    md5: str
    sha256: str
    modified: float
    description: str
    inspection: Inspection
    packed: bool = False


class ImageFiles:
    """The firmware directory of one installation, and a bounded cache of the images that devices are fetching.

    `secrets` are those that this server was given: an image that holds one is warned of. `left_alone` are files of the
    directory that are not taken as firmware, each with the reason.
    """

    def __init__(self, directory: Path, cache_bytes: int = CACHE_BYTES) -> None:
        self.directory = directory
        self.secrets: Secrets = ()
        self.left_alone: list[tuple[str, str]] = []
        self.placing = asyncio.Lock()
        self._cache_bytes = cache_bytes
        self._cache: OrderedDict[str, bytes] = OrderedDict()
        self._reading: dict[str, asyncio.Task[bytes]] = {}

    # --- Coming in

    async def receive(self, chunks: AsyncIterator[bytes], *, filename: str, max_size: int) -> Received:
        """Stream an upload to the disk, digesting and inspecting it on the way; whether it is taken, `intake` says.

        Raises TooLarge as soon as there is too much, StorageFull; nothing is left behind then, nor when `chunks` ends
        with an exception.
        """
        return await receive(self.directory, chunks, filename, max_size, self.secrets)

    async def keep(
        self, received: Received, name: str, version: str, taken: Collection[str] = (), as_name: str = ""
    ) -> str:
        """Give a received file its name and return it: `<name>-<version>.bin`, or with `~<first 8 of its SHA-256>`
        where another image has that name. `taken` are names not to be used; under `as_name`, a row's own, it replaces
        whatever is there.
        """
        names = [as_name] if as_name else [file_name(name, version, received.sha256[:n]) for n in (0, 8, 64)]
        free = [each for each in names if each not in taken]
        with for_people(f"storing {clean(received.filename)}"):
            return await asyncio.to_thread(self._place, received, free, bool(as_name))

    def _place(self, received: Received, names: list[str], replace: bool) -> str:
        for chosen in names:
            path = self._path(chosen)
            if replace or not path.exists():
                received.path.rename(path)
                self._sync_directory()
                return chosen
            if _digest(path) == received.sha256:
                received.path.unlink()
                return chosen
        raise HomieOtaError(f"Other files in {self.directory} have every name that this image could have.")

    async def discard(self, received: Received) -> None:
        """Forget a received file."""
        await asyncio.to_thread(received.path.unlink, missing_ok=True)

    async def describe(self, filename: str, text: str) -> None:
        """Write the description beside the image, or remove it when it is empty."""
        with for_people(f"storing the description of {filename}"):
            await asyncio.to_thread(self._describe, filename, text)

    def _describe(self, filename: str, text: str) -> None:
        path = self._path(filename).with_suffix(".txt")
        if not text:
            path.unlink(missing_ok=True)
            return
        part = part_of(self.directory)
        try:
            with part.open("xb") as file:
                file.write(text[:MAX_DESCRIPTION].encode(errors="replace"))
                file.flush()
                os.fsync(file.fileno())
            part.rename(path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        self._sync_directory()

    # --- Going out

    async def body(self, firmware: Firmware) -> bytes:
        """The bytes of an image: one object for all who ask, read once.

        Raises HomieOtaError when the file is gone or is not the one that was stored.
        """
        sha256 = firmware.sha256
        if sha256 in self._cache:
            self._cache.move_to_end(sha256)
            return self._cache[sha256]
        reading = self._reading.get(sha256)
        if reading is None:
            reading = asyncio.create_task(self._read(firmware))
            self._reading[sha256] = reading
            reading.add_done_callback(lambda done: self._has_read(sha256, done))
        return await asyncio.shield(reading)  # one who goes away does not take the bytes from the others

    async def _read(self, firmware: Firmware) -> bytes:
        path = self._path(firmware.filename)
        try:
            data, found = await asyncio.to_thread(_read_and_digest, path)
        except OSError as error:
            raise HomieOtaError(
                f"{firmware.filename} cannot be read in {self.directory} ({error.strerror}). Put the file back, or "
                "upload the image again."
            ) from error
        if found != firmware.sha256:
            raise HomieOtaError(
                f"{firmware.filename} was changed on the disk: its SHA-256 is {found[:12]}…, stored was "
                f"{firmware.sha256[:12]}…. It is given to no device. Put the right file back, or delete it and upload "
                "the image again."
            )
        return data

    def _has_read(self, sha256: str, reading: asyncio.Task[bytes]) -> None:
        del self._reading[sha256]
        if reading.cancelled() or reading.exception():
            return
        data = reading.result()
        if len(data) > self._cache_bytes:
            return
        self._cache[sha256] = data
        while sum(map(len, self._cache.values())) > self._cache_bytes:
            self._cache.popitem(last=False)

    async def delete(self, firmware: Firmware) -> None:
        """Remove an image and its description from the disk and from the cache; what is not there is no error."""
        self._cache.pop(firmware.sha256, None)
        with for_people(f"deleting {firmware.filename}"):
            await asyncio.to_thread(self._delete, firmware.filename)

    def _delete(self, filename: str) -> None:
        path = self._path(filename)
        path.unlink(missing_ok=True)
        path.with_suffix(".txt").unlink(missing_ok=True)
        if self.directory.is_dir():
            self._sync_directory()

    # --- Files

    def has(self, filename: str) -> bool:
        """Whether a file of this name is there."""
        return self._path(filename).is_file()

    def names(self) -> list[str]:
        """All that ends in `.bin` in the directory, sorted."""
        return sorted(path.name for path in self.directory.glob("*.bin") if not path.name.startswith("."))

    def look(self, filename: str) -> Found:
        """Digest and inspect a file that is there; raises BadFirmware when it is none, HomieOtaError."""
        path = self._path(filename)
        if not path.is_file():
            raise BadFirmware(f"{clean(filename)}: this is no file.")
        reading = Reading(self.secrets)
        with for_people(f"reading {clean(filename)}"), path.open("rb") as file:
            while block := file.read(BLOCK):
                for _ in reading.feed(block):
                    pass
            modified = os.fstat(file.fileno()).st_mtime
        seen = reading.finish()
        digests = seen.md5, seen.sha256
        description = self._description(path)
        return Found(filename, seen.size, *digests, modified, description, seen.inspection, seen.packed)

    async def unpack(self, filename: str) -> Received:
        """Take in the image that a gzip file of the directory holds; the gzip file stays as it is."""
        return await asyncio.to_thread(unpack, self._path(filename), self.secrets)

    def _description(self, path: Path) -> str:
        try:
            with path.with_suffix(".txt").open("rb") as file:
                return file.read(4 * MAX_DESCRIPTION).decode(errors="replace")[:MAX_DESCRIPTION].strip()
        except OSError:
            return ""

    def tidy(self, now: float, older_than: float = 3600.0) -> int:
        """Remove what uploads left behind that a crash cut off, not those that may still run; how many."""
        left = [
            path for path in self.directory.glob(f"{PARTS}*.part") if path.stat().st_mtime < now - older_than
        ]
        for path in left:
            path.unlink(missing_ok=True)
        return len(left)

    def _path(self, filename: str) -> Path:
        if not filename or Path(filename).name != filename or "\0" in filename:
            raise HomieOtaError(f"{clean(filename)!r} is no name of a file in the firmware directory.")
        return self.directory / filename

    def _sync_directory(self) -> None:
        handle = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read_and_digest(path: Path) -> tuple[bytes, str]:
    data = path.read_bytes()
    return data, hashlib.sha256(data).hexdigest()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
