"""`GET /`: the list of devices as a live page; each row is a part, and so are the top line and the order of the rows.

Rule: the order that rows have on the page of a viewer is never changed from here: the part `moved` tells the order that
they would have now, and the page itself says how many moved until its reader asks for it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.bus import Notice
from homie_ota.errors import WrongUse
from homie_ota.store import knocks, nexts, overview, saved, search, waiting
from homie_ota.store.database import Connection
from homie_ota.store.search import Page
from homie_ota.web import first_run_page
from homie_ota.web.inventory import columns, topline
from homie_ota.web.inventory.columns import View
from homie_ota.web.live import Asked, LivePage, live_page
from homie_ota.web.render import Render, device_key, see
from homie_ota.web.texts import _

A_PAGE = 100
COOKIE = "homie_ota_columns"
A_YEAR = 365 * 86400

Values = dict[str, Any]


def read(conn: Connection, asked: Asked) -> Values:
    """Everything that the page shows; a query without meaning shows its sentence instead of rows."""
    top = topline.of(asked.shell.bus)
    number, view = top.number, columns.view_of(asked.query)
    found, sentence = _find(conn, view, asked.now)
    words = {each.word for each in view.columns}
    said = nexts.of(conn, found.items, waiting.local_time(asked.now), asked.now)
    told: Values = {
        "view": view,
        "titles": columns.titles(),
        "all_columns": columns.COLUMNS,
        "counts": top.counts(conn, number),
        "terms": _terms(),
        "stopped": overview.stopped(conn),
        "knocking": knocks.count(conn),
        "filters": saved.every(conn),
        "items": [
            {
                **row,
                "key": device_key(row),
                "next": said[row["pk"]],
                "said_name": "name" not in words and _says_more(row),
            }
            for row in found.items
        ],
        "total": found.total,
        "following": found.next,
        "sentence": sentence,
        "first": None if found.total or view.q or view.state else first_run_page.first(conn, asked.shell),
    }
    return told | ({"http_status": 400} if sentence else {})


def _says_more(row: Values) -> bool:
    """Whether the name tells anything that the id beside it does not: `hall-lamp` and `Hall Lamp` are one."""
    return bool(row["name"]) and _letters(row["name"]) != _letters(row["device_id"])


def _letters(text: str) -> str:
    return "".join(each for each in text.casefold() if each.isalnum())


def _find(conn: Connection, view: View, now: float) -> tuple[Page, str]:
    try:
        found = search.find(
            conn, view.q, state=view.state or None, sort=view.sort, limit=A_PAGE, cursor=view.cursor or None,
            now=now, whole=False,
        )  # fmt: skip
    except WrongUse as error:
        return Page([], 0, None), str(error)
    return found, ""


def _terms() -> list[tuple[str, str, str, bool]]:
    """Of each number of the top line: its key, its word, its query, and whether it is shown when it is 0."""
    words = {
        "devices": _("devices"),
        "on target": _("on target"),
        "behind": _("behind"),
        "waiting": _("waiting"),
        "updating": _("updating"),
        "asleep": _("asleep"),
        "away": _("away"),
        "need you": _("NEED YOU"),
    }
    always = ("devices", "on target", "asleep", "updating", "need you")
    return [(key, words[key], term, key in always) for key, term in overview.TERMS]


def draw(render: Render, values: Values) -> dict[str, str]:
    """The parts: the top line, the order, and each row."""
    row = render.macro("inventory_row.html", "row")
    person, shown = render.person, values["view"].columns
    may = person is not None and person.may_operate

    def rows() -> dict[str, str]:
        return {f"row-{each['pk']}": str(row(each, shown, may)) for each in values["items"]}

    return {**render.blocks("inventory.html", ("summary", "moved", "first"), values), **render.draw(rows)}


_TOUCHES = frozenset(
    {"device", "deployment", "rollout", "firmware", "leftovers", "quarantine", "alarm", "knock", "all"}
)


def concerns(notice: Notice, _values: Values) -> bool:
    """Any news of devices may change a count of the top line."""
    return notice.kind in _TOUCHES


PAGE = LivePage("inventory", "inventory.html", read, draw, concerns)


async def show(request: Request) -> Response:
    """`GET /`: all devices, or those that a query finds; a choice of columns (`col`) is remembered and leads on."""
    picked = request.query_params.getlist("col")
    if picked:
        return _choose(request, picked)
    remembered = request.cookies.get(COOKIE, "")
    if remembered and "cols" not in request.query_params:
        # The stream of the page must know the columns, and all that it knows is the address.
        told = urlencode({**request.query_params, "cols": remembered})
        request = Request({**request.scope, "query_string": told.encode()}, request.receive)
    return await live_page(request, PAGE)


def _choose(request: Request, picked: list[str]) -> Response:
    view = columns.view_of(request.query_params)._replace(columns=columns.chosen(picked))
    answer = see(request, "/", **view.address)
    word = columns.spelled(view.columns)
    if word:
        answer.set_cookie(COOKIE, word, max_age=A_YEAR, path="/", samesite="lax", httponly=True)
    else:
        answer.delete_cookie(COOKIE, path="/")
    return answer
