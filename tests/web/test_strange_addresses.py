"""Whatever an address says, the server does not fail: names with NUL, on both databases, and odd parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.routing import Route

import web.world
from homie_ota.store.database import Database
from homie_ota.web.app import routes
from homie_ota.web.ota import Endpoint
from web.test_api_described import furnish
from web.world import BROWSER, World

ODD = (
    "name",
    "key",
    "path",
    "request",
    "self",
    "page",
    "query",
    "_seen",
    "_loop_vars",
    "_block_vars",
    "",
    "a b",
    "💡",
)
"""Words that functions of ours or of the templates use themselves, and words that nobody uses."""
NUL = ("%00", "a%00b", "lamp@%00", "homie~%00")
STREAMS = ("/live", "/events")


@pytest.fixture(params=["sqlite", "postgresql"])
def here(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[World, str]]:
    """An installation with one of everything, on either database, and a token that may do anything."""
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres")
        monkeypatch.setattr(web.world, "Database", lambda _: Database(url))
    world = World(tmp_path, {"auth": {"mode": "password"}}, admin=True)
    yield world, furnish(world)
    world.close()


def pages(world: World) -> list[str]:
    """The paths of what is read by people."""
    found = routes(world.shell, Endpoint(world.shell))
    paths = [each.path for each in found if isinstance(each, Route) and "GET" in (each.methods or ())]
    return [path for path in paths if not path.startswith(STREAMS)]


def filled(path: str, word: str) -> str:
    return re.sub(r"\{[^}]+\}", lambda _: word, path)


def test_a_name_with_a_nul_in_it_is_nobody(here: tuple[World, str]) -> None:
    world, token = here
    client = world.client(headers={"authorization": f"Bearer {token}"}, raise_server_exceptions=False)
    told = client.get("/api/v1/openapi.json").json()["paths"]
    asked: list[tuple[str, str]] = []
    for word in NUL:
        asked += [("GET", filled(path, word)) for path in pages(world)]
        for path, methods in told.items():
            for method, operation in methods.items():
                address, names = f"/api/v1{path}", [each["name"] for each in operation.get("parameters", ())]
                end = "?follow=false&" if "follow" in names else "?"
                asked.append((method.upper(), filled(address, word) + end.rstrip("&?")))
                asked += [
                    ("GET", f"{filled(address, 'lamp@2.0.0')}{end}{name}={word}")
                    for name in names
                    if method == "get" and name not in ("follow", "id")
                ]
    failed = [one for one in asked if client.request(*one).status_code == 500]
    assert failed == []
    assert len(asked) > 400


def test_a_value_with_a_nul_in_it_is_taken(here: tuple[World, str]) -> None:
    world, token = here
    client = world.client(headers={"authorization": f"Bearer {token}"})
    body = {"until": "2099-01-01T00:00:00Z", "reason": "a\0b"}
    assert client.put("/api/v1/devices/attic/pin", json=body).status_code == 200


@pytest.mark.parametrize("name", ODD)
def test_a_page_does_not_mind_what_a_parameter_is_called(make_world: Callable[..., World], name: str) -> None:
    world = make_world()
    client = world.client(headers=BROWSER)
    for path in pages(world):
        if "{" not in path:
            answer = client.get(path, params={name: "x"})
            assert answer.status_code < 500, (path, name, answer.status_code)
