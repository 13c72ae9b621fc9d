"""The API as it was promised on the first day: every route, every field, every status, for scripts that rely on it."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote

import pytest

from homie_ota.model import DeploymentState
from homie_ota.rollout.lifecycle import Event
from homie_ota.simulator.images import make_image
from homie_ota.store import deployments, devices
from web.world import World

API = "/api/v1"
Json = dict[str, Any]

DEVICE: Json = {
    "id": str, "base": str, "homie": str, "name": str, "state": str, "implementation": str,
    "ota": {"way": str, "enabled": bool}, "firmware": {"name": str, "version": str, "md5": str}, "ip": str, "mac": str,
    "signal": float, "uptime_s": float, "last_seen": str,
}  # fmt: skip
FIRMWARE: Json = {
    "sha256": str, "md5": str, "name": str, "version": str, "chip": str, "flash": {"size": int, "mode": str},
    "kind": str, "size": int, "description": str, "uploaded_at": str, "warnings": list, "in_use_by": int,
}  # fmt: skip
DEPLOYMENT: Json = {
    "id": int, "device": str, "firmware": str, "state": str, "attempt": int, "bytes_done": int, "bytes_total": int,
    "created_at": str, "updated_at": str,
}  # fmt: skip
STATES = ["queued", "offered", "transferring", "rebooting", "verifying", "succeeded", "failed", "cancelled"]


def promised(told: Json, shape: Json) -> None:
    """Every field that was promised is there, and of its kind."""
    for name, kind in shape.items():
        if isinstance(kind, dict):
            promised(told[name], kind)
        else:
            assert isinstance(told[name], kind), (name, told[name])


@pytest.fixture
def client(world: World) -> Any:
    return world.client()


def test_a_device_has_what_was_promised_in_the_list_and_alone(world: World, client: Any) -> None:
    runs, firmware = world.firmware(version="1.0.0"), world.firmware()
    pk = world.device("hall", md5=runs.md5, nodes={"relay": {"name": "Relay"}})
    world.order(pk, firmware)
    listed = client.get(
        f"{API}/devices", params={"q": "hall", "state": "ready", "sort": "-id", "limit": 1}
    ).json()
    assert set(listed) == {"items", "total", "next"}
    alone = client.get(f"{API}/devices/homie~hall").json()
    for told in (listed["items"][0], alone):
        promised(told, DEVICE)
        assert told["firmware"]["sha256"] == runs.sha256
        assert told["target"] == {"sha256": firmware.sha256, "name": "lamp", "version": "2.0.0"}
    assert alone["nodes"] == {"relay": {"name": "Relay"}}
    assert client.get(f"{API}/devices/nobody").status_code == 404


def test_what_hangs_on_a_device_answers(world: World, client: Any) -> None:
    pk = world.device("hall")
    row = {"device_pk": pk, "node": "t", "prop": "degrees", "value": "21.5", "num": 21.5, "at": time.time()}
    world.write(partial(devices.save_readings, rows=[row]))
    (reading,) = client.get(f"{API}/devices/hall/readings").json()["items"]
    assert (reading["node"], reading["property"], reading["value"]) == ("t", "degrees", "21.5")
    assert {"code", "text"} <= set(client.get(f"{API}/devices/hall/why").json())
    assert client.delete(f"{API}/devices/hall").status_code == 409


def test_an_image_has_what_was_promised_in_the_list_and_alone(client: Any) -> None:
    image = make_image("lamp", "2.0.0", "workshop")
    stored = client.post(f"{API}/firmware", files={"upload": ("lamp.bin", image)}, data={"description": "x"})
    assert stored.status_code == 201
    sha256 = stored.json()["sha256"]
    (listed,) = client.get(f"{API}/firmware").json()["items"]
    for told in (stored.json(), listed, client.get(f"{API}/firmware/{sha256}").json()):
        promised(told, FIRMWARE)
        assert (told["brand"], told["description"]) == ("workshop", "x")
    assert client.get(f"{API}/firmware/{sha256}/file").content == image
    assert client.delete(f"{API}/firmware/{sha256}").status_code == 200
    assert client.get(f"{API}/firmware/{sha256}").status_code == 404


def test_a_deployment_has_what_was_promised_from_the_order_to_its_end(world: World, client: Any) -> None:
    firmware = world.firmware()
    world.device("hall", state="sleeping")
    body = {"device": "homie~hall", "firmware": firmware.sha256, "override": "bench"}
    ordered = client.post(f"{API}/deployments", json=body)
    assert ordered.status_code == 202
    number = ordered.json()["id"]
    (listed,) = client.get(f"{API}/deployments", params={"device": "hall", "state": "queued"}).json()["items"]
    for told in (ordered.json(), listed, client.get(f"{API}/deployments/{number}").json()):
        promised(told, DEPLOYMENT)
        assert (told["state"], told["attempt"], told["reason"], told["harmful"]) == ("queued", 1, None, None)
    assert [each["kind"] for each in ordered.json()["events"]] == ["deployment"]
    assert client.post(f"{API}/deployments/{number}/cancel").json()["state"] == "cancelled"
    assert client.post(f"{API}/deployments/{number}/cancel").status_code == 409
    assert [each.value for each in DeploymentState] == STATES


def test_what_was_offered_cannot_be_taken_back(world: World, client: Any) -> None:
    made = world.order(world.device("hall"), world.firmware())
    assert client.post(f"{API}/deployments/{made.id}/cancel").status_code == 409
    world.write(lambda conn: deployments.advance(conn, made, Event.ACCEPT, now=time.time()))
    assert client.get(f"{API}/deployments/{made.id}").json()["state"] == "transferring"


def test_a_rollout_is_looked_at_made_and_steered_by_the_promised_words(world: World, client: Any) -> None:
    world.firmware()
    world.device("hall", state="sleeping")
    order = {"query": "fw:lamp", "firmware": "lamp@2.0.0"}
    assert client.post(f"{API}/rollouts/preview", json=order).status_code == 200
    made = client.post(f"{API}/rollouts", json=order)
    assert made.status_code == 201
    path = f"{API}/rollouts/{made.json()['id']}"
    assert set(client.get(f"{API}/rollouts").json()) == {"items", "total", "next"}
    assert client.get(path).json()["state"] == "draft"
    for word, state in (
        ("start", "running"),
        ("pause", "paused"),
        ("resume", "running"),
        ("abort", "aborted"),
    ):
        assert client.post(f"{path}/{word}").json()["rollout"]["state"] == state
    assert client.post(f"{path}/revert").status_code in (200, 409)  # nobody runs it yet
    assert client.get(f"{API}/rollouts/99").status_code == 404


LISTS = (
    "/devices", "/devices/hall/readings", "/firmware", "/deployments", "/rollouts", "/people", "/tokens", "/audit",
    "/removed", "/quarantine", "/leftovers",
)  # fmt: skip


@pytest.mark.parametrize("path", LISTS)
def test_every_list_comes_in_pages_and_takes_no_strange_cursor(
    make_world: Callable[..., World], path: str
) -> None:
    world = make_world(admin=True)
    world.device("hall")
    client = world.client()
    client.auth = world.login
    assert set(client.get(API + path).json()) >= {"items", "total", "next"}
    for cursor in (
        "x",
        "🤖",
        "-1",
        "9" * 40,
        "null",
        "W10",
        "WyJ4Il0",
        "eyJhIjoxfQ",
        "a" * 4000,
        "%00",
        "' OR 1=1 --",
    ):
        answer = client.get(API + path, params={"cursor": cursor})
        assert answer.status_code in (200, 400), (cursor, answer.text)
        if answer.status_code == 400:
            assert answer.json()["code"] == "wrong-use"
    for limit in ("0", "-1", "1001", "9" * 30, "x", "1.5", "", "١"):
        assert client.get(API + path, params={"limit": limit}).status_code in (200, 400)


NAMES = (
    "лампа", "ランプ", "💡", "a b", "a%b", "a+b", "..", ".", "%00", "a/b", "~", "homie~", "~a", "homie~~a", "a" * 5000,
    "\u202e", "<script>", "'; DROP TABLE device; --", "%2e%2e%2f", "9" * 100, "-1", "nan", "\ud7ff", "x\ny",
)  # fmt: skip


NAMED = (
    "devices/{}", "devices/{}/why", "devices/{}/series?metric={}", "devices?q={}", "devices?sort={}", "firmware/{}",
    "firmware/{}/file", "firmware?sort={}", "firmware?q={}", "deployments/{}", "deployments/{}/case", "rollouts/{}",
    "deployments?device={}", "people/{}", "events?follow=false&device={}",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_strange_name_is_nobody_and_nothing_worse(client: Any, name: str) -> None:
    word = quote(name, safe="")
    for path in NAMED:
        for method in ("GET", "DELETE"):
            answer = client.request(method, f"{API}/{path.format(word, word)}")
            assert answer.status_code in (200, 400, 403, 404, 405), (method, path, answer.text)
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json", path


def test_a_device_with_a_strange_name_is_found_by_it(world: World, client: Any) -> None:
    for name in ("лампа", "💡", "a b", "a%b", "x+y"):
        world.device(name)
        found = client.get(f"{API}/devices", params={"q": f'id:"{name}"'}).json()["items"]
        assert [each["id"] for each in found] == [f"homie~{name}"]
        told = client.get(f"{API}/devices/{quote(found[0]['id'], safe='~')}").json()
        assert told.get("id") == f"homie~{name}", told


def test_whether_the_server_lives_is_told_to_everybody_and_its_metrics_to_who_may_read(
    make_world: Callable[..., World],
) -> None:
    world = make_world(admin=True)
    client = world.client()
    told = client.get(f"{API}/healthz").json()
    assert (told["status"], told["broker"]["connected"], told["devices"]) == ("ok", True, 0)
    assert set(told) == set(client.get("/healthz").json())
    assert client.get(f"{API}/metrics").status_code == 401
    client.auth = world.login
    assert "homie_ota_devices" in client.get(f"{API}/metrics").text
