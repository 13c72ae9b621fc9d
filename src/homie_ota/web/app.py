"""The web application: its routes, its gate, and what answers when something fails.

Rule: every address there is, is in `routes`; what a request needs before it gets there is in `gate`.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from homie_ota.errors import HomieOtaError
from homie_ota.web import (
    assets,
    classic,
    device,
    entrance,
    firmware_pages,
    firmware_sets,
    firmware_upload,
    first_run_page,
    health_page,
    inventory,
    knocking,
    live,
    liveness,
    log_pages,
    metrics,
    ota,
    people_pages,
    rollout_new,
    rollout_one,
    rollout_pages,
    rollout_story,
    rollout_update,
    texts,
)
from homie_ota.web.failures import fail
from homie_ota.web.gate import Gate, ota_path
from homie_ota.web.login import Login
from homie_ota.web.proxies import Proxies
from homie_ota.web.shell import BrokerStatus, Shell, shell_of
from homie_ota.web.whereabouts import Whereabouts

__all__ = ["BrokerStatus", "Shell", "build"]


def build(shell: Shell) -> Site:
    """The application of one server."""
    login = Login(shell)
    gate = Middleware(Gate, settings=shell.settings, login=login, fail=fail)
    failures = dict.fromkeys((HomieOtaError, HTTPException, ClientDisconnect, Exception), fail)
    endpoint, requests = ota.Endpoint(shell), metrics.Requests()
    answers = metrics.Answers(requests)
    app = Site(
        endpoint,
        shell,
        requests,
        routes=routes(shell, endpoint, answers),
        middleware=[gate],
        exception_handlers=failures,
    )
    requests.name(app.routes)
    app.router.redirect_slashes = False  # its redirect names the host of the request, whoever wrote that
    app.state.shell, app.state.login, app.state.listeners = shell, login, set()
    app.state.hub, app.state.metrics = live.Hub(shell), answers
    return app


class Site(Starlette):
    """The whole application; devices take the short way to their endpoint, past everything that is for people."""

    def __init__(
        self, endpoint: ota.Endpoint, shell: Shell, requests: metrics.Requests, **options: Any
    ) -> None:
        super().__init__(**options)
        self._requests = requests
        self._by_headers = ota.Answering(endpoint.by_headers, "GET")
        self._by_token = ota.Answering(endpoint.by_token, "GET", "HEAD")
        self._path = ota_path(shell.settings)
        self.whereabouts = Whereabouts(shell, self._path, endpoint.crowd)
        self._proxies = Proxies(shell.settings.http.trusted_proxies, shell.settings.http.base_path)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"] if scope["type"] == "http" else ""
        if path:
            self._proxies.apply(scope)
            send = self._requests.counting(scope, send)
        if path == self._path:
            scope[metrics.ROUTE] = self._path
            await self._by_headers(scope, receive, send)
            await self.whereabouts.note(scope)
        elif path.startswith(ota.PULLED):
            scope[metrics.ROUTE] = ota.PULLED + "{token}"
            await self._by_token(scope, receive, send)
        else:
            texts.speak(Headers(scope=scope).get("accept-language", "") if path else "")
            await super().__call__(scope, receive, self.whereabouts.watching(scope, send))


def for_devices(site: Site) -> ASGIApp:
    """The application of a port that is for devices alone: what they ask for, and nothing else at all."""
    path = ota_path(site.state.shell.settings)
    nothing = PlainTextResponse("This port is for devices that look for an update.\n", 404)

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and (scope["path"] == path or scope["path"].startswith(ota.PULLED)):
            await site(scope, receive, send)
        elif scope["type"] == "http":
            await nothing(scope, receive, site.whereabouts.watching(scope, send))

    return answer


def routes(shell: Shell, endpoint: ota.Endpoint, answers: metrics.Answers | None = None) -> list[BaseRoute]:
    """Every address of this server."""
    return [
        Route(ota_path(shell.settings), ota.Answering(endpoint.by_headers, "GET")),
        Route(ota.PULLED + "{token}", ota.Answering(endpoint.by_token, "GET", "HEAD")),
        *_pages(),
        *_services(answers or metrics.Answers(metrics.Requests())),
    ]


def _pages() -> list[BaseRoute]:
    """What people look at, and what they do there."""
    return [
        Route("/", inventory.show),
        Route("/act", inventory.ask),
        Route("/act", inventory.act, methods=["POST"]),
        Route("/filters", inventory.filters, methods=["POST"]),
        Route("/device/{id:path}", device.page.show),
        Route("/device/{id:path}", device.forms.change, methods=["POST"]),
        Route("/device/{id:path}", classic.delete_device, methods=["DELETE"]),
        Route("/firmware", firmware_pages.listing),
        Route("/firmware/compare", firmware_sets.compare),
        Route("/firmware/prune", firmware_sets.ask_prune),
        Route("/firmware/prune", firmware_sets.prune, methods=["POST"]),
        Route("/firmware/{file}", firmware_pages.image),
        Route("/firmware/{file}", firmware_pages.change, methods=["POST"]),
        Route("/firmware/{file}", classic.delete_firmware, methods=["DELETE"]),
        Route("/firmware/{file}/image", firmware_pages.download),
        Route("/firmware/{file}/fleet", firmware_pages.fleet),
        Route("/upload", firmware_upload.upload, methods=["POST"]),
        Route("/update", rollout_update.ask_update),
        Route("/update", classic.update, methods=["POST"]),
        Route("/update-all", rollout_new.ask_update_all),
        Route("/update-all", rollout_new.update_all, methods=["POST"]),
        Route("/rollouts", rollout_pages.rollout_list),
        Route("/rollouts", rollout_new.make_rollout, methods=["POST"]),
        Route("/rollouts/new", rollout_new.ask_rollout),
        Route("/rollouts/{id}", rollout_one.rollout),
        Route("/rollouts/{id}", rollout_one.change_rollout, methods=["POST"]),
        Route("/rollouts/{id}/story", rollout_story.show),
        Route("/removed", device.page.removed_list),
        Route("/removed", device.forms.change_removed, methods=["POST"]),
        Route("/knocking", knocking.show),
        Route("/knocking", knocking.change, methods=["POST"]),
        Route("/deployments", device.deployment.show_list),
        Route("/deployment/{id}", device.deployment.show),
        Route("/deployment/{id}", device.deployment.change, methods=["POST"]),
        Route("/deployment/{id}/transcript.txt", device.deployment.said),
        Route("/log", log_pages.happened),
        Route("/log/audit", log_pages.done),
        Route("/health", health_page.show),
        Route("/health", health_page.change, methods=["POST"]),
        Route("/first-steps", first_run_page.show),
    ]


def _services(answers: metrics.Answers) -> list[BaseRoute]:
    """What the pages need, who comes in, and what programs ask."""
    return [
        Route(metrics.PATH, answers.show),
        Route("/events", live.stream),
        Route("/live/{name}/{key:path}", live.watch),
        Route("/blurb", classic.blurb),
        Route("/healthz", health),
        Route("/login", entrance.show_login),
        Route("/login", entrance.log_in, methods=["POST"]),
        Route("/logout", entrance.log_out, methods=["POST"]),
        Route("/account", entrance.show_account),
        Route("/account", entrance.change_account, methods=["POST"]),
        Route("/people", people_pages.show),
        Route("/people", people_pages.change, methods=["POST"]),
        Mount("/api/v1", _Api()),
        Route("/static/{path:path}", assets.serve),
    ]


async def health(request: Request) -> Response:
    """`GET /healthz`: 200 while pages can be served; without the broker they can, but `degraded`."""
    return JSONResponse(await liveness.told(shell_of(request)))


class _Api:
    """The API, loaded when it is first asked for: a server that nobody asks saves its memory."""

    def __init__(self) -> None:
        self._loaded: list[ASGIApp] = []
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with self._loading:
            if not self._loaded:
                self._loaded.append(await asyncio.to_thread(_load_api, scope["app"]))
        await self._loaded[0](scope, receive, send)


def _load_api(web: Starlette) -> ASGIApp:
    from homie_ota.web import api

    return api.build(web)
