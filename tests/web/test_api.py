"""The API: shapes, pages, problems; and the stream of what changes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from functools import partial
from typing import Any

import httpx
import pytest

from homie_ota.model import DeploymentState
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import deployments, devices
from web.world import BROWSER, Server, World

API = "/api/v1"


def problem(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["status"] == answer.status_code
    assert told["title"]
    assert told["detail"]
    return answer.status_code, told["code"]


def test_a_device_is_told_with_all_that_scripts_need(world: World) -> None:
    firmware = world.firmware()
    world.device("hall", md5=firmware.md5, mac="A0:20:A6:14:85:06", nodes={"relay": {"name": "Relay"}})
    told = world.client().get(f"{API}/devices/homie~hall").json()
    assert told["id"] == "homie~hall"
    assert told["base"] == "homie/"
    assert told["ota"] == {"way": "mqtt", "enabled": True}
    assert told["firmware"] == {
        "name": "lamp",
        "version": "1.0.0",
        "md5": firmware.md5,
        "sha256": firmware.sha256,
    }
    assert told["nodes"] == {"relay": {"name": "Relay"}}
    assert told["uptime_s"] == 4000
    assert datetime.fromisoformat(told["last_seen"]).tzinfo is not None
    assert world.client().get(f"{API}/devices/hall").json() == told


def test_lists_are_paged_filtered_and_sorted(world: World) -> None:
    for n in range(25):
        world.device(f"d{n:02}", state="ready" if n % 2 else "lost")
    client, seen = world.client(), list[str]()
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(
            f"{API}/devices",
            params={"q": "d*", "state": "ready", "limit": 5, "sort": "-id", "cursor": cursor},
        ).json()
        assert page["total"] == 12
        seen += [each["id"] for each in page["items"]]
        cursor = page["next"]
    assert seen == [f"homie~d{n:02}" for n in range(23, 0, -2)]
    assert all("nodes" not in each or each["nodes"] is None for each in page["items"])


def test_a_bare_id_that_two_devices_have_is_a_conflict_that_lists_them(world: World) -> None:
    world.device("hall"), world.device("hall", base="devices/")
    answer = world.client().get(f"{API}/devices/hall")
    assert problem(answer) == (409, "conflict")
    assert "devices~hall, homie~hall" in answer.json()["detail"]


PROBLEMS = [
    ("GET", "/devices/nobody", None, 404, "not-found"),
    ("GET", "/devices?q=colour:red", None, 400, "wrong-use"),
    ("GET", "/devices?sort=colour", None, 400, "wrong-use"),
    ("GET", "/devices?limit=0", None, 400, "wrong-use"),
    ("GET", "/devices?limit=100000", None, 400, "wrong-use"),
    ("GET", "/devices?cursor=x", None, 400, "wrong-use"),
    ("GET", "/devices?state=x", None, 400, "wrong-use"),
    ("GET", "/firmware/abc", None, 404, "not-found"),
    ("GET", "/firmware/..%2f..%2fetc", None, 404, "not-found"),
    ("GET", "/firmware?cursor=x", None, 400, "wrong-use"),
    ("GET", "/deployments/x", None, 404, "not-found"),
    ("GET", "/deployments/99999999999999999999", None, 404, "not-found"),
    ("GET", "/deployments?state=x", None, 400, "wrong-use"),
    ("POST", "/deployments", {}, 400, "wrong-use"),
    ("POST", "/deployments", {"device": "hall", "firmware": "lamp@9"}, 404, "not-found"),
    ("POST", "/deployments", {"device": "nobody", "firmware": "lamp@9"}, 404, "not-found"),
    ("POST", "/deployments", {"device": "hall", "firmware": "x", "more": 1}, 400, "wrong-use"),
    ("POST", "/deployments/99/cancel", None, 404, "not-found"),
    ("DELETE", "/devices/hall", None, 409, "conflict"),
    ("DELETE", "/devices", None, 405, "wrong-method"),
    ("GET", "/nowhere", None, 404, "not-found"),
    ("POST", "/firmware", None, 400, "wrong-use"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), PROBLEMS)
def test_every_error_is_a_problem_document(
    world: World, method: str, path: str, body: Any, status: int, code: str
) -> None:
    world.device("hall")
    answer = world.client().request(method, API + path, json=body)
    assert problem(answer) == (status, code)


def test_a_body_that_is_no_json_is_a_problem_too(world: World) -> None:
    kind = {"content-type": "application/json"}
    for content in (b"{", b"\xff", b"[" * 100_000, b'"x"'):
        assert problem(world.client().post(f"{API}/deployments", content=content, headers=kind))[0] == 400


def test_an_update_is_ordered_followed_and_cancelled(world: World) -> None:
    firmware, client = world.firmware(), world.client()
    world.device("hall", state="sleeping")
    ordered = client.post(f"{API}/deployments", json={"device": "homie~hall", "firmware": "lamp@2.0.0"})
    assert ordered.status_code == 202
    told = ordered.json()
    assert told["state"] == "queued"
    assert told["attempt"] == 1
    assert told["firmware"] == firmware.sha256
    assert ordered.headers["location"] == f"{API}/deployments/{told['id']}"
    again = client.post(f"{API}/deployments", json={"device": "hall", "firmware": firmware.sha256[:12]})
    assert problem(again) == (409, "conflict")
    why = client.get(f"{API}/devices/hall/why").json()
    assert why["code"] == "waiting"
    assert "sleeping" in why["text"]
    assert problem(client.delete(f"{API}/firmware/{firmware.sha256}")) == (409, "conflict")
    cancelled = client.post(f"{API}/deployments/{told['id']}/cancel").json()
    assert cancelled["state"] == "cancelled"
    assert [each["kind"] for each in cancelled["events"]] == ["deployment", "deployment"]
    assert problem(client.post(f"{API}/deployments/{told['id']}/cancel")) == (409, "conflict")
    assert client.delete(f"{API}/firmware/{firmware.sha256}").status_code == 200


def test_what_is_not_eligible_says_why_and_takes_a_reason(world: World) -> None:
    firmware, client = world.firmware(), world.client()
    world.device("wall", implementation="esp32")
    order = {"device": "wall", "firmware": firmware.sha256}
    assert problem(client.post(f"{API}/deployments", json=order)) == (409, "not-eligible")
    assert (
        client.post(f"{API}/deployments", json={**order, "override": "bench"}).json()["override"] == "bench"
    )


def test_deployments_are_listed_by_device_and_state(world: World) -> None:
    firmware, client = world.firmware(), world.client()
    for name in ("a", "b", "c"):
        world.order(world.device(name), firmware, offered=name != "c")
    found = client.get(f"{API}/deployments", params={"state": "offered", "limit": 1}).json()
    assert [each["device"] for each in found["items"]] == ["homie~b"]
    rest = client.get(
        f"{API}/deployments", params={"state": "offered", "limit": 1, "cursor": found["next"]}
    ).json()
    assert [each["device"] for each in rest["items"]] == ["homie~a"]
    assert [
        each["id"] for each in client.get(f"{API}/deployments", params={"device": "c"}).json()["items"]
    ] == [3]


def test_readings_have_numbers_where_they_are_numbers(world: World) -> None:
    pk = world.device("hall")
    rows = [
        {"device_pk": pk, "node": "t", "prop": "degrees", "value": "21.5", "num": 21.5, "at": 1.0},
        {"device_pk": pk, "node": "t", "prop": "unit", "value": "°C", "num": None, "at": 2.0},
    ]
    world.write(lambda c: devices.save_readings(c, rows))
    told = world.client().get(f"{API}/devices/hall/readings").json()["items"]
    assert [(each["property"], each["value"], each["number"]) for each in told] == [
        ("degrees", "21.5", 21.5),
        ("unit", "°C", None),
    ]


def test_an_image_comes_back_as_it_was_uploaded(world: World) -> None:
    firmware = world.firmware()
    told = world.client().get(f"{API}/firmware").json()
    assert [each["sha256"] for each in told["items"]] == [firmware.sha256]
    assert told["items"][0]["flash"]["size"] == firmware.flash_size
    assert len(world.client().get(f"{API}/firmware/{firmware.sha256}/file").content) == firmware.size


def test_deleting_a_device_clears_its_topics_through_the_service(world: World) -> None:
    pk = world.device("hall", state="lost")

    async def forget(which: int, _by: str, _where: str) -> int:
        world.forgotten.append(which)
        return 17

    world.shell.forget = forget
    answer = world.client().delete(f"{API}/devices/hall")
    assert "17 retained topics" in answer.json()["detail"]
    assert world.forgotten == [pk]


def test_the_description_names_every_route_and_the_page_loads_nothing_else(world: World) -> None:
    client = world.client(headers={"accept": "text/html"})
    paths = client.get(f"{API}/openapi.json").json()["paths"]
    expected = {
        "/devices", "/devices.csv", "/devices/{id}", "/devices/{id}/readings", "/devices/{id}/why",
        "/firmware", "/firmware/{sha256}", "/firmware/{sha256}/file",
        "/firmware/{sha256}/fits", "/firmware/{sha256}/compare/{other}", "/firmware/prune",
        "/deployments", "/deployments/{id}", "/deployments/{id}/cancel", "/deployments/{id}/case", "/events",
        "/devices/{id}/pin", "/devices/{id}/tags/{tag}", "/rollouts", "/rollouts/preview", "/rollouts/{id}",
        *(f"/rollouts/{{id}}/{word}" for word in ("start", "pause", "resume", "drain", "abort", "revert")),
        "/quarantine", "/devices/{id}/release", "/devices/{id}/looked",
        "/devices/{id}/outlook",
        "/leftovers", "/leftovers/look", "/leftovers/clear",
        "/devices/{id}/series", "/devices/{id}/verdict",
        "/devices/{id}/properties/{node}/{prop}", "/removed", "/removed/{number}/undo",
        "/knocks", "/knocks/{mac}", "/knocks/{mac}/adopt", "/filters", "/filters/{name}",
        "/people", "/people/{name}", "/people/{name}/reset", "/people/{name}/logout", "/tokens", "/tokens/{id}",
        "/audit", "/audit/verify", "/audit/export", "/healthz", "/metrics",
    }  # fmt: skip
    assert (
        expected - set(paths) == set()
    )  # what came later stands in docs/reference/api.md, which a test compares
    page = client.get(f"{API}/docs").text
    for path in paths:
        assert f"<code>{path}</code>" in page
    assert 'type="file"' in page


async def test_what_changes_is_streamed_with_the_state_of_now(world: World) -> None:
    firmware, pk = await asyncio.to_thread(world.firmware), world.device("hall")
    attempt = world.order(pk, firmware)
    async with (
        Server(world) as server,
        httpx.AsyncClient(base_url=server.url, timeout=20) as client,
        client.stream("GET", f"{API}/events") as stream,
    ):
        assert stream.headers["content-type"].startswith("text/event-stream")
        lines = stream.aiter_lines()
        assert await anext(lines) == "retry: 2000"
        moved = world.write(lambda c: deployments.advance(c, attempt, Event.ACCEPT, now=time.time()))
        assert moved is not None
        for done in (1000, 2000, 3000):
            world.write(partial(deployments.progress, number=attempt.id, done=done, now=time.time()))
            world.bus.say("deployment", id=attempt.id, device_pk=pk)
        world.bus.say("order", device_pk=pk)
        told = await next_notice(lines)
        assert (told["kind"], told["device"]) == ("deployment", "homie~hall")
        assert (told["state"], told["bytes_done"]) == (DeploymentState.TRANSFERRING, 3000)
        for number in range(2000):
            world.bus.say("firmware", sha256=str(number))
        assert await next_notice(lines) == {"kind": "all"}
        world.bus.say("stop")
        assert [line async for line in lines if line] == []
    assert world.app.state.listeners == set()


async def next_notice(lines: AsyncIterator[str]) -> Any:
    async for line in lines:
        told = json.loads(line.removeprefix("data: ")) if line.startswith("data: ") else {"seq": 0}
        if "seq" not in told:  # an event has a number, a notice has none
            return told
    raise AssertionError("the stream ended")


def test_a_body_that_is_too_large_is_refused(world: World) -> None:
    kind = {"content-type": "application/json"}
    unsized = (b" " * (1 << 18) for _ in range(8))
    for content in (b" " * (2 << 20), unsized):
        assert problem(world.client().post(f"{API}/deployments", content=content, headers=kind)) == (
            413,
            "too-large",
        )


def test_a_method_that_an_address_does_not_take_is_told_with_those_that_it_does(world: World) -> None:
    for path, allowed in (
        ("/rollouts", "GET, POST"),
        ("/firmware/prune", "POST"),
        ("/devices/x", "DELETE, GET"),
    ):
        answer = world.client().put(API + path)
        assert problem(answer) == (405, "wrong-method")
        assert answer.headers["allow"] == allowed


def test_a_body_that_is_not_said_to_be_json_is_told_how_to_be_sent(world: World) -> None:
    world.device("hall"), world.firmware()
    body = '{"device": "hall", "firmware": "lamp@2.0.0"}'
    for kind in ("application/x-www-form-urlencoded", "text/plain", ""):
        answer = world.client().post(f"{API}/deployments", content=body, headers={"content-type": kind})
        assert problem(answer) == (415, "wrong-media-type")
        assert "Content-Type: application/json" in answer.json()["detail"]
    kind = "application/vnd.lamp+json; charset=utf-8"
    answer = world.client().post(f"{API}/deployments", content=body, headers={"content-type": kind})
    assert answer.status_code == 202
    assert problem(world.client().post(f"{API}/deployments")) == (400, "wrong-use")


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1", "/api/v1/", "/api/v2/devices", "/api/v1/devices/"]
)
def test_an_address_that_there_is_not_is_a_problem_too_whoever_asks(world: World, path: str) -> None:
    for headers in ({}, BROWSER):
        assert problem(world.client().get(path, headers=headers)) == (404, "not-found")


def test_who_is_not_logged_in_gets_a_problem_and_only_the_page_of_the_api_leads_to_the_login(
    make_world: Callable[..., World],
) -> None:
    client = make_world(admin=True).client(headers=BROWSER)
    assert problem(client.get(f"{API}/devices")) == (401, "not-logged-in")
    assert problem(client.get(f"{API}/openapi.json")) == (401, "not-logged-in")
    assert client.get(f"{API}/docs").headers["location"] == "/login?next=/api/v1/docs"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("/devices?stat=lost", 'The nearest that it takes is "state".'),
        ("/devices?q=x&Q=y", 'does not take the parameter "Q"'),
        ("/audit/verify?%E2%80%AE=1", 'The nearest that it takes is "kept".'),
        ("/healthz?x=1", "It takes none."),
    ],
)
def test_a_parameter_that_an_address_does_not_take_is_refused_with_the_nearest(
    make_world: Callable[..., World], asked: str, words: str
) -> None:
    world = make_world(admin=True)
    client = world.client()
    client.auth = world.login
    answer = client.get(API + asked)
    assert problem(answer) == (400, "wrong-use")
    assert words in answer.json()["detail"]


@pytest.mark.parametrize("text", ['"\\ud800"', "NaN", "1e999", "[" * 900, '"x', "\xff", '{"a": 1}'])
@pytest.mark.parametrize("field", ["device", "firmware", "override", "until"])
def test_a_value_that_is_no_text_is_wrong_use(world: World, field: str, text: str) -> None:
    world.device("hall"), world.firmware()
    body = json.dumps({"device": "hall", "firmware": "lamp@2.0.0", field: "@"}).replace('"@"', text)
    kind = {"content-type": "application/json"}
    answer = world.client().post(f"{API}/deployments", content=body.encode("latin-1"), headers=kind)
    assert problem(answer) == (400, "wrong-use")
