"""`GET /knocking`: sketches without Homie that ask for an update over HTTP and are not known here, to be adopted.

Rule: what a stranger says is shown as what it says; nothing here believes a MAC.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import WrongUse
from homie_ota.store import adopting, knocks
from homie_ota.store.database import Connection
from homie_ota.web import knock_actions
from homie_ota.web.actions import actor_of
from homie_ota.web.classic import form
from homie_ota.web.render import page, see
from homie_ota.web.shell import shell_of

ACTS = ("adopt", "forget")


async def show(request: Request) -> Response:
    """The list, and where a sketch has to ask."""
    shell = shell_of(request)
    found = await shell.database.read(_read)
    return page(request, "knocking.html", **found, server=shell.broker_status().door.server, most=knocks.MOST)


def _read(conn: Connection) -> dict[str, Any]:
    found = knocks.find(conn, limit=knocks.MOST)
    runs = {each.md5: adopting.runs(conn, each.md5, each.version) for each in found if each.md5}
    places: dict[str, int] = {}
    for each in found:
        places[each.mac] = places.get(each.mac, 0) + 1
    return {"knocks": found, "runs": runs, "places": places, "base": adopting.BASE}


async def change(request: Request) -> Response:
    """`POST /knocking`: `action` is adopt (with `name`, perhaps `base`) or forget, `mac` says whom."""
    fields = await form(request)
    shell, actor, mac = shell_of(request), actor_of(request), fields.get("mac", "")
    action = fields.get("action", "")
    if action == "adopt":
        made = await knock_actions.adopt(shell, actor, mac, fields.get("name", ""), fields.get("base", ""))
        return see(request, "/device", made.key)
    if action == "forget":
        await knock_actions.forget(shell, actor, mac)
        return see(request, "/knocking")
    raise WrongUse("The form does not say what to do.")
