"""Every address there is, with every role: who may, who may not, and that nothing is forgotten."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import Receive, Scope, Send

from homie_ota.store import accounts
from homie_ota.store.accounts import ROLES, Right
from homie_ota.web import api
from homie_ota.web.app import routes
from homie_ota.web.failures import fail
from homie_ota.web.gate import Gate
from homie_ota.web.ota import Endpoint
from web.world import World

NOBODY = {
    ("GET", "/login"),
    ("POST", "/login"),
    ("GET", "/healthz"),
    ("GET", "/api/v1/healthz"),
    ("GET", "/static/{path:path}"),
}
"""What needs no login at all; devices' own addresses (/ota) are no concern of the gate."""

READ_BY_POST = {
    ("POST", "/logout"),
    ("POST", "/account"),
    ("POST", "/api/v1/rollouts/preview"),
    ("POST", "/api/v1/tokens"),
    ("DELETE", "/api/v1/tokens/{id}"),
}
"""What changes nothing of others, or asks for more rights by itself, as tokens do."""

UPLOADS = {("POST", "/upload"), ("POST", "/api/v1/firmware")}
ADMINS = re.compile(r"/people|/api/v1/(people|audit)(/.*)?")


def expected(method: str, path: str) -> Right | None:
    """Written by hand and by other words than `people.NEEDED`, which it has to agree with."""
    method = "GET" if method == "HEAD" else method
    if (method, path) in NOBODY:
        return None
    if ADMINS.fullmatch(path):
        return Right.ADMIN
    if (method, path) in UPLOADS:
        return Right.UPLOAD
    return Right.READ if method == "GET" or (method, path) in READ_BY_POST else Right.DEPLOY


def addresses(world: World) -> Iterator[tuple[str, str]]:
    """Method and path of every route, of pages and API."""
    for route in routes(world.shell, Endpoint(world.shell)):
        if isinstance(route, Mount) and route.path == "/api/v1":
            yield from _methods(api.build(world.app).routes, "/api/v1")
        else:
            yield from _methods([route], "")


def _methods(found: list[BaseRoute], prefix: str) -> Iterator[tuple[str, str]]:
    for route in found:
        if (router := getattr(route, "original_router", None)) is not None:  # how FastAPI keeps included ones
            yield from _methods(router.routes, prefix)
            continue
        assert isinstance(route, Route), route
        if not route.path.startswith("/ota"):
            yield from ((method, prefix + route.path) for method in sorted(route.methods or {"GET"}))


def concrete(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "1", path)


@pytest.fixture
def guarded(make_world: Callable[..., World]) -> World:
    return make_world(admin=True)


@pytest.fixture
def gate(guarded: World) -> Any:
    """The gate of a real installation, with nothing behind it: whoever gets through gets 204."""

    async def through(scope: Scope, receive: Receive, send: Send) -> None:
        await Response(status_code=204)(scope, receive, send)

    async def refuse(request: Request, error: Exception) -> Response:
        return await fail(request, error)

    inner = Gate(through, settings=guarded.settings, login=guarded.app.state.login, fail=refuse)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})
        scope["app"] = guarded.app
        await inner(scope, receive, send)

    return type(guarded.client())(app, base_url="http://ota.local", follow_redirects=False)


def bearer(world: World, role: str) -> dict[str, str]:
    def make(conn: Any) -> str:
        accounts.create(conn, role, role, time.time()) if accounts.get(conn, role) is None else None
        return accounts.make_token(
            conn, name=role, label="x", rights=ROLES[role], now=time.time(), seconds=None
        )

    return {"authorization": f"Bearer {world.write(make)}"}


@pytest.mark.parametrize("role", ["", *ROLES])
def test_every_address_lets_in_who_may_and_nobody_else(guarded: World, gate: Any, role: str) -> None:
    headers = bearer(guarded, role) if role else {}
    found = list(addresses(guarded))
    assert len(found) > 60
    for method, path in found:
        right = expected(method, path)
        answer = gate.request(method, concrete(path), headers=headers)
        if right is None:
            wanted = 204
        elif not role:
            wanted = 401
        else:
            wanted = 204 if right in ROLES[role] else 403
        assert answer.status_code == wanted, (method, path, role, right)


def test_every_exception_is_an_address_that_exists(guarded: World) -> None:
    found = set(addresses(guarded))
    assert {*NOBODY, *READ_BY_POST, *UPLOADS} <= found
    assert any(ADMINS.fullmatch(path) for _, path in found)


@pytest.mark.parametrize("right", list(Right))
def test_a_token_with_one_right_opens_what_needs_that_right_only(
    guarded: World, gate: Any, right: Right
) -> None:
    secret = guarded.write(
        lambda conn: accounts.make_token(
            conn, name="admin", label="x", rights=[right], now=time.time(), seconds=None
        )
    )
    for method, path in addresses(guarded):
        needed = expected(method, path)
        answer = gate.request(method, concrete(path), headers={"authorization": f"Bearer {secret}"})
        assert answer.status_code == (204 if needed in (None, right) else 403), (method, path)
        if answer.status_code == 403 and method != "HEAD":
            assert "This token of admin may not" in answer.text
