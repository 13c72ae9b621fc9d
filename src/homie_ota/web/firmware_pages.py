"""The pages of firmware: what is stored, and what is inside an image.

Rule: as in `pages`: one transaction a page, and a form answers with the way to a page.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.bus import Notice
from homie_ota.errors import NotFound, WrongUse
from homie_ota.model import Firmware
from homie_ota.store import devices, naming, needed
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.web import (
    actions,
    firmware_actions,
    firmware_fleet,
    firmware_upload,
    firmware_views,
    first_run_page,
)
from homie_ota.web.classic import form
from homie_ota.web.firmware_actions import firmware_of
from homie_ota.web.firmware_upload import EMPTY_FORM, upload_address
from homie_ota.web.live import Asked, LivePage, live_page
from homie_ota.web.render import page, see
from homie_ota.web.shell import Shell, shell_of
from homie_ota.web.texts import _

A_PAGE = 200


def columns() -> tuple[tuple[str, str], ...]:
    """Head of the list: the word of the store to sort by, and what people read."""
    return (
        ("name", _("Name")),
        ("version", _("Version")),
        ("size", _("Size")),
        ("chip", _("Chip")),
        ("", _("Flash")),
        ("", "SHA-256"),
        ("", _("In use")),
        ("uploaded", _("Uploaded")),
        ("description", _("Description")),
    )


NUMBERS = frozenset({2, 6})
"""Which of the columns are numbers."""


def concerns(notice: Notice, _values: dict[str, Any]) -> bool:
    """What changes these pages: an image comes or goes, a device gets one."""
    return notice.kind in ("firmware", "deployment")


def _listed(conn: Connection, asked: Asked) -> dict[str, Any]:
    shell, query = asked.shell, asked.query
    q, sort, start = query.get("q", ""), query.get("sort", "-uploaded"), number(query.get("from", "")) or 0
    images = firmwares.find(conn, text=q, sort=sort, limit=A_PAGE, offset=start)
    used, total = needed.in_use_counts(conn, [each.sha256 for each in images]), firmwares.total(conn, text=q)
    return {
        "items": images,
        "used": used,
        "way_back": shell.ways_back.counts(conn) if images else {},
        "total": total,
        "next": start + A_PAGE if start + A_PAGE < total else None,
        "made": firmwares.get(conn, query["uploaded"]) if query.get("uploaded") else None,
        "remarks": firmware_upload.remarks(query.get("said", "").split(",")),
        "pruned": number(query.get("pruned", "")),
        "left_alone": _left_alone(conn, shell),
        "first": None if total or q else first_run_page.first(conn, shell),
        "q": q,
        "sort": sort,
        "columns": columns(),
        "numbers": NUMBERS,
        "keep": shell.settings.ota.keep_newest,
        "largest": shell.settings.ota.max_upload,
        **EMPTY_FORM,
    }


LISTING = LivePage("firmware", "firmware.html", _listed, ("images",), concerns)


async def listing(request: Request) -> Response:
    """`GET /firmware`: all images, or those whose texts hold some words, and the form to upload one."""
    return await live_page(request, LISTING, address=upload_address(request))


def _left_alone(conn: Connection, shell: Shell) -> list[tuple[str, str]]:
    """Files of the directory that are still no firmware, each with the reason."""
    still = [each for each in shell.images.left_alone if firmwares.by_filename(conn, each[0]) is None]
    return [(filename, why.removeprefix(f"{filename}: ")) for filename, why in still]


def number(text: str) -> int | None:
    """A number in an address; None where it is none."""
    return int(text) if text.isdecimal() and len(text) < 10 else None


# --- One image ------------------------------------------------------------------------------------------------------


def _image(conn: Connection, asked: Asked) -> dict[str, Any]:
    found = firmware_of(conn, asked.key)
    seen = firmwares.inspection(conn, found.sha256)
    running, running_this = naming.running(conn, found.name, found.md5)
    fleet = sum(devices.counts(conn).values())
    return {
        "f": found,
        "seen": seen,
        "facts": firmware_views.facts(found, seen),
        "versions": firmware_views.versions(seen),
        "build": firmware_views.build_facts(seen),
        "devices": fleet,
        "fleet": firmware_fleet.read(conn, found, now=asked.now) if fleet <= firmware_fleet.AT_ONCE else None,
        "kept_for": firmware_fleet.kept_for(conn, found.sha256, asked.shell.ways_back.counts(conn)),
        "running": running,
        "running_this": running_this,
        "others": firmware_views.others(conn, found),
        "twins": firmware_views.twins(conn, found),
        "results": firmware_views.results(),
        "severities": firmware_views.severities(),
        "title_of": firmware_fleet.title,
    }


IMAGE = LivePage("image", "image.html", _image, ("now_running", "fleet", "delete"), concerns)


async def image(request: Request) -> Response:
    """`GET /firmware/<file>`: one image."""
    return await live_page(request, IMAGE, str(request.path_params["file"]))


async def fleet(request: Request) -> Response:
    """`GET /firmware/<file>/fleet`: whom it fits and who needs it; with `?group=` all devices of one reason."""
    shell, filename = shell_of(request), str(request.path_params["file"])
    asked, now = request.query_params, shell.clock()
    start = number(asked.get("from", "")) or 0

    def read(conn: Connection) -> dict[str, Any]:
        found = firmware_of(conn, filename)
        if "group" not in asked:
            return {"f": found, "fleet": firmware_fleet.read(conn, found, now=now), "group": None}
        group = firmware_fleet.group(conn, found, asked["group"], start, now=now)
        if group is None:
            raise NotFound(_("No device is in this group any more. Look at the image again."))
        return {"f": found, "fleet": None, "group": group, "key_of_group": asked["group"]}

    async with shell.looking:  # it takes a while of a large fleet, and others want to read meanwhile
        told = await shell.database.read(read)
    return page(request, "firmware_devices.html", title_of=firmware_fleet.title, **told)


async def download(request: Request) -> Response:
    """`GET /firmware/<file>/image`: its bytes."""
    shell, filename = shell_of(request), str(request.path_params["file"])
    found = await shell.database.read(lambda conn: firmware_of(conn, filename))
    return await image_file(shell, found)


async def image_file(shell: Shell, stored: Firmware) -> Response:
    """The bytes of an image, to be saved as a file."""
    body = await shell.images.body(stored)
    headers = {
        "Content-Disposition": f'attachment; filename="{_ascii(stored.filename)}"',
        "x-MD5": stored.md5,
    }
    return Response(body, media_type="application/octet-stream", headers=headers)


def _ascii(filename: str) -> str:
    """A file name as a header can hold it; files of an old directory may be called anything."""
    return "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in filename)


async def change(request: Request) -> Response:
    """`POST /firmware/<file>` (`action=describe` or `delete`)."""
    fields, shell = await form(request), shell_of(request)
    filename, actor = str(request.path_params["file"]), actions.actor_of(request)
    found = await shell.database.read(lambda conn: firmware_of(conn, filename))
    if fields.get("action") == "describe":
        texts = {name: fields.get(name) for name in ("description", "changelog", "requires")}
        await firmware_actions.change(shell, actor, found, **texts)
        return see(request, "/firmware", filename)
    if fields.get("action") == "delete":
        await firmware_actions.delete(shell, actor, found.sha256)
        return see(request, "/firmware")
    raise WrongUse("The form does not say what to do.")
