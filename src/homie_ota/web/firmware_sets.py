"""The pages about several images: two beside each other, and which old ones would go.

Rule: what would be deleted is shown before it is.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.store import comparing, retention
from homie_ota.web import actions, firmware_actions
from homie_ota.web.classic import form
from homie_ota.web.firmware_pages import number
from homie_ota.web.render import page, see
from homie_ota.web.shell import shell_of


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
    shell, keep = shell_of(request), number(request.query_params.get("keep", ""))
    if keep is None and not shell.settings.ota.keep_newest:
        return page(request, "prune.html", keep=None, going=[])
    keep = firmware_actions.versions_to_keep(shell, keep)
    going = await shell.database.read(
        lambda conn: retention.preview(conn, keep, ways_back=shell.ways_back.counts(conn))
    )
    return page(request, "prune.html", keep=keep, going=going)


async def prune(request: Request) -> Response:
    """`POST /firmware/prune` (`keep`): delete them."""
    fields, shell = await form(request), shell_of(request)
    keep = firmware_actions.versions_to_keep(shell, number(fields.get("keep", "")))
    gone = await firmware_actions.prune(shell, actions.actor_of(request), keep)
    return see(request, "/firmware", pruned=len(gone) or "0")
