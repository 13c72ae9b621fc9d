"""How images become firmware: uploaded one by one, or found in the directory of an old homie-ota.

Rule: the file is whole and on the disk before its row exists, and a row that could not be written takes its file along.
An image that is stored already stays what it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import HomieOtaError, WrongUse
from homie_ota.esp.image import clean
from homie_ota.model import Firmware
from homie_ota.store import firmware
from homie_ota.store.database import Database
from homie_ota.store.images import MAX_DESCRIPTION, Found, ImageFiles, file_name, name_and_version
from homie_ota.store.receiving import Received
from homie_ota.store.tables import firmware as table


async def accept(
    database: Database,
    files: ImageFiles,
    received: Received,
    *,
    now: float,
    by: str = "",
    name: str = "",
    version: str = "",
    description: str = "",
) -> Firmware:
    """Keep an upload: file, description and row, or none of them. `name` and `version` are for images without magic.

    For an image that is stored already its row is returned, with the new description if there is one; its file is put
    back if it was gone or changed. Raises WrongUse when the image tells no name or version and none is given.
    """
    try:
        async with files.placing:
            description = tidy_description(description)
            stored = await database.read(lambda c: firmware.get(c, received.sha256))
            if stored:
                return await _again(database, files, received, stored, description)
            new = _titled(received, name, version, description)
            return await _first(database, files, received, new, now, by)
    finally:
        await files.discard(received)


def _titled(received: Received, name: str, version: str, description: str) -> Firmware:
    seen = received.inspection
    name, version = seen.name or clean(name), seen.version or clean(version)
    if not name or not version:
        missing = " and ".join(word for word, value in (("name", name), ("version", version)) if not value)
        raise WrongUse(
            f"{clean(received.filename)}: this image does not tell its {missing}, because it has no (or half a) Homie "
            "magic. Type them in, or send them along: curl -F name=… -F version=…."
        )
    digests = received.sha256, received.md5
    return Firmware(*digests, name, version, filename="", size=received.size, description=description)


async def _again(
    database: Database, files: ImageFiles, received: Received, stored: Firmware, description: str
) -> Firmware:
    await files.keep(received, stored.name, stored.version, as_name=stored.filename)
    if description and description != stored.description:
        return await describe(database, files, stored, description)
    return stored


async def _first(
    database: Database, files: ImageFiles, received: Received, new: Firmware, now: float, by: str
) -> Firmware:
    taken = await database.read(_filenames)
    new = replace(new, filename=await files.keep(received, new.name, new.version, taken))
    try:
        await files.describe(new.filename, new.description)
        return await database.write(
            lambda c: firmware.add(c, new, received.inspection, now, by), durable=True
        )
    except BaseException:
        await files.delete(new)
        raise


def _filenames(connection: Connection) -> set[str]:
    return set(connection.execute(sa.select(table.c.filename)).scalars())


def tidy_description(text: str) -> str:
    """A description as it is kept: lines without control characters and spaces behind, of bounded length."""
    lines = (clean(line, MAX_DESCRIPTION) for line in text[:MAX_DESCRIPTION].splitlines())
    return "\n".join(lines).strip()


async def describe(database: Database, files: ImageFiles, stored: Firmware, description: str) -> Firmware:
    """Write a new description beside the file and to the row; an empty one removes it."""
    description = tidy_description(description)
    await files.describe(stored.filename, description)
    await database.write(lambda c: firmware.describe(c, stored.sha256, description))
    return replace(stored, description=description)


async def remove(database: Database, files: ImageFiles, sha256: str) -> Firmware:
    """Delete an image, row first; raises NotFound, or Conflict while a device runs or needs it."""
    deleted = await database.write(lambda c: firmware.delete(c, sha256), durable=True)
    await files.delete(deleted)
    return deleted


# --- The directory of an old homie-ota ----------------------------------------------------------------------------


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
        there = set(names)
        adoption.vanished = [each for each in rows.values() if each.filename not in there]
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
    except UnicodeEncodeError:
        adoption.skipped.append((clean(ascii(filename)), "Its name is no UTF-8. Rename it."))
        return
    except HomieOtaError as error:
        adoption.skipped.append((filename, str(error)))
        return
    twin = rows.get(found.sha256)
    if twin is None:
        new = _from_file(found)
        added = await database.write(
            lambda c: firmware.add(c, new, found.inspection, min(found.modified, now), "")
        )
        adoption.added.append(added)
        rows[added.sha256] = added
    elif files.has(twin.filename):
        adoption.skipped.append((filename, f"It is the same image as {twin.filename}."))
    else:
        await database.write(lambda c: firmware.rename(c, twin.sha256, filename))
        rows[twin.sha256] = replace(twin, filename=filename)


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
        description=tidy_description(found.description),
        warnings=tuple(warnings),
    )
