"""How an upload becomes firmware: judged, named, and kept; and what people write about it.

Rule: the file is whole and on the disk before its row exists, and a row that could not be written takes its file along.
An image that is stored already stays what it is. Every way in (page, old route, API, command line) comes through
`accept`, and only `judge` says what is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import BadFirmware, WrongUse
from homie_ota.esp.image import Inspection, Severity, clean, refusal, sentence
from homie_ota.model import Firmware
from homie_ota.store import firmware
from homie_ota.store.database import Database
from homie_ota.store.firmware import MAX_CHANGELOG
from homie_ota.store.images import MAX_DESCRIPTION, ImageFiles
from homie_ota.store.receiving import Received
from homie_ota.store.tables import firmware as table

MAX_OVERRIDE = 400
Then = Callable[[Connection, Firmware], object]
"""What else belongs to the change, in its transaction: its row in the audit log. None of both, or both."""


def _nothing(_connection: Connection, _changed: Firmware) -> None:
    return


_STOPPING = (Severity.IMPOSSIBLE, Severity.REFUSAL)


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
    override: str = "",
    then: Then = _nothing,
) -> Firmware:
    """Keep an upload: file, description and row, or none of them. `name` and `version` are for images without magic.

    For an image that is stored already its row is returned, with the new description if there is one; its file is put
    back if it was gone or changed. Raises BadFirmware for what is no good image, unless `override`, a person's reason,
    lifts that; WrongUse when the image tells no name or version and none is given.
    """
    try:
        async with files.placing:
            description = tidy(description, MAX_DESCRIPTION)
            stored = await database.read(lambda c: firmware.get(c, received.sha256))
            if stored:
                return await _again(database, files, received, stored, description, then)
            override = judge(received.filename, received.inspection, override)
            new = _titled(received, name, version, description, override)
            return await _first(database, files, received, new, (now, by), then)
    finally:
        await files.discard(received)


def judge(filename: str, seen: Inspection, override: str = "") -> str:
    """The reason as it is kept with an image that is taken because of it; empty where none was needed.

    Raises BadFirmware with what to upload instead, and with how a reason is given where one may lift it.
    """
    override = clean(override, MAX_OVERRIDE)
    grave = [each for each in seen.findings if each.severity in _STOPPING]
    stopping = refusal(seen, override)
    if stopping is None:
        return override if grave else ""
    overridable = stopping.severity is Severity.REFUSAL
    end = _HOW_TO_LIFT if overridable else " No reason (override) lifts that." if override else ""
    told = [(each.code, each.text, each.advice) for each in grave]
    raise BadFirmware(sentence(filename, stopping) + end, told, overridable, clean(filename))


_HOW_TO_LIFT = (
    " If you know better, send the reason along (curl -F override=…, homie-ota upload --override …): it is kept with "
    "the image."
)


def _titled(received: Received, name: str, version: str, description: str, override: str) -> Firmware:
    seen = received.inspection
    name, version = seen.name or clean(name), seen.version or clean(version)
    if not name or not version:
        missing = " and ".join(word for word, value in (("name", name), ("version", version)) if not value)
        raise WrongUse(
            f"{clean(received.filename)}: this image does not tell its {missing}, because it has no (or half a) Homie "
            "magic. Type them in, or send them along: curl -F name=… -F version=…, or homie-ota upload --name … "
            "--version …."
        )
    new = Firmware(received.sha256, received.md5, name, version, filename="", size=received.size)
    return replace(new, description=description, override=override)


async def _again(
    database: Database, files: ImageFiles, received: Received, stored: Firmware, description: str, then: Then
) -> Firmware:
    await files.keep(received, stored.name, stored.version, as_name=stored.filename)
    return await change(database, files, stored, description=description or None, then=then)


async def _first(
    database: Database,
    files: ImageFiles,
    received: Received,
    new: Firmware,
    origin: tuple[float, str],
    then: Then,
) -> Firmware:
    taken = await database.read(_filenames)
    new = replace(new, filename=await files.keep(received, new.name, new.version, taken))
    try:
        await files.describe(new.filename, new.description)
        return await database.write(
            lambda c: _also(c, firmware.add(c, new, received.inspection, *origin), then), durable=True
        )
    except BaseException:
        await files.delete(new)
        raise


def _also(connection: Connection, changed: Firmware, then: Then) -> Firmware:
    then(connection, changed)
    return changed


def _filenames(connection: Connection) -> set[str]:
    return set(connection.execute(sa.select(table.c.filename)).scalars())


def tidy(text: str, longest: int) -> str:
    """A text as it is kept: lines without control characters and spaces behind, of bounded length."""
    lines = (clean(line, longest) for line in text[:longest].splitlines())
    return "\n".join(lines).strip()


async def change(
    database: Database,
    files: ImageFiles,
    stored: Firmware,
    *,
    description: str | None = None,
    changelog: str | None = None,
    requires: str | None = None,
    then: Then = _nothing,
) -> Firmware:
    """Change what people write about an image; None stays. The description lies beside the file as well.

    Raises WrongUse when `requires` names no versions.
    """
    changed = replace(
        stored,
        description=stored.description if description is None else tidy(description, MAX_DESCRIPTION),
        changelog=stored.changelog if changelog is None else tidy(changelog, MAX_CHANGELOG),
        requires=stored.requires if requires is None else firmware.tidy_requires(requires),
    )
    if changed.description != stored.description:
        await files.describe(stored.filename, changed.description)

    def write(connection: Connection) -> None:
        if changed != stored:
            firmware.write_about(connection, changed)
        then(connection, changed)

    try:
        await database.write(write)
    except BaseException:
        await files.describe(stored.filename, stored.description)
        raise
    return changed


async def remove(database: Database, files: ImageFiles, sha256: str, *, then: Then = _nothing) -> Firmware:
    """Delete an image, row first; raises NotFound, or Conflict while somebody needs it."""
    async with files.placing:  # or an upload of the same image would find the file, and then lose it
        deleted = await database.write(lambda c: _also(c, firmware.delete(c, sha256), then), durable=True)
        await files.delete(deleted)
    return deleted
