"""The pages of firmware: what is stored, what is inside an image, whom it fits, and how it is changed.

Rule: as in `pages`: one transaction a page, and a form answers with the way to a page.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import WrongUse
from homie_ota.model import Firmware
from homie_ota.store import comparing, fits, naming, needed, retention
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.web import actions, firmware_actions, firmware_views
from homie_ota.web.classic import form
from homie_ota.web.firmware_actions import firmware_of
from homie_ota.web.refused import EMPTY_FORM, upload_address
from homie_ota.web.render import page, see
from homie_ota.web.shell import Shell, shell_of

A_PAGE = 200
COLUMNS = (
    ("name", "Name"),
    ("version", "Version"),
    ("size", "Size"),
    ("chip", "Chip"),
    ("", "Flash"),
    ("", "SHA-256"),
    ("", "In use"),
    ("uploaded", "Uploaded"),
    ("description", "Description"),
)
"""Head of the list: the word of the store to sort by, and what people read."""


async def listing(request: Request) -> Response:
    """`GET /firmware`: all images, or those whose texts hold some words, and the form to upload one."""
    shell, asked = shell_of(request), request.query_params
    q, sort, new = asked.get("q", ""), asked.get("sort", "-uploaded"), asked.get("uploaded", "")
    start = _number(asked.get("from", "")) or 0

    def read(conn: Connection) -> dict[str, Any]:
        images = firmwares.find(conn, text=q, sort=sort, limit=A_PAGE, offset=start)
        used = needed.in_use_counts(conn, [each.sha256 for each in images])
        total = firmwares.total(conn, text=q)
        return {
            "items": images,
            "used": used,
            "way_back": needed.counts(conn, [each for each in used if not used[each]], needed.WAY_BACK),
            "total": total,
            "next": start + A_PAGE if start + A_PAGE < total else None,
            "made": firmwares.get(conn, new) if new else None,
            "left_alone": _left_alone(conn, shell),
        }

    told = await shell.database.read(read)
    told |= {"q": q, "sort": sort, "columns": COLUMNS, "keep": shell.settings.ota.keep_newest}
    told |= {"pruned": _number(asked.get("pruned", "")), "address": upload_address(request)}
    return page(request, "firmware.html", **EMPTY_FORM, **told)


def _left_alone(conn: Connection, shell: Shell) -> list[tuple[str, str]]:
    """Files of the directory that are still no firmware, each with the reason."""
    still = [each for each in shell.images.left_alone if firmwares.by_filename(conn, each[0]) is None]
    return [(filename, why.removeprefix(f"{filename}: ")) for filename, why in still]


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 10 else None


async def image(request: Request) -> Response:
    """`GET /firmware/<file>`: one image."""
    shell, filename = shell_of(request), str(request.path_params["file"])
    now = shell.clock()

    def read(conn: Connection) -> dict[str, Any]:
        found = firmware_of(conn, filename)
        seen, needs = firmwares.inspection(conn, found.sha256), needed.find(conn, [found.sha256])
        running, running_this = naming.running(conn, found.name, found.md5)
        return {
            "f": found,
            "seen": seen,
            "facts": firmware_views.facts(found, seen),
            "versions": firmware_views.versions(seen),
            "build": firmware_views.build_facts(seen),
            "fits": (fitting := fits.summary(conn, found, now)),
            "refused": (refused := firmware_views.refused(fitting)),
            "refusals": firmware_views.refusals(found, refused),
            "users": firmware_views.users(conn, needs),
            "used": len({each.device_pk for each in needs if each.why in needed.IN_USE}),
            "needs": len({each[2:] for each in needs}),
            "kept_for": needed.sentence(needs),
            "running": running,
            "running_this": running_this,
            "others": firmware_views.others(conn, found),
            "twins": firmware_views.twins(conn, found),
        }

    told = await shell.database.read(read)
    told |= {"results": firmware_views.RESULTS, "severities": firmware_views.SEVERITIES}
    return page(request, "image.html", shown=firmware_views.SHOWN, **told)


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


# --- Several images -----------------------------------------------------------------------------------------------


async def compare(request: Request) -> Response:
    """`GET /firmware/compare?a=…&b=…`: two images beside each other, each by hash or `NAME@VERSION`."""
    shell, asked = shell_of(request), request.query_params
    a, b, lines = await shell.database.read(
        lambda conn: comparing.compare(conn, asked.get("a", ""), asked.get("b", ""))
    )
    differing = [line for line in lines if line.differs]
    same = lines[len(differing) :]
    return page(request, "compare.html", a=a.firmware, b=b.firmware, differing=differing, same=same)


async def ask_prune(request: Request) -> Response:
    """`GET /firmware/prune?keep=…`: which images would be deleted, before they are."""
    shell, keep = shell_of(request), _number(request.query_params.get("keep", ""))
    if keep is None and not shell.settings.ota.keep_newest:
        return page(request, "prune.html", keep=None, going=[])
    keep = firmware_actions.versions_to_keep(shell, keep)
    going = await shell.database.read(lambda conn: retention.preview(conn, keep))
    return page(request, "prune.html", keep=keep, going=going)


async def prune(request: Request) -> Response:
    """`POST /firmware/prune` (`keep`): delete them."""
    fields, shell = await form(request), shell_of(request)
    keep = firmware_actions.versions_to_keep(shell, _number(fields.get("keep", "")))
    gone = await firmware_actions.prune(shell, actions.actor_of(request), keep)
    return see(request, "/firmware", pruned=len(gone) or "0")
