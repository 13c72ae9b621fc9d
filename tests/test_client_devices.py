"""The client about devices and events: each call is one that the API describes, and brings what it says."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from homie_ota.client import Api
from homie_ota.client.connection import Connection
from homie_ota.client.people import PeopleCalls
from homie_ota.errors import Conflict, NotFound, Unreachable, WrongUse
from homie_ota.simulator.images import make_image
from homie_ota.store import events
from homie_ota.web import api as described
from webserver import Scripted, WebServer, send


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    started = WebServer(tmp_path_factory.mktemp("server"))
    yield started
    started.stop()


@pytest.fixture
def api(server: WebServer) -> Api:
    server.clear()
    return Api(server.url, server.token)


CALLS: list[Callable[[Any], Any]] = [
    lambda api: list(api.devices("fw:lamp")),
    lambda api: api.device("hall"),
    lambda api: api.readings("hall"),
    lambda api: api.why("hall"),
    lambda api: api.verdict("hall"),
    lambda api: api.outlook("hall", "lamp@2.0.0"),
    lambda api: api.series("hall", "signal"),
    lambda api: api.set_property("hall", "relay", "on", True),
    lambda api: api.delete_device("hall"),
    lambda api: api.removed(),
    lambda api: api.put_back(7),
    lambda api: api.quarantine(),
    lambda api: api.release("hall"),
    lambda api: api.look_at_failure("hall"),
    lambda api: api.leftovers(),
    lambda api: api.look_for_leftovers(),
    lambda api: api.clear_leftover("homie/hall/x"),
    lambda api: api.download("a" * 64),
    lambda api: list(api.events(0)),
    lambda api: api.knocks(),
    lambda api: api.adopt("AA:BB", "Greenhouse"),
    lambda api: api.forget_knock("AA:BB"),
    lambda api: api.filters(),
    lambda api: api.save_filter("attic", "tag:attic"),
    lambda api: api.forget_filter("attic"),
    lambda api: api.recipients(),
    lambda api: api.test_recipients(),
    lambda api: list(api.sheet("fw:lamp")),
    lambda api: api.firmware(),
    lambda api: api.image("a" * 64),
    lambda api: api.fits("a" * 64),
    lambda api: api.compare("a" * 64, "b" * 64),
    lambda api: api.write_about("a" * 64, {"description": "x"}),
    lambda api: api.delete_firmware("a" * 64),
    lambda api: api.prune(3),
    lambda api: api.order("hall", "a" * 64),
    lambda api: api.deployments(),
    lambda api: api.deployment(7),
    lambda api: api.case(7),
    lambda api: api.cancel(7),
    lambda api: api.pin("hall", "2099-01-01T00:00:00Z", "x"),
    lambda api: api.unpin("hall"),
    lambda api: api.tag("hall", "attic"),
    lambda api: api.untag("hall", "attic"),
    lambda api: api.preview_rollout({}),
    lambda api: api.create_rollout({}),
    lambda api: api.rollouts(),
    lambda api: api.rollout(7),
    *(
        lambda api, how=how: api.steer_rollout(7, how)
        for how in ("start", "pause", "resume", "drain", "abort", "revert")
    ),
]
PEOPLE: list[Callable[[Any], Any]] = [
    lambda api: api.people(),
    lambda api: api.add("kim", "viewer"),
    lambda api: api.change("kim", role="viewer"),
    lambda api: api.reset("kim"),
    lambda api: api.log_out("kim"),
    lambda api: api.remove("kim"),
    lambda api: api.tokens(),
    lambda api: api.make_token({}),
    lambda api: api.revoke_token("1f2e"),
    lambda api: api.audit(),
]  # fmt: skip


def test_every_call_of_the_client_is_one_that_the_api_describes(server: WebServer) -> None:
    """And the other way round: what the API can do, the client can ask, but for what it uploads or checks by itself."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        send(handler, 200, '{"items": [], "next": null, "members": {"items": [], "next": null}}')

    heard = Scripted(answer)
    try:
        for call in CALLS:
            call(Api(heard.url, "t"))
        for call in PEOPLE:
            call(PeopleCalls(Connection(heard.url, "t", 10.0)))
    finally:
        heard.stop()
    told = described.build(server.app).openapi()["paths"]
    operations = {(method.upper(), path) for path, methods in told.items() for method in methods}
    asked = {(method, path.partition("?")[0].removeprefix("/api/v1")) for method, path, *_ in heard.seen}
    known = {one: [each for each in operations if _fits(one, each)] for one in asked}
    assert [one for one, found in known.items() if not found] == []
    closest = {min(found, key=lambda each: each[1].count("{")) for found in known.values()}
    assert operations - closest <= {
        ("POST", "/firmware"),
        ("GET", "/audit/export"),
        ("GET", "/healthz"),
        ("GET", "/metrics"),
    }


def _fits(asked: tuple[str, str], operation: tuple[str, str]) -> bool:
    pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(operation[1]))
    return asked[0] == operation[0] and re.fullmatch(pattern, asked[1]) is not None


def test_an_image_comes_back_byte_by_byte(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "lamp.bin"
    path.write_bytes(make_image("lamp", "2.0.0", size=200_000))
    stored = api.upload(path)
    assert api.download(stored["sha256"]) == path.read_bytes()
    with pytest.raises(NotFound):
        api.download("f" * 64)


def test_what_happened_is_told_once_and_in_order_and_can_be_narrowed(server: WebServer, api: Api) -> None:
    server.add_devices([(1, "hall"), (2, "attic")])
    for pk in (1, 2, 1):
        add = partial(
            events.add, kind="mark", at=time.time(), device_pk=pk, data={"event": "tag", "tag": "x"}
        )
        server.database.write_now(add)
    every = list(api.events(0, follow=False))
    assert [each["device"] for each in every] == ["homie~hall", "homie~attic", "homie~hall"]
    first = every[0]["seq"]
    assert [each["seq"] for each in api.events(first, follow=False)] == [first + 1, first + 2]
    assert [each["seq"] for each in api.events(0, device="attic", follow=False)] == [first + 1]
    assert list(api.events(0, kinds=("alarm", "deployment"), follow=False)) == []
    assert next(iter(api.events(first)))["seq"] == first + 1


def test_what_cannot_be_done_to_a_device_is_told_apart(server: WebServer, api: Api) -> None:
    server.add_device(1, "hall")
    with pytest.raises(Conflict):
        api.delete_device("hall")
    with pytest.raises(NotFound):
        api.verdict("nobody")
    with pytest.raises(NotFound):
        api.put_back(7)
    with pytest.raises(WrongUse):
        api.series("hall", "beauty")
    with pytest.raises(NotFound):
        list(api.events(device="nobody"))


def test_a_stream_of_nobody_is_unreachable(free_port: int) -> None:
    with pytest.raises(Unreachable):
        list(Api(f"http://127.0.0.1:{free_port}").events())


def test_a_signature_that_lies_beside_an_image_goes_along(tmp_path: Path) -> None:
    path = tmp_path / "lamp.bin"
    path.write_bytes(b"image")
    heard = Scripted(lambda handler: send(handler, 201, "{}"))
    try:
        Api(heard.url).upload(path)
        (tmp_path / "lamp.bin.minisig").write_text("untrusted comment: x\n")
        Api(heard.url).upload(path)
    finally:
        heard.stop()
    without, signed = (body for _, _, _, body in heard.seen)
    assert b'name="signature"' not in without
    assert b'name="signature"\r\n\r\nuntrusted comment: x\n\r\n' in signed
