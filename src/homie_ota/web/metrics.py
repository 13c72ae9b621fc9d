"""`GET /metrics`: what Prometheus asks for; counted when asked, kept for a few seconds, and requests counted meanwhile.

Rule: labels are words of ours, or names that are cleaned and of which only the most common are told; so many a metric
has, whatever devices announce. The library is loaded at the first question.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Scope, Send

from homie_ota.store import gauges
from homie_ota.web.recent import Recent
from homie_ota.web.shell import shell_of

PATH, API = "/metrics", "/api/v1"

KEPT = 5.0
"""Seconds for which an answer is given again."""

OPEN_METRICS = "application/openmetrics-text"

NO_ROUTE, OTHER = "none", "other"
"""The route of requests that came to none: refused before, or an address that is not there; any strange method."""

ROUTE = "homie_ota.route"
"""Where in a scope stands the route of a request that takes the short way, past the table."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Requests:
    """How many requests were answered, by method, route (a pattern, never an address) and status."""

    def __init__(self) -> None:
        self.counts: Counter[tuple[str, str, int]] = Counter()
        self._own: frozenset[int] = frozenset()

    def name(self, routes: Iterable[BaseRoute]) -> None:
        """Take the application's own routes; those of the API are below its prefix."""
        self._own = frozenset(map(id, routes))

    def counting(self, scope: Scope, send: Send) -> Send:
        """A `send` that counts the answer when it begins."""

        async def sender(message: Message) -> None:
            if message["type"] == "http.response.start":
                method = scope["method"] if scope["method"] in _METHODS else OTHER
                self.counts[method, self._route(scope), message["status"]] += 1
            await send(message)

        return sender

    def _route(self, scope: Scope) -> str:
        route = scope.get("route")
        if not isinstance(route, Route):
            return str(scope.get(ROUTE, NO_ROUTE))
        return route.path if id(route) in self._own else f"{API}{route.path}"


class Answers:
    """The text of a moment ago, so that many who ask cost as much as one."""

    def __init__(self, requests: Requests) -> None:
        self.requests = requests
        self._recent: Recent[tuple[bytes, str]] = Recent(seconds=KEPT, most=4)
        self._asking = asyncio.Lock()

    async def show(self, request: Request) -> Response:
        """The metrics as text, in the format that the asker names."""
        accept = OPEN_METRICS if OPEN_METRICS in request.headers.get("accept", "") else ""
        async with self._asking:
            now = time.monotonic()
            told = self._recent.get(accept, now)
            if told is None:
                told = await self._tell(request, accept)
                self._recent.put(accept, told, now)
        body, media_type = told
        return Response(body, media_type=media_type)

    async def _tell(self, request: Request, accept: str) -> tuple[bytes, str]:
        shell, app = shell_of(request), request.app
        counted = await shell.database.read(gauges.read)
        viewers = {"pages": app.state.hub.viewers, "programs": len(app.state.listeners)}
        return await asyncio.to_thread(
            _text, accept, counted, shell.broker_status(), dict(self.requests.counts), viewers
        )


def _text(accept: str, *about: Any) -> tuple[bytes, str]:
    from homie_ota.web import exposition  # 5 MB that most installations never need

    return exposition.text(accept, *about)
