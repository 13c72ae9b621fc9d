"""The pages: inventory, device, deployments; all of them work without JavaScript.

Rule: a page reads in one transaction, so that what it shows belongs together; forms answer with the way to a page.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import WrongUse
from homie_ota.store import devices, orders, search
from homie_ota.store.database import Connection
from homie_ota.store.search import Page
from homie_ota.web import actions
from homie_ota.web.render import page
from homie_ota.web.shell import shell_of

A_PAGE = 100
COLUMNS = (
    ("state", "State"),
    ("id", "Id"),
    ("name", "Name"),
    ("fw", "Runs"),
    ("", "Deployment"),
    ("signal", "Signal"),
    ("", "IP"),
    ("uptime", "Up"),
    ("seen", "Heard"),
)
"""Head of the inventory: the word of the store to sort by, and what people read."""


async def inventory(request: Request) -> Response:
    """`GET /`: all devices, or those that a query finds."""
    shell, asked = shell_of(request), request.query_params
    q, state, cursor = asked.get("q", ""), asked.get("state", ""), asked.get("cursor", "")
    sort, now = asked.get("sort", "id"), shell.clock()

    def read(conn: Connection) -> tuple[Page, dict[str, int], str]:
        counts = devices.counts(conn)
        try:
            found = search.find(
                conn, q, state=state or None, sort=sort, limit=A_PAGE, cursor=cursor or None, now=now
            )
        except WrongUse as error:
            return Page([], 0, None), counts, str(error)
        return found, counts, ""

    found, counts, sentence = await shell.database.read(read)
    told = {"q": q, "state": state, "cursor": cursor, "sort": sort, "sentence": sentence, "counts": counts}
    status = 400 if sentence else 200
    return page(request, "inventory.html", status=status, page=found, columns=COLUMNS, **told)


async def ask_update(request: Request) -> Response:
    """`GET /update?device=…&firmware=…`: what would happen, before it does."""
    shell, asked = shell_of(request), request.query_params
    now = shell.clock()

    def read(conn: Connection) -> dict[str, Any]:
        pk = devices.resolve(conn, asked.get("device", ""))
        image = actions.meant(conn, pk, asked.get("firmware", ""))
        return {"d": devices.row(conn, pk), "f": image, "answer": orders.verdict(conn, pk, image, now=now)}

    return page(request, "update.html", **await shell.database.read(read))
