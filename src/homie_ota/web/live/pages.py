"""The two ways to a live page: the page itself, and the stream that keeps it true.

Rule: the page carries the address of its stream, with the number that the hub had before the page was read; so nothing
that happens in between is missed.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import NotFound
from homie_ota.store.database import Connection
from homie_ota.web import assets, texts
from homie_ota.web.forms import Visit
from homie_ota.web.gate import person_of
from homie_ota.web.live import hub as hubs
from homie_ota.web.live.channels import PAGES, Asked, Channel, LivePage, Sight, Values
from homie_ota.web.live.hub import Hub
from homie_ota.web.live.viewers import Stream, Viewer
from homie_ota.web.login import Login
from homie_ota.web.people import Person
from homie_ota.web.render import SEEN, answer, common, packed, prefix_of, render_of, stream_of
from homie_ota.web.shell import shell_of

LONGEST = 4000
ANY = LivePage("any", "base.html", lambda _conn, _asked: {}, concerns=lambda _notice, _values: False)
"""Pages that have no parts of their own: only the banner of the broker changes."""


def hub_of(request: Request) -> Hub:
    """The hub of the application that a request came to."""
    found = request.app.state.hub
    assert isinstance(found, Hub)
    return found


async def live_page(
    request: Request, page: LivePage, key: str = "", *, status: int = 200, **more: Any
) -> Response:
    """The whole page, connected to its stream. `more` are values of the template that no part uses.

    Where `read` gives `http_status`, that is the status of the answer.
    """
    shell, visit = shell_of(request), Visit(request)
    asked_for = common(request)
    asked = Asked(key, asked_for["here_query"], shell.clock(), shell)
    render = render_of(request, visit.word)
    stream = stream_of(request, page.name, key, **asked.query)

    def work(conn: Connection) -> Values:
        with texts.spoken(render.language):
            return page.read(conn, asked)

    values = await shell.database.read(work)
    status = values.pop("http_status", status)
    values |= asked_for | more | {"stream": stream}
    body, headers = await asyncio.to_thread(lambda: packed(request, render.page(page.template, values)))
    return answer(request, visit, body, headers, status=status)


async def watch(request: Request) -> Response:
    """`GET /live/<page>/<key>?<query>`: what changes on that page, until the viewer goes or the server stops."""
    page = PAGES.get(str(request.path_params["name"]))
    if page is None or len(str(request.url.query)) > LONGEST:
        raise NotFound("There is no such live page.")
    hub = hub_of(request)
    query = dict(request.query_params)
    seen = query.pop(SEEN, "")
    if hub.viewers >= hubs.VIEWERS:
        return _full(request, page)
    viewer = hub.join(
        _sight(request, page, query),
        seen=int(seen) if seen.isdecimal() else 0,
        is_packed=assets.accepts_gzip(request),
    )

    async def may_look() -> bool:
        login = cast(Login, request.app.state.login)
        found = await login.person(request)
        return found is not None and found.rights == viewer.channel.sight.person.rights

    return cast(Response, Stream(viewer, may_look, lambda: hub.leave(viewer)))


def _full(request: Request, page: LivePage) -> Response:
    """A stream that says one sentence and ends; the page stays as it is."""
    viewer = Viewer(Channel(page, _sight(request, page, {})), is_packed=False)
    with texts.spoken(texts.language_of(request.headers.get("accept-language", ""))):
        viewer.end(
            texts._("Too many people look on for this page to change by itself: load it again to see more.")
        )
    return cast(Response, Stream(viewer, lambda: asyncio.sleep(0, True), lambda: None))


def _sight(request: Request, page: LivePage, query: dict[str, str]) -> Sight:
    asker = person_of(request)
    anybody = Person("", asker.rights, "live")
    language = texts.language_of(request.headers.get("accept-language", ""))
    key, told = str(request.path_params["key"]), tuple(sorted(query.items()))
    return Sight(page.name, key, told, anybody, language, prefix_of(request))
