"""What every request passes before a route sees it: whose name it used, who asks, from where, and may they.

Rule: only the ESP endpoint is let through unseen, for devices have neither cookies nor passwords; it decides by rows.
Every answer leaves with the headers that keep browsers from doing more than the page means.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable
from functools import partial
from urllib.parse import quote, urlsplit

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homie_ota.config import Settings
from homie_ota.errors import HomieOtaError, NotAllowed
from homie_ota.store.accounts import Right
from homie_ota.web import forms, metrics
from homie_ota.web.lasting import while_allowed
from homie_ota.web.login import Login
from homie_ota.web.people import (
    READING,
    Person,
    address,
    is_browser,
    is_loopback,
    needed,
    network,
)
from homie_ota.web.proxies import ASKED_HOST, INGRESS, prefix_of
from homie_ota.web.quotas import Quotas
from homie_ota.web.words import clean

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
NEAR_NAMES = ("localhost", ".localhost", ".local", ".lan", ".home", ".internal", ".home.arpa", ".fritz.box")
"""Names that nobody outside can own, so no stranger's page can be made to come from them."""


class Unknown(NotAllowed):
    """Nobody proved who they are."""

    code = "not-logged-in"
    status = 401


class WrongHost(NotAllowed):
    """The request used a name that we are not known by."""

    code = "wrong-host"
    status = 421


def _why_unknown(authorization: str) -> str:
    """What is wrong with who asks: nothing was said, or what was said is not known here."""
    scheme = authorization.partition(" ")[0].lower()
    return _UNKNOWN.get(scheme, "Log in first (curl -u NAME:PASSWORD, or an API token).")


_UNKNOWN = {
    "bearer": "This token is not known here: it was mistyped, has ended, or was revoked. Make another one on the page "
    "of your account, or with `homie-ota token make` on the server's machine.",
    "basic": "This name and password do not belong together.",
}


class Gate:
    """The outermost ASGI application; `fail` makes the answer to an error, in the form that the asker reads."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: Settings,
        login: Login,
        fail: Callable[[Request, Exception], Awaitable[Response]],
    ) -> None:
        self._app, self._login, self._fail = app, login, fail
        self._prefix = settings.http.base_path
        self._ota = ota_path(settings)
        self._names = own_names(settings)
        self._by_address, self._by_token = (Quotas(settings.http.requests_per_second) for _ in range(2))
        self._open = frozenset(
            {metrics.PATH, metrics.API + metrics.PATH} if settings.http.metrics_open else ()
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = self._strip(scope)
        if path == self._ota or path.startswith("/ota/i/"):
            await self._app(scope, receive, send)
            return
        sender = _with_headers(send, framed=scope.get(INGRESS, False))
        request = Request(scope, receive)
        try:
            await self._check(request)
        except (HomieOtaError, HTTPException) as error:
            await (await self._refuse(request, error))(scope, receive, sender)
            return
        await self._app(scope, receive, while_allowed(sender, partial(self._still_may, request)))

    async def _still_may(self, request: Request) -> bool:
        """Whether who began to read an answer may go on."""
        right = self._needed(request)
        try:
            person = await self._login.person(request)
        except HomieOtaError:
            return False
        return right is None or (person is not None and right in person.rights)

    def _strip(self, scope: Scope) -> str:
        """The path without the prefix that a proxy may or may not have taken off."""
        path: str = scope["path"]
        prefix = prefix_of(scope, self._prefix)
        if prefix and (path == prefix or path.startswith(prefix + "/")):
            path = path[len(prefix) :] or "/"
            scope["path"], scope["raw_path"] = path, quote(path).encode()
        return path

    async def _check(self, request: Request) -> None:
        where = address(request)
        self._count(self._by_address, network(where), where)
        self._check_names(request)
        changes = request.method not in READING
        if changes and forms.comes_from_a_browser(request) and not forms.is_same_site(request, self._names):
            raise NotAllowed("This request was made by a page of another site, or by a very old browser.")
        right = self._needed(request)
        person = await self._login.person(request)
        request.scope.setdefault("state", {})["person"] = person
        if right is None:
            return
        if person is None:
            raise Unknown(_why_unknown(request.headers.get("authorization", "")))
        if person.via == "token":
            self._count(self._by_token, person.name, where)
        if right not in person.rights:
            who = f"This token of {person.name}" if person.via == "token" else person.name
            raise NotAllowed(f"{who} may not do this: it needs the right “{right}”.")

    def _needed(self, request: Request) -> Right | None:
        return None if request.url.path in self._open else needed(request.method, request.url.path)

    def _count(self, quotas: Quotas, asker: str, where: str) -> None:
        if not is_loopback(where):  # who is on this machine has other ways to keep it busy
            quotas.take(asker, time.monotonic())

    def _check_names(self, request: Request) -> None:
        # The name that came in, and the one that a proxy says the browser used: a stranger's page could choose either.
        for host in (request.headers.get("host", ""), request.scope.get(ASKED_HOST, "")):
            if not self._is_our_name(host):
                raise WrongHost(
                    f"This server is not known as “{clean(host, 80)}”. Use its address, or add the name to "
                    "allowed_hosts in [http] of the settings."
                )

    def _is_our_name(self, host: str) -> bool:
        if not host:  # HTTP/1.0 may come without; browsers always send one
            return True
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            name = ""
        if not name:
            return False
        if host.lower() in self._names or name in self._names or "*" in self._names:
            return True
        return _is_address(name) or "." not in name or name.endswith(NEAR_NAMES)

    async def _refuse(self, request: Request, error: Exception) -> Response:
        path = request.url.path  # where a script asks, a page to log in is no answer
        is_for_scripts = path.startswith(("/live/", "/api/")) and path != "/api/v1/docs"
        is_page = is_browser(request) and request.method in READING and not is_for_scripts
        if isinstance(error, Unknown) and is_page:
            target = quote(request.url.path + (f"?{request.url.query}" if request.url.query else ""))
            return RedirectResponse(f"{prefix_of(request.scope, self._prefix)}/login?next={target}", 303)
        answer = await self._fail(request, error)
        if isinstance(error, Unknown) and not is_browser(request):
            answer.headers["WWW-Authenticate"] = 'Basic realm="homie-ota", charset="UTF-8"'
        return answer


def ota_path(settings: Settings) -> str:
    """The path of the ESP endpoint."""
    return settings.ota.path or "/ota"


def own_names(settings: Settings) -> set[str]:
    """Names, with and without port, by which this server is known besides its addresses."""
    public = urlsplit(settings.http.public_url)
    names = {socket.gethostname(), socket.getfqdn(), public.netloc, public.hostname or ""}
    names |= set(settings.http.allowed_hosts)
    return {name.lower() for name in names if name}


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


IN_A_FRAME = {
    **HEADERS,
    "Content-Security-Policy": HEADERS["Content-Security-Policy"].replace(
        "ancestors 'none'", "ancestors 'self'"
    ),
    "X-Frame-Options": "SAMEORIGIN",
}
"""Behind Home Assistant's ingress, which shows us in a frame of its own page; for the browser both are one site."""


def _with_headers(send: Send, *, framed: bool = False) -> Send:
    told = IN_A_FRAME if framed else HEADERS

    async def sender(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in told.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sender


def person_of(request: Request) -> Person:
    """Who asks; only for routes that need a right."""
    found = request.scope["state"]["person"]
    assert isinstance(found, Person)
    return found
