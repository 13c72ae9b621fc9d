"""Takes over an installation of the old homie-ota (2016–2019): settings, login, images, and devices as history.

Rule: the old directory is only read; a dry run writes nothing at all; a second run takes what is new and leaves what is
there. While a server runs on the data nothing is taken, for two would number devices.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from homie_ota.config import TOML_FILE, Settings, file_of, load
from homie_ota.errors import Conflict
from homie_ota.migrate import devices, images, logins, places, settings
from homie_ota.migrate.into import Into
from homie_ota.migrate.places import Old
from homie_ota.migrate.report import Line, Report, Took
from homie_ota.store import lease
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles
from homie_ota.store.reading import Secrets

__all__ = ["Line", "Report", "Took", "Where", "migrate"]


class Where(NamedTuple):
    """Into which installation: its settings file where one is named, what the command line says, the environment.

    `secrets` tells which secrets the settings hold, so that images with one of them are warned of.
    """

    config: Path | None
    overrides: Mapping[str, Mapping[str, Any]]
    env: Mapping[str, str]
    secrets: Callable[[Settings], Secrets]


class _Plan(NamedTuple):
    """What is there to take, and the settings of the server that takes it; `new_file` with its text."""

    old: Old
    found: settings.Read
    target: Settings
    new_file: tuple[Path, str] | None


async def migrate(folder: Path, where: Where, *, by: str, dry_run: bool, now: float | None = None) -> Report:
    """Take over what is in `folder`, or with `dry_run` only say what would be taken.

    Raises NotFound and WrongUse when there is no old installation or its INI cannot be used, Conflict while a server
    runs on the data.
    """
    report, now = Report(), time.time() if now is None else now
    plan = _plan(folder, where, report)
    files = ImageFiles(plan.target.firmware_dir)
    files.secrets = where.secrets(plan.target)
    database = _opened(plan.target, dry_run)
    try:
        if database is not None and not dry_run:
            _prepare(database, plan, now)
        await _take(plan, Into(database, files, by, now, dry_run), report)
    finally:
        if database is not None:
            database.close()
    return report


def _opened(target: Settings, dry_run: bool) -> Database | None:
    url = target.database_url
    if dry_run and "://" not in url and not Path(url).is_file():
        return None
    return Database(url)


def _prepare(database: Database, plan: _Plan, now: float) -> None:
    database.migrate()
    if database.read_now(lambda conn: lease.holder_of(conn, lease.DISPATCH, now)) is not None:
        raise Conflict("A server runs on these data. Stop it, wait a quarter of a minute, and migrate again.")
    if plan.new_file:
        settings.write(*plan.new_file)


async def _take(plan: _Plan, into: Into, report: Report) -> None:
    if into.dry_run and into.database is not None:
        into.database.require_current()
    logins.take(into, plan.found.user, plan.found.password, report)
    root = plan.old.root
    if root is None:
        report.add("file", plan.found.root, Took.LEFT, "There is no firmware directory, so no images.")
    else:
        await images.take(root, into, report)
        for name in images.notes_without_image(root):
            report.add("file", name, Took.LEFT, "A description without its image.")
    past, at = devices.collect(plan.old, plan.found.values["mqtt"]["base_topics"][0], report)
    await devices.take(past, at, into, report)


def _plan(folder: Path, where: Where, report: Report) -> _Plan:
    path = places.find_ini(folder)
    found = settings.read(folder, path, report)
    old = Old(folder, path, places.find_root(folder, found.root))
    places.require_something(old)
    return _Plan(old, found, *_target(found, old, where, report))


def _target(
    found: settings.Read, old: Old, where: Where, report: Report
) -> tuple[Settings, tuple[Path, str] | None]:
    """The settings of the new installation, and the file to be written with its text; None where there is one."""
    file = where.config or file_of(None, where.env)
    data = Path(str(where.overrides.get("storage", {}).get("data_dir") or "data"))
    values = settings.chosen(found.values, data)
    if file is None or not file.exists():
        file = file or Path(TOML_FILE)
        text = settings.text_of(values)
        target = settings.checked(text, where.env, where.overrides)
        settings.tell(values, old, file, written=True, report=report)
        return target, (file, text)
    if old.ini and file.resolve() == old.ini.resolve():
        text = "The server goes on with this file, which it reads as it is."
        report.add(settings.KIND, file.name, Took.THERE, text)
    else:
        settings.tell(values, old, file, written=False, report=report)
    return load(file, where.env, where.overrides), None
