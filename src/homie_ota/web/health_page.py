"""The page of this server's own health: the broker, the queue, the database, disks, the clock, and versions.

Rule: here the facts are gathered; what they mean is in `health_lines`.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
from functools import lru_cache
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota import __version__
from homie_ota.store import disks, moved, vitals
from homie_ota.store.database import Connection
from homie_ota.store.disks import Disk
from homie_ota.web import health_lines
from homie_ota.web.health_lines import Known, Verdict
from homie_ota.web.live import Asked, LivePage, live_page
from homie_ota.web.shell import Shell
from homie_ota.web.texts import _

LIBRARIES = ("SQLAlchemy", "starlette", "uvicorn", "gmqtt", "Jinja2", "pydantic", "fastapi", "uvloop")


def _read(conn: Connection, asked: Asked) -> dict[str, Any]:
    shell = asked.shell
    found = health_lines.lines(
        Known(
            now=asked.now,
            broker=shell.broker_status(),
            vitals=vitals.read(conn, asked.now),
            writing=shell.database.writing(),
            disks=_disks(shell),
            largest=shell.settings.ota.max_upload,
            version_day=vitals.VERSION_DAY,
            process=os.getpid(),
            moved=moved.counts(conn),
        )
    )
    worst = max(found, key=lambda line: list(Verdict).index(line.verdict)).verdict
    return {
        "lines": found,
        "worst": worst,
        "words": _words(),
        "unwell": sum(line.verdict is not Verdict.GOOD for line in found),
    }


def _words() -> dict[Verdict, str]:
    return {Verdict.GOOD: _("well"), Verdict.MIND: _("mind"), Verdict.BAD: _("BAD")}


HEALTH = LivePage("health", "health_page.html", _read, ("vitals",))


async def show(request: Request) -> Response:
    """`GET /health`: how this server is."""
    viewers = {"pages": request.app.state.hub.viewers, "programs": len(request.app.state.listeners)}
    return await live_page(request, HEALTH, viewers=viewers, versions=_versions())


def _disks(shell: Shell) -> tuple[Disk, ...]:
    """Of the data and of the firmware; once where both lie on one."""
    return disks.read(
        (
            (_("disk of the data"), shell.settings.data_dir),
            (_("disk of the firmware"), shell.images.directory),
        )
    )


@lru_cache(maxsize=1)
def _versions() -> list[tuple[str, str]]:
    told = [
        ("homie-ota", __version__),
        ("Python", platform.python_version()),
        ("system", f"{platform.system()} {platform.machine()}"),
    ]
    return told + [(name, found) for name in LIBRARIES if (found := _version(name))]


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
