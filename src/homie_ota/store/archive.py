"""What a backup file is: a tar of database, images with descriptions, settings, and a manifest that covers all.

Rule: the manifest is the last member, so a file that was cut off has none. Members are plain files with names from a
short list of places; anything else in a file (a link, a path, a name twice, a byte too many) makes all of it refused.
"""

from __future__ import annotations

import hashlib
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from homie_ota.errors import Conflict, HomieOtaError, WrongUse
from homie_ota.store.migrations import HEAD

FORMAT = "homie-ota backup 1"
MANIFEST, SQLITE, POSTGRESQL = "manifest.json", "database.sqlite3", "database.dump"
PASSWORD = "embedded-broker.password"  # noqa: S105 - a file name
"""The file of the data directory that our own broker's password is kept in; devices know it."""

SETTINGS = ("settings.toml", "settings.ini")
"""The settings file that the server was started with, for a person to read: a restore puts it into no use."""

IMAGES = "firmwares/"
BLOCK = 1 << 18
_LARGEST_MANIFEST = 64 << 20
_IMAGE = re.compile(r"[^/\\\0.][^/\\\0]{0,240}\.(bin|txt)")

Manifest = dict[str, Any]


def is_image_name(name: str) -> bool:
    """Whether a file of the firmware directory can be in a backup: an image or its description, not hidden."""
    return bool(_IMAGE.fullmatch(name)) and name.isprintable()


def fits_in(name: str) -> bool:
    """Whether a member may have this name."""
    if name.startswith(IMAGES):
        return is_image_name(name.removeprefix(IMAGES))
    return name in (MANIFEST, SQLITE, POSTGRESQL, PASSWORD, *SETTINGS)


@contextmanager
def opened(path: Path) -> Iterator[tarfile.TarFile]:
    """The backup file at `path`; WrongUse when it cannot be read or what is in it is damaged."""
    try:
        # "r:": never packed, so nothing in it is larger than the file is.
        with tarfile.open(path, "r:", errorlevel=2) as tar:
            yield tar
    except OSError as error:
        raise WrongUse(f"{path} cannot be read: {error.strerror or error}.") from None
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise _damaged(path, f"it is no whole tar file ({error})") from None


def members(path: Path, tar: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    """Every member with its bytes, in order; HomieOtaError for one that no backup of ours has."""
    seen = set[str]()
    for member in tar:
        name = member.name
        if not member.isreg() or member.issparse() or not fits_in(name) or name in seen:
            raise _damaged(path, f"{name[:100]!r} in it is nothing that `homie-ota backup` writes")
        seen.add(name)
        file = tar.extractfile(member)
        assert file is not None  # a regular file has bytes
        yield member, file


def check(path: Path) -> Manifest:
    """Read all of a backup and compare it with its manifest, which is returned; nothing is written.

    Raises HomieOtaError when it is damaged or was cut off, Conflict when a newer homie-ota wrote it, WrongUse when it
    cannot be read.
    """
    found, last, manifest = {}, "", b""
    with opened(path) as tar:
        for member, file in members(path, tar):
            last = member.name
            if last == MANIFEST:
                manifest = file.read(_LARGEST_MANIFEST)
            else:
                found[last] = {"size": member.size, "sha256": digest(file)}
    if last != MANIFEST:
        raise _damaged(path, "its end is missing")
    told = _read(path, manifest)
    _compare(path, told["files"], found)
    return told


def _read(path: Path, text: bytes) -> Manifest:
    try:
        told = json.loads(text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("files"), dict):
        raise _damaged(path, "its manifest cannot be read")
    if told.get("format") != FORMAT:
        raise Conflict(f"{path} is {str(told.get('format'))[:60]!r}; this homie-ota reads {FORMAT!r}.")
    refuse_newer(path, str(told.get("schema")), str(told.get("version")))
    return told


def refuse_newer(path: Path, schema: str, version: str) -> None:
    """Raise Conflict where the rows are of a schema that this version does not know."""
    if not re.fullmatch(r"\d{4}", schema) or schema > HEAD:
        raise Conflict(
            f"{path} has a database of schema {schema[:20]!r}, written by homie-ota {version[:20]}; this one knows "
            f"schemas up to {HEAD}. Install that version or a newer one, then restore."
        )


def _compare(path: Path, told: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    if missing := sorted(set(told) ^ set(found)):
        raise _damaged(path, f"{missing[0][:100]!r} is in it or in its manifest, but not in both")
    for name, each in found.items():
        if told[name] != each:
            raise _damaged(path, f"{name} in it is not what was written: its SHA-256 is another one")
    if len({SQLITE, POSTGRESQL} & set(found)) != 1:
        raise _damaged(path, "it has no database")


def digest(file: IO[bytes]) -> str:
    """SHA-256 of what is left of a file."""
    seen = hashlib.sha256()
    while block := file.read(BLOCK):
        seen.update(block)
    return seen.hexdigest()


def _damaged(path: Path, why: str) -> HomieOtaError:
    return HomieOtaError(
        f"{path} is no good backup: {why}. Nothing was restored; take another backup, or copy this one again."
    )
