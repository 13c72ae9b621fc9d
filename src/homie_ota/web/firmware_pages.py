"""The pages of firmware: what is stored, what is inside an image, whom it fits, and how it is changed.

Rule: as in `pages`: one transaction a page, and a form answers with the way to a page.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import WrongUse
from homie_ota.model import Firmware
from homie_ota.store import firmware as firmwares
from homie_ota.store import naming, needed
from homie_ota.store.database import Connection
from homie_ota.web import actions, firmware_actions, views
from homie_ota.web.classic import form
from homie_ota.web.render import page, see
from homie_ota.web.shell import Shell, shell_of


async def listing(request: Request) -> Response:
    """`GET /firmware`: all images, and the form to upload one."""
    shell, new = shell_of(request), request.query_params.get("uploaded", "")

    def read(conn: Connection) -> dict[str, Any]:
        images = firmwares.find(conn, sort="-uploaded")
        used = needed.in_use_counts(conn, [each.sha256 for each in images])
        made = firmwares.get(conn, new) if new else None
        sentence = f"{made.name} {made.version} is stored as {made.filename}." if made else ""
        return {"items": [(each, used[each.sha256]) for each in images], "sentence": sentence}

    address = str(request.url.replace(path=f"{shell.settings.http.base_path}/upload", query=""))
    return page(request, "firmware.html", address=address, **await shell.database.read(read))


async def image(request: Request) -> Response:
    """`GET /firmware/<file>`: one image."""
    shell, filename = shell_of(request), str(request.path_params["file"])

    def read(conn: Connection) -> dict[str, Any]:
        found = firmware_actions.firmware_of(conn, filename)
        running, running_this = naming.running(conn, found.name, found.md5)
        return {
            "f": found,
            "facts": views.image_facts(found, needed.in_use_by(conn, found.sha256)),
            "running": running,
            "running_this": running_this,
        }

    return page(request, "image.html", **await shell.database.read(read))


async def download(request: Request) -> Response:
    """`GET /firmware/<file>/image`: its bytes."""
    shell, filename = shell_of(request), str(request.path_params["file"])
    found = await shell.database.read(lambda conn: firmware_actions.firmware_of(conn, filename))
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
    found = await shell.database.read(lambda conn: firmware_actions.firmware_of(conn, filename))
    if fields.get("action") == "describe":
        await firmware_actions.change(shell, actor, found, description=fields.get("description", ""))
        return see(request, "/firmware", filename)
    if fields.get("action") == "delete":
        await firmware_actions.delete(shell, actor, found.sha256)
        return see(request, "/firmware")
    raise WrongUse("The form does not say what to do.")
