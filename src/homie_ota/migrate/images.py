"""The firmware directory of the old server: every image through the door that uploads come through.

Rule: what an upload would refuse is refused here, with the same sentence; the old files are only read. Text that Python
3 wrote twice into UTF-8 is set right.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

from homie_ota.errors import HomieOtaError
from homie_ota.esp.image import clean
from homie_ota.migrate import records
from homie_ota.migrate.into import Into
from homie_ota.migrate.report import Report, Took
from homie_ota.model import Firmware
from homie_ota.store import adoption, firmware, intake
from homie_ota.store.database import Database
from homie_ota.store.images import Found, ImageFiles, name_and_version
from homie_ota.store.reading import LARGEST

KIND = "image"
_BLOCK = 1 << 18
_QUOTED = re.compile(r"""b(['"])(.*?)\1""")


async def take(root: Path, into: Into, report: Report) -> None:
    """Take every image of `root`, or in a dry run say what would become of each."""
    old = ImageFiles(root)
    old.secrets = into.files.secrets
    if into.rows is not None and _is_same(root, into.files.directory):
        await _adopt(into.rows, into.files, into.now, report)
        return
    names = old.names()
    for filename in names:
        shown = clean(filename.encode(errors="replace").decode())
        try:
            await _one(old, filename, shown, into, report)
        except UnicodeError:
            report.add(KIND, shown, Took.REFUSED, "Its name is no UTF-8. Rename it.")
        except HomieOtaError as error:
            report.add(KIND, shown, Took.REFUSED, str(error))
    if not names:
        report.add(KIND, str(root), Took.LEFT, "There are no .bin files in it.")


def _is_same(root: Path, directory: Path) -> bool:
    return directory.exists() and root.samefile(directory)


async def _one(old: ImageFiles, filename: str, shown: str, into: Into, report: Report) -> None:
    filename.encode()
    found = old.look(filename)
    intake.judge(filename, found.inspection)
    new = _words(found)
    repaired = ", its description set right" if new.description != found.description else ""
    told = f"{new.name} {new.version}{repaired}"
    if into.ask(lambda conn: firmware.get(conn, found.sha256), None):
        report.add(KIND, shown, Took.THERE, f"{told}: this image is stored.")
        return
    if into.rows is not None:
        await _store(old, found, new, into.rows, into)
    report.add(KIND, shown, Took.TAKEN, told)


class _Words(NamedTuple):
    """What an image is called, and what people wrote about it."""

    name: str
    version: str
    description: str


def _words(found: Found) -> _Words:
    name, version = name_and_version(_without_quotes(found.filename))
    seen = found.inspection
    return _Words(seen.name or name, seen.version or version, readable(found.description))


def _without_quotes(filename: str) -> str:
    """Python 3 called files `b'lamp'-b'1.0.0'.bin`."""
    return _QUOTED.sub(r"\2", filename)


async def _store(old: ImageFiles, found: Found, new: _Words, database: Database, into: Into) -> Firmware:
    async def chunks() -> AsyncIterator[bytes]:
        with (old.directory / found.filename).open("rb") as file:
            while block := file.read(_BLOCK):
                yield block

    received = await into.files.receive(chunks(), filename=found.filename, max_size=LARGEST)
    at = min(found.modified, into.now)
    return await intake.accept(database, into.files, received, now=at, **new._asdict())


async def _adopt(database: Database, files: ImageFiles, now: float, report: Report) -> None:
    """The server goes on with the same directory, as it would at its next start."""
    known = {each.filename for each in await database.read(firmware.find)}
    found = await adoption.adopt_directory(database, files, now)
    for each in found.added:
        report.add(KIND, each.filename, Took.TAKEN, f"{each.name} {each.version}, where it is")
    for filename, why in found.skipped:
        report.add(KIND, filename, Took.REFUSED, why)
    for filename in sorted(known - {each.filename for each in found.vanished}):
        report.add(KIND, filename, Took.THERE, "this image is stored.")


def readable(text: str) -> str:
    """A description as it was typed: UTF-8 that was taken for Latin-1 and written as UTF-8 again is set right."""
    text = records.plain(text.strip())
    try:
        return text.encode("latin-1").decode() if not text.isascii() else text
    except UnicodeError:
        return text


def notes_without_image(root: Path) -> list[str]:
    """Descriptions whose image is not there: the old server kept them when a file was deleted by hand."""
    texts = (path for path in root.glob("*.txt") if not path.with_suffix(".bin").exists())
    return sorted(os.fsencode(path.name).decode(errors="replace") for path in texts)
