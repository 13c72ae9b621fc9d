"""The directory of an old homie-ota taken over as it is: images without a row get one, at every start.

Rule: files are looked at and never changed; the image in a gzip file gets a file of its own. What is refused as an
upload is left alone here too, with the reason; and what an older version of this server has inspected is inspected
again.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from functools import partial

from homie_ota.errors import HomieOtaError, StorageFull
from homie_ota.esp.image import clean
from homie_ota.model import Firmware
from homie_ota.store import firmware, intake
from homie_ota.store.database import Database
from homie_ota.store.images import MAX_DESCRIPTION, Found, ImageFiles, file_name, name_and_version


@dataclass(slots=True)
class Adoption:
    """What a look at the directory brought: new rows; files that got none, with the reason; rows without a file."""

    added: list[Firmware] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    vanished: list[Firmware] = field(default_factory=list)


async def adopt_directory(database: Database, files: ImageFiles, now: float) -> Adoption:
    """Make a row for every image in the directory that has none, its file name unchanged; see `Adoption`.

    An image that is known under a file name which is gone gets the new one: somebody renamed the file.
    """
    async with files.placing:
        await asyncio.to_thread(files.tidy, now)
        names = await asyncio.to_thread(files.names)
        rows = {each.sha256: each for each in await database.read(firmware.find)}
        known, adoption = {each.filename for each in rows.values()}, Adoption()
        for filename in names:
            if filename not in known:
                await _adopt(database, files, filename, now, rows, adoption)
        there = set(await asyncio.to_thread(files.names))  # what came packed has a file of its own by now
        adoption.vanished = [each for each in rows.values() if each.filename not in there]
        files.left_alone = adoption.skipped
        await _inspect_again(database, files)
        return adoption


async def _adopt(
    database: Database,
    files: ImageFiles,
    filename: str,
    now: float,
    rows: dict[str, Firmware],
    adoption: Adoption,
) -> None:
    try:
        filename.encode()
        found = await asyncio.to_thread(files.look, filename)
        intake.judge(filename, found.inspection)
    except UnicodeEncodeError:
        adoption.skipped.append((clean(ascii(filename)), "Its name is no UTF-8. Rename it."))
        return
    except HomieOtaError as error:
        adoption.skipped.append((filename, str(error)))
        return
    try:
        await _add(database, files, found, now, rows, adoption)
    except StorageFull as error:
        adoption.skipped.append((filename, str(error)))


async def _add(
    database: Database,
    files: ImageFiles,
    found: Found,
    now: float,
    rows: dict[str, Firmware],
    adoption: Adoption,
) -> None:
    filename, twin = found.filename, rows.get(found.sha256)
    if twin is None:
        new = await _in_its_file(files, found, _from_file(found), rows)
        added = await database.write(
            lambda c: firmware.add(c, new, found.inspection, min(found.modified, now), "")
        )
        adoption.added.append(added)
        rows[added.sha256] = added
    elif files.has(twin.filename):
        adoption.skipped.append((filename, f"It is the same image as {twin.filename}."))
    elif found.packed:
        await files.keep(await files.unpack(filename), twin.name, twin.version, as_name=twin.filename)
    else:
        await database.write(lambda c: firmware.rename(c, twin.sha256, filename))
        rows[twin.sha256] = replace(twin, filename=filename)


async def _in_its_file(files: ImageFiles, found: Found, new: Firmware, rows: dict[str, Firmware]) -> Firmware:
    """The firmware with the name of the file that holds its bytes: what came packed is unpacked into one of its own."""
    if not found.packed:
        return new
    received = await files.unpack(found.filename)
    try:
        taken = {each.filename for each in rows.values()}
        placed = replace(new, filename=await files.keep(received, new.name, new.version, taken))
        await files.describe(placed.filename, placed.description)
        return placed
    finally:
        await files.discard(received)


def _from_file(found: Found) -> Firmware:
    """Name and version as the image tells them, else as the file name does, which then is said."""
    seen, (name, version) = found.inspection, name_and_version(found.filename)
    guessed = [word for word, said in (("name", seen.name), ("version", seen.version)) if not said]
    warnings = []
    if guessed:
        warnings.append(f"The image does not tell its {' and '.join(guessed)}: taken from the file name.")
    elif file_name(seen.name, seen.version) != file_name(name, version):
        warnings.append(f"The file name says {name} {version}, the image says {seen.name} {seen.version}.")
    return Firmware(
        found.sha256,
        found.md5,
        seen.name or name,
        seen.version or version,
        filename=found.filename,
        size=found.size,
        description=intake.tidy(found.description, MAX_DESCRIPTION),
        warnings=tuple(warnings),
    )


async def _inspect_again(database: Database, files: ImageFiles) -> None:
    """Look deeper into what was stored when less was looked at; what cannot be read stays as it is."""
    for filename in await database.read(firmware.not_looked_into):
        try:
            found = await asyncio.to_thread(files.look, filename)
        except HomieOtaError:
            continue
        await database.write(partial(firmware.look_into, sha256=found.sha256, found=found.inspection))
