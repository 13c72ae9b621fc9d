"""Where the things of an old installation are: its INI, its firmware directory, its two JSON files.

Rule: the old directory is only read. A path in the INI counts from that directory; one that is not there any more,
because the directory was copied from another machine, is looked for below it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from homie_ota.errors import NotFound, WrongUse
from homie_ota.migrate import records
from homie_ota.migrate.records import Records

INI, INVENTORY, SENSORS = "homie-ota.ini", "inventory.json", "sensors.json"
LARGEST = 256 << 20
"""Bytes of a JSON file that are read; a device has about one kilobyte in it."""


class Old(NamedTuple):
    """An old installation; `ini` None: it has none, `root` None: it has no firmware directory."""

    folder: Path
    ini: Path | None
    root: Path | None


def find_ini(folder: Path) -> Path | None:
    """The INI of an old installation; WrongUse when `folder` has several, NotFound when it is no directory."""
    if not folder.is_dir():
        raise NotFound(
            f"There is no directory {folder}. Name the one in which homie-ota.py and its INI file lie."
        )
    named = folder / INI
    if named.is_file():
        return named
    others = sorted(folder.glob("*.ini"))
    if len(others) > 1:
        names = ", ".join(each.name for each in others)
        raise WrongUse(f"{folder} has several INI files ({names}). Rename the right one to {INI}.")
    return others[0] if others else None


def find_root(folder: Path, told: str) -> Path | None:
    """The firmware directory; `told` is what the INI says, or the old server's default."""
    asked = folder / told
    for each in (asked, folder / asked.name, folder / "firmwares", folder):
        if each.is_dir() and (each != folder or _is_root(each)):
            return each
    return None


def require_something(old: Old) -> None:
    """NotFound when nothing of an old installation is there: another directory was meant."""
    if old.ini is None and old.root is None and read_records(old, INVENTORY) is None:
        raise NotFound(
            f"There is no old homie-ota in {old.folder}: no INI file, no firmware directory, no {INVENTORY}. "
            "Name the directory in which homie-ota.py and its INI file lie."
        )


def _is_root(folder: Path) -> bool:
    return (folder / INVENTORY).exists() or any(folder.glob("*.bin"))


def read_records(old: Old, name: str) -> tuple[Records, Path] | None:
    """One JSON file, and which one was read; None when there is none.

    The old server wrote `….tmp` first: that one is read where the other is missing, empty or tells less.
    """
    found: list[tuple[Records, Path]] = []
    for folder in dict.fromkeys(each for each in (old.root, old.folder) if each):
        for path in (folder / name, folder / f"{name}.tmp"):
            text = _text(path)
            if text is not None:
                found.append((records.read(text), path))
    return max(found, key=lambda each: len(each[0].by_device)) if found else None


def _text(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return file.read(LARGEST).decode(errors="replace")
    except OSError:
        return None
