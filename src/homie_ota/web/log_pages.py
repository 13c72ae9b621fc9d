"""The log: what happened, followed while it happens; and who did what, with its chain.

Rule: both are read from their end, a page at a time, by the filter in the address.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.store import audit, log, naming, telling
from homie_ota.store.database import Connection
from homie_ota.web import log_filter
from homie_ota.web.live import Asked, LivePage, live_page
from homie_ota.web.render import page
from homie_ota.web.shell import shell_of

A_PAGE = 100


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 16 else None


def _read(conn: Connection, asked: Asked) -> dict[str, Any]:
    found = log_filter.read(conn, asked.query, asked.now)
    before = _number(asked.query.get("before", ""))
    rows = [] if found.sentence else log.find(conn, found.wanted, limit=A_PAGE + 1, before=before)
    shown = rows[:A_PAGE]
    return {
        "typed": found.typed,
        "asked": {name: value for name, value in found.typed.items() if value},
        "sentence": found.sentence,
        "events": telling.complete(conn, shown),
        "images": naming.images(conn, [row["sha256"] for row in shown if row["sha256"]]),
        "older": shown[-1]["seq"] if len(rows) > A_PAGE else None,
        "is_newest": before is None,
        "kinds": {word: say() for word, say in log_filter.KINDS.items()},
        "actors": log.actors(conn),
        **({"http_status": 400} if found.sentence else {}),
    }


LOG = LivePage("log", "log.html", _read, ("tail",))


async def happened(request: Request) -> Response:
    """`GET /log`: what happened; the newest first, and what comes appears by itself."""
    return await live_page(request, LOG)


async def done(request: Request) -> Response:
    """`GET /log/audit`: who did what, why and from where; with `check=1` the whole chain is followed."""
    shell, asked = shell_of(request), request.query_params
    who, text = asked.get("who", "").strip()[:64], asked.get("q", "").strip()[:200]
    before, checks = _number(asked.get("before", "")), asked.get("check") == "1"

    def read(conn: Connection) -> dict[str, Any]:
        found = log.deeds(conn, who=who, text=text, limit=A_PAGE + 1, before=before)
        shown = found.rows[:A_PAGE]
        return {
            "deeds": shown,
            "older": shown[-1]["seq"] if len(found.rows) > A_PAGE else None,
            "looked_to": found.looked_to,
            "head": audit.head(conn),
            "findings": audit.verify(conn) if checks else None,
        }

    return page(request, "audit.html", who=who, q=text, **await shell.database.read(read))
