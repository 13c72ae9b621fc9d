"""Carries out the retention rule: deletes what `rollout.retention` chooses and nobody needs, and writes it down.

Rule: by itself (after an upload, at start) the server deletes only what was uploaded to it: files that it found in its
directory are somebody's, and after a loss of the database it does not know yet which of them devices run. A person who
asks for it (`prune`) means all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from sqlalchemy.engine import Connection

from homie_ota.errors import HomieOtaError
from homie_ota.model import Firmware
from homie_ota.rollout.retention import choose
from homie_ota.store import audit, firmware, needed
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles

ITSELF = "keep_newest"
"""Who deleted, in the audit log, where nobody asked for it."""


def preview(
    conn: Connection, keep: int, spare: Iterable[str] = (), ways_back: Iterable[str] | None = None
) -> list[Firmware]:
    """What would go, oldest first, if the newest `keep` versions of each name were kept; `spare` stay as well.

    `ways_back` are the images that are one, where that is known already.
    """
    if ways_back is None:
        return choose(firmware.find(conn), needed.hashes(conn).union(spare), keep)
    needs = needed.hashes(conn, set(needed.Why) - needed.WAY_BACK)
    return choose(firmware.find(conn), needs.union(spare, ways_back), keep)


async def prune(
    database: Database, files: ImageFiles, keep: int, now: float, *, by: str, where: str = ""
) -> list[Firmware]:
    """Delete it, as a person asked; what went."""
    return await _delete(database, files, lambda conn: preview(conn, keep), keep, now, (by, where))


async def apply(
    database: Database, files: ImageFiles, keep: int, now: float, spare: Iterable[str] = ()
) -> list[Firmware]:
    """Delete what the settings do not want kept, except what was found in the directory; `keep` 0 keeps all."""
    if keep < 1:
        return []

    def chosen(conn: Connection) -> list[Firmware]:
        return preview(conn, keep, {*spare, *firmware.found_here(conn)})

    return await _delete(database, files, chosen, keep, now, (ITSELF, ""))


async def _delete(
    database: Database,
    files: ImageFiles,
    chosen: Callable[[Connection], list[Firmware]],
    keep: int,
    now: float,
    who: tuple[str, str],
) -> list[Firmware]:
    """Rows first, then the files. Chosen beside the writer, which then only looks whether anybody needs them by now."""
    by, where = who
    old = await database.read(chosen)
    if not old:
        return []

    def write(conn: Connection) -> list[Firmware]:
        needs = {need.sha256 for need in needed.find(conn, [each.sha256 for each in old])}
        going = [each for each in old if each.sha256 not in needs]
        firmware.drop(conn, [each.sha256 for each in going])
        for each in going:
            why = f"{each.filename}, SHA-256 {each.sha256[:12]}: not among the newest {keep} versions, needed by nobody"
            audit.add(conn, at=now, who=by, what="deleted firmware", why=why, from_where=where)
        return going

    async with files.placing:  # or an upload of the same image would find the file, and then lose it
        gone = await database.write(write, durable=True)
        await _delete_files(files, gone)
    return gone


async def _delete_files(files: ImageFiles, gone: list[Firmware]) -> None:
    """Delete them all; one that resists keeps no other one, and is told at the end."""
    trouble: list[HomieOtaError] = []
    for each in gone:
        try:
            await files.delete(each)
        except HomieOtaError as error:
            trouble.append(error)
    if trouble:
        raise trouble[0]
