"""Everything an installation keeps, as one file, taken while its server runs.

Rule: the rows are of one moment; images are read after them, so one of these rows is missing only when it was deleted
in between or was missing before, and that is told. The file gets its name only when it is whole and on the disk, and
only its owner may read it, for it holds passwords.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from homie_ota.errors import Conflict, HomieOtaError, NotFound, WrongUse
from homie_ota.store import archive, dumping
from homie_ota.store.archive import Manifest

COUNTED = ("device", "firmware", "deployment", "rollout", "account", "audit")
"""Tables whose rows a manifest counts, for people and to compare with what was restored."""


class Places(NamedTuple):
    """Where an installation keeps what it has; `database` is a path or `postgresql://…`, `settings` a file, if any."""

    data_dir: Path
    firmware_dir: Path
    database: str
    settings: Path | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file."""
        return "://" not in self.database


class Rows(NamedTuple):
    """What a snapshot of the database holds, as far as a manifest tells it."""

    schema: str
    counts: dict[str, int]
    images: dict[str, str]
    """File name → SHA-256."""


def make(places: Places, file: Path, *, version: str, now: float, replace: bool = False) -> Manifest:
    """Write a backup to `file` and return its manifest; what it says in `missing` are images that could not be had.

    Raises Conflict when `file` is there and is not to be replaced, NotFound without a database, HomieOtaError.
    """
    if os.path.lexists(file) and not (replace and file.is_file()):
        raise Conflict(f"{file} is there already. Choose another name, or --replace it.")
    try:
        folder = Path(tempfile.mkdtemp(prefix=".homie-ota-backup-", dir=file.parent))
    except OSError as error:
        raise WrongUse(f"{file} cannot be written: {error.strerror}.") from None
    try:
        manifest = _write(places, folder, version, now)
        os.replace(folder / "whole", file)
        _sync(file.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return manifest


def _write(places: Places, folder: Path, version: str, now: float) -> Manifest:
    name = archive.SQLITE if places.is_sqlite else archive.POSTGRESQL
    rows = _snapshot(places, folder / name)
    handle = os.open(folder / "whole", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            files = {name: _add_file(tar, name, folder / name, now)}
            files |= _add_small(tar, places, now)
            manifest = {
                "format": archive.FORMAT,
                "version": version,
                "schema": rows.schema,
                "made_at": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
                "counts": rows.counts,
                "missing": _missing(rows.images, files),
                "files": files,
            }
            _add(tar, archive.MANIFEST, json.dumps(manifest, indent=1).encode(), now)
        out.flush()
        os.fsync(out.fileno())
    return manifest


def _snapshot(places: Places, into: Path) -> Rows:
    if not places.is_sqlite:
        return dumping.dump(places.database, into, counts_of)
    if not Path(places.database).is_file():
        raise NotFound(
            f"There is no database {places.database}. Say where the server keeps its data: --data DIR or --config FILE."
        )
    try:
        copy(Path(places.database), into)
        with closing(sqlite3.connect(into)) as copied:
            return rows_of(copied)
    except sqlite3.Error as error:
        raise HomieOtaError(f"The database {places.database} cannot be copied: {error}.") from None


def copy(source: Path, into: Path) -> None:
    """Copy an SQLite database as it is at one moment; whoever writes to it goes on."""
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=rw", uri=True, timeout=30)) as running,
        closing(sqlite3.connect(into)) as copied,
    ):
        # All in one step: in pieces, each change of the server would begin it anew. In WAL it stops no writer.
        running.backup(copied)
        copied.execute("PRAGMA journal_mode=DELETE")  # one file, without a second one beside it


def rows_of(connection: sqlite3.Connection) -> Rows:
    """What is in a copied database; HomieOtaError when it is damaged or none of ours."""
    found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if found != "ok":
        raise HomieOtaError(f"The database is damaged: {found}.")
    return counts_of(lambda text: connection.execute(text).fetchall())


def counts_of(ask: dumping.Ask) -> Rows:
    """Schema, counts and images of a database that `ask` reads."""
    schema = str(ask("SELECT version_num FROM alembic_version")[0][0])
    tables = [name for name in COUNTED if schema >= "0002" or name != "rollout"]
    counts = {name: int(ask(f"SELECT count(*) FROM {name}")[0][0]) for name in tables}  # noqa: S608 - our names
    return Rows(schema, counts, dict(ask("SELECT filename, sha256 FROM firmware")))  # type: ignore[arg-type]


def _add_small(tar: tarfile.TarFile, places: Places, now: float) -> dict[str, dict[str, object]]:
    """The images with their descriptions, our own broker's password, and the settings."""
    files: dict[str, dict[str, object]] = {}
    for path in _images(places.firmware_dir):
        files |= _add_if_there(tar, f"{archive.IMAGES}{path.name}", path, now)
    if places.settings:
        name = archive.SETTINGS[0 if places.settings.suffix == ".toml" else 1]
        files |= _add_if_there(tar, name, places.settings, now)
    return files | _add_if_there(tar, archive.PASSWORD, places.data_dir / archive.PASSWORD, now)


def _images(folder: Path) -> Iterable[Path]:
    return sorted(path for path in folder.glob("*.*") if archive.is_image_name(path.name) and path.is_file())


def _add_if_there(tar: tarfile.TarFile, name: str, path: Path, now: float) -> dict[str, dict[str, object]]:
    try:
        data = path.read_bytes()
    except FileNotFoundError:  # deleted since we looked, or never made
        return {}
    return {name: _add(tar, name, data, now)}


def _add(tar: tarfile.TarFile, name: str, data: bytes, now: float) -> dict[str, object]:
    tar.addfile(_member(name, len(data), now), io.BytesIO(data))
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def _add_file(tar: tarfile.TarFile, name: str, path: Path, now: float) -> dict[str, object]:
    with path.open("rb") as file:
        seen, size = archive.digest(file), file.tell()
        file.seek(0)
        tar.addfile(_member(name, size, now), file)
    return {"size": size, "sha256": seen}


def _member(name: str, size: int, now: float) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, int(now)
    return member


def _missing(images: Mapping[str, str], files: Mapping[str, Mapping[str, object]]) -> list[str]:
    """Images of the rows that are not in the backup, or not as they were stored."""
    return sorted(
        name
        for name, sha256 in images.items()
        if files.get(f"{archive.IMAGES}{name}", {}).get("sha256") != sha256
    )


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
