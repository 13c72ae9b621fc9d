"""Before one device is updated: from what to what, whether it fits, when it gets it, how long it takes, the way back.

Rule: the same judgement as for a rollout; nothing is written.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import NotFound
from homie_ota.rollout import story
from homie_ota.rollout.duration import SLOW_RATE, USUAL_RATE
from homie_ota.store import devices, orders, placing, rhythm, search
from homie_ota.store.database import Connection
from homie_ota.store.rhythm import Outlook
from homie_ota.web.render import page
from homie_ota.web.shell import shell_of
from homie_ota.web.texts import _


async def ask_update(request: Request) -> Response:
    """`GET /update?device=…&firmware=…`: what would happen, before it does."""
    shell, asked = shell_of(request), request.query_params
    now = shell.clock()

    def read(conn: Connection) -> dict[str, Any]:
        pk = devices.resolve(conn, asked.get("device", ""))
        image = placing.meant(conn, pk, asked.get("firmware", ""))
        row = devices.row(conn, pk)
        if row is None:
            raise NotFound("This device is not known any more.")
        ahead = rhythm.outlook(conn, pk, image.size, now)
        return {
            "d": row,
            "f": image,
            "answer": orders.verdict(conn, pk, image, now=now),
            "ahead": ahead,
            "lasts": lasts(ahead, image.size),
            "back": bool(search.complete(conn, [row])[0]["sha256"]),
        }

    return page(request, "update.html", **await shell.database.read(read))


def lasts(ahead: Outlook, size: int) -> str:
    """How long the transfer will take, and from where that is known."""
    if ahead.rate:
        span = story.span(size / ahead.rate)
        return (
            _("%(span)s, as other devices did", span=span)
            if ahead.by_others
            else _("%(span)s, as before", span=span)
        )
    least, most = story.span(size / USUAL_RATE), story.span(size / SLOW_RATE)
    return _("%(least)s to %(most)s; none was sent yet", least=least, most=most)
