"""Brings an installation back from a backup file, into an empty place.

Rule: the whole file is checked before anything is written, and once more as it is written; the database gets its name
last, so a restore that broke off is no installation. Whatever was written goes when it fails.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import IO

from homie_ota.errors import Conflict, HomieOtaError
from homie_ota.store import archive, backup, dumping
from homie_ota.store.archive import Manifest
from homie_ota.store.backup import Places
from homie_ota.store.receiving import for_people


def restore(file: Path, places: Places) -> Manifest:
    """Restore the backup `file` into `places`, and return its manifest.

    Raises Conflict when there is something already, or the backup is of a newer version or of another kind of database;
    HomieOtaError when it is damaged, StorageFull; WrongUse when it cannot be read. Nothing is left behind then.
    """
    _require_empty(places)
    manifest = archive.check(file)
    _require_same_kind(file, manifest, places)
    written: list[Path] = []
    try:
        _write(file, manifest, places, written)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return manifest


def _require_empty(places: Places) -> None:
    folders = {places.data_dir, places.firmware_dir}
    for folder in sorted(folders):
        # The images' folder, empty and in its place, is what an empty installation has.
        inside = [each for each in folder.iterdir() if each not in folders] if folder.exists() else []
        if inside:
            raise Conflict(
                f"{folder} is not empty ({inside[0].name} …). A backup is restored into an empty directory only: "
                "choose another one with --data, or move that one away."
            )
    if not places.is_sqlite:
        dumping.require_empty(places.database)
    elif os.path.lexists(places.database):
        raise Conflict(f"There is a database {places.database} already. Move it away first.")


def _require_same_kind(file: Path, manifest: Manifest, places: Places) -> None:
    if (archive.SQLITE in manifest["files"]) is places.is_sqlite:
        return
    kinds = ("PostgreSQL", "SQLite") if places.is_sqlite else ("SQLite", "PostgreSQL")
    raise Conflict(
        f"{file} holds a {kinds[0]} database, and [storage] database of the settings is {kinds[1]}."
    )


def _write(file: Path, manifest: Manifest, places: Places, written: list[Path]) -> None:
    for folder in (places.data_dir, places.firmware_dir):
        folder.mkdir(parents=True, exist_ok=True)
    rows = _waiting(places)
    rows.parent.mkdir(parents=True, exist_ok=True)
    with archive.opened(file) as tar:
        for member, data in archive.members(file, tar):
            if member.name != archive.MANIFEST:
                path = _place(places, member.name)
                _copy(data, path, manifest["files"][member.name]["sha256"], written)
    if not places.is_sqlite:
        dumping.restore(places.database, rows)
        rows.unlink()
        return
    _check_rows(file, rows, manifest)
    rows.rename(places.database)
    _sync(Path(places.database).parent)


def _waiting(places: Places) -> Path:
    """Where the database is until all is there."""
    whole = Path(places.database) if places.is_sqlite else places.data_dir / archive.POSTGRESQL
    return whole.with_name(f"{whole.name}.restoring")


def _place(places: Places, name: str) -> Path:
    if name.startswith(archive.IMAGES):
        return places.firmware_dir / name.removeprefix(archive.IMAGES)
    if name in archive.SETTINGS:
        return kept_settings(places, name)
    return places.data_dir / name if name == archive.PASSWORD else _waiting(places)


def kept_settings(places: Places, name: str) -> Path:
    """Where the settings of a backup are put: beside the data, under a name that no server reads."""
    return places.data_dir / name.replace("settings", "settings-of-backup")


def _copy(data: IO[bytes], path: Path, sha256: str, written: list[Path]) -> None:
    seen, mode = hashlib.sha256(), 0o644 if path.suffix in (".bin", ".txt") else 0o600
    with for_people(f"restoring {path.name}"):
        # O_EXCL: never over what is there, and never through a link that somebody laid.
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        written.append(path)
        with os.fdopen(handle, "wb") as out:
            while block := data.read(archive.BLOCK):
                seen.update(block)
                out.write(block)
            out.flush()
            os.fsync(out.fileno())
    if seen.hexdigest() != sha256:
        raise HomieOtaError(f"{path.name} changed while it was restored. Nothing is left of it; try again.")


def _check_rows(file: Path, rows: Path, manifest: Manifest) -> None:
    """What the manifest says is what the database is: a newer one is refused whatever stands beside it."""
    try:
        with closing(sqlite3.connect(rows)) as connection:
            found = backup.rows_of(connection)
    except sqlite3.Error as error:
        raise HomieOtaError(f"The database in {file} cannot be used: {error}.") from None
    archive.refuse_newer(file, found.schema, str(manifest.get("version")))
    if (found.schema, found.counts) != (manifest.get("schema"), manifest.get("counts")):
        raise HomieOtaError(f"The database in {file} is not the one that its manifest describes.")


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
