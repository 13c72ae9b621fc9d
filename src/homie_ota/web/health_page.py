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
from homie_ota.errors import WrongUse
from homie_ota.store import disks, moved, vitals
from homie_ota.store.database import Connection
from homie_ota.store.disks import Disk
from homie_ota.web import health_lines, recipient_lines, recipients
from homie_ota.web.actions import actor_of
from homie_ota.web.classic import form
from homie_ota.web.health_lines import Known, Verdict
from homie_ota.web.live import Asked, LivePage, live_page
from homie_ota.web.render import see
from homie_ota.web.shell import Shell, shell_of
from homie_ota.web.texts import _

ACTS = ("test",)
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
    told = recipients.read(conn, shell.settings)
    found += [recipient_lines.line(each) for each in told]
    worst = max(found, key=lambda line: list(Verdict).index(line.verdict)).verdict
    return {
        "lines": found,
        "worst": worst,
        "words": _words(),
        "unwell": sum(line.verdict is not Verdict.GOOD for line in found),
        "tells": bool(told),
    }


def _words() -> dict[Verdict, str]:
    return {Verdict.GOOD: _("well"), Verdict.MIND: _("mind"), Verdict.BAD: _("BAD")}


HEALTH = LivePage("health", "health_page.html", _read, ("vitals",))


async def show(request: Request) -> Response:
    """`GET /health`: how this server is."""
    viewers = {"pages": request.app.state.hub.viewers, "programs": len(request.app.state.listeners)}
    return await live_page(request, HEALTH, viewers=viewers, versions=_versions())


async def change(request: Request) -> Response:
    """`POST /health`: `action` is test: everybody who is told what happens is told something."""
    fields = await form(request)
    if fields.get("action", "") not in ACTS:
        raise WrongUse("The form does not say what to do.")
    await recipients.test(shell_of(request), actor_of(request))
    return see(request, "/health")


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
