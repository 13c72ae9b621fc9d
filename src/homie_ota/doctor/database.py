"""The database: whether it can be used, is of this version and whole, and whether what it says is so.

Rule: it is read only, beside a server that may run on it; a database that is not there is not made.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Iterator
from pathlib import Path

from homie_ota.doctor.nouns import BAD, GOOD, MIND, Finding, Patient
from homie_ota.errors import Conflict, HomieOtaError
from homie_ota.store import audit, devices, integrity, moved, vitals
from homie_ota.store.database import Connection, Database
from homie_ota.web import words

SAMPLE = 64 << 20
"""Bytes of images that are compared with their rows."""
DAY = 86400.0
NAMED = 3
"""So many are named in a sentence."""

_OPEN = 'sudo systemctl start postgresql; or the right address: database = "postgresql://…" in [storage]'
_BACK = "or the last backup, put back with homie-ota restore"


async def database(patient: Patient) -> list[Finding]:
    """Everything about the database, and of its images a sample."""
    return await asyncio.to_thread(_look, patient)


def _look(patient: Patient) -> list[Finding]:
    url = patient.settings.database_url
    if "://" not in url and not Path(url).is_file():
        said = f"There is no database {url} yet."
        return [
            Finding(
                "database",
                MIND,
                said,
                "homie-ota serve --data DIR makes it; or name the right --data or --config",
            )
        ]
    opened = Database(url)
    try:
        opened.require_current()
        return opened.read_now(lambda conn: list(_findings(conn, patient)))
    except Conflict as error:
        return [Finding("database", BAD, str(error), "sudo systemctl restart homie-ota")]
    except HomieOtaError as error:
        return [
            Finding(
                "database",
                BAD,
                str(error),
                _OPEN if "://" in url else f'database = "…" in [storage]; {_BACK}',
            )
        ]
    finally:
        opened.close()


def _findings(conn: Connection, patient: Patient) -> Iterator[Finding]:
    fault = integrity.fault(conn)
    if fault:
        yield _broken(patient.settings.database_url, fault)
        return
    known, now = patient.known, patient.known.clock()
    found = vitals.read(conn, now)
    images = integrity.images(conn)
    known.newest, known.largest = found.newest, max((each.size for each in images), default=0)
    known.devices = frozenset(devices.addresses(conn))
    known.seekers = (moved.astray(conn), moved.silent(conn), moved.placed(conn))
    size = words.size(found.bytes)
    yield Finding(
        "database",
        GOOD,
        f"{found.engine}, {size}, schema {found.schema}, devices: {found.devices}; it is whole.",
    )
    yield _chain(conn)
    yield from _images(patient.settings.firmware_dir, images)
    yield from _doubled(integrity.doubled(conn, now - DAY))


def _broken(url: str, fault: str) -> Finding:
    quoted = shlex.quote(url)
    fix = (
        "stop the server, keep a copy of the file, and put back the last backup (homie-ota restore); without one: "
        f"sqlite3 {quoted} .recover | sqlite3 {quoted}.new"
    )
    return Finding("database", BAD, f"The database is damaged: {words.clean(fault)}.", fix)


def _chain(conn: Connection) -> Finding:
    found = audit.verify(conn)
    if found.fault is None:
        return Finding("audit log", GOOD, f"All rows ({found.head.rows}) are as they were written.")
    fix = "homie-ota audit verify FILE, with an export from before, tells since when; then ask who had the database"
    return Finding("audit log", BAD, found.fault[1], fix)


def _images(folder: Path, images: list[integrity.Image]) -> Iterator[Finding]:
    harmed = list(integrity.harmed(folder, images, SAMPLE))
    for gone, what in ((True, "gone"), (False, "changed: not what was uploaded")):
        names = [each.filename for each in harmed if each.gone is gone]
        if names:
            told = words.clean(", ".join(names[:NAMED])) + (
                f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            )
            yield Finding("images", BAD, f"In {folder}: {told} {what}.", f"homie-ota upload {names[0]}")
    if not harmed:
        yield Finding("images", GOOD, f"{len(images)} stored; those that were read are what was uploaded.")


def _doubled(found: dict[str, list[str]]) -> Iterator[Finding]:
    """A Homie device's client id is made of its id without the base topic (homie-ota.md rule 22)."""
    for device_id, bases in list(found.items())[:NAMED]:
        said = (
            f"{words.clean(device_id, 64)} was heard below {' and '.join(map(words.clean, bases))} within a day: two "
            "devices of one id throw each other off the broker without an end."
        )
        fix = "another device_id in the config.json of one of them; an old ghost is deleted on the page of the device"
        yield Finding("client ids", MIND, said, fix)
