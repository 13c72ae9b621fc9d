"""Where devices ask for their images is noted: the right place, and those where there is nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.store import moved
from homie_ota.store.moved import Moved
from homie_ota.web.app import for_devices
from web.world import BROWSER, ESP, World

OURS = {**ESP, "x-ESP8266-version": "c631f278=lamp=1.0.0=1.1.0", "host": "10.0.0.5:9080"}


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World(tmp_path, {})
    yield made
    made.close()


def counts(world: World) -> Moved:
    return world.read(moved.counts)


def places(world: World) -> list[str]:
    return [each.asked for each in world.read(moved.placed)]


def test_where_a_device_asked_is_kept(world: World) -> None:
    world.old_device()
    assert world.client().get("/ota", headers=OURS).status_code == 403
    assert places(world) == ["10.0.0.5:9080/ota"]
    assert counts(world) == Moved()


def test_a_wrong_path_is_answered_as_to_anybody_and_noted(world: World) -> None:
    world.old_device()
    assert world.client().get("/custom_ota", headers=OURS).status_code == 404
    (found,) = world.read(moved.astray)
    assert (found.asked, found.path) == ("10.0.0.5:9080/custom_ota", "/ota")
    world.client().get("/ota", headers=OURS)
    assert counts(world) == Moved()


def test_where_people_have_to_log_in_a_wrong_path_is_noted_too(tmp_path: Path) -> None:
    world = World(tmp_path, {"auth": {"mode": "password"}}, admin=True)
    world.old_device()
    answer = world.client().get("/firmware/lamp.bin", headers=OURS)
    assert answer.status_code in (303, 401)
    assert counts(world) == Moved(1, 0)
    world.close()


def test_on_the_port_of_devices_a_wrong_path_is_noted_too(world: World) -> None:
    world.old_device()
    client = world.client()
    client.app = for_devices(world.app)
    client._transport.app = client.app
    assert client.get("/custom_ota", headers=OURS).text.startswith("This port is for devices")
    assert counts(world) == Moved(1, 0)


def test_strangers_sketches_browsers_and_the_doctor_leave_no_trace(world: World) -> None:
    world.old_device("other", mac=ESP["x-ESP8266-STA-MAC"])
    client = world.client()
    client.get("/custom_ota", headers={**OURS, "x-ESP8266-STA-MAC": "A0:20:A6:00:00:01"})
    client.get("/custom_ota", headers=ESP)
    client.get("/custom_ota", headers=BROWSER)
    client.get("/ota", headers={**OURS, "x-ESP8266-STA-MAC": "A0:20:A6:00:00:01"})
    client.get("/ota", headers={**OURS, "x-ESP8266-version": "other=lamp=1=2", "x-ESP8266-mode": "version"})
    assert world.read(lambda c: c.exec_driver_sql("SELECT count(*) FROM learned").scalar()) == 0


def test_a_device_that_keeps_asking_is_written_down_once_a_minute(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.old_device()
    world.now, noted = time.time(), list[str]()

    def note(_conn: object, _pk: int, where: str, **_more: object) -> None:
        noted.append(where)

    monkeypatch.setattr(moved, "note", note)
    for _ in range(5):
        world.client().get("/custom_ota", headers=OURS)
    assert noted == ["10.0.0.5:9080/custom_ota"]
    world.now += 61.0
    world.client().get("/custom_ota", headers=OURS)
    assert len(noted) == 2


def test_the_page_of_the_device_says_where_it_asked(world: World) -> None:
    world.old_device()
    world.client().get("/custom_ota", headers=OURS)
    page = world.client(headers=BROWSER).get("/device/c631f278").text
    for each in ("asked in vain at", "10.0.0.5:9080/custom_ota", "this server answers at /ota"):
        assert each in page


def test_the_health_page_says_how_many(world: World) -> None:
    page = world.client(headers=BROWSER).get("/health").text
    assert "None of Homie 1.5 asks for its image somewhere else." in page
    world.old_device()
    world.client().get("/custom_ota", headers=OURS)
    page = world.client(headers=BROWSER).get("/health").text
    assert "1 of Homie 1.5 ask for images where there is nothing, 0 were told to ask and never came." in page
    assert "homie-ota doctor says of each" in page


@pytest.mark.parametrize("host", ["", "[::1", "<script>"])
def test_a_host_that_makes_no_sense_harms_nothing(host: str, world: World) -> None:
    world.old_device()
    world.client().get("/custom_ota", headers={**OURS, "host": host})
    assert "<script>" not in world.client(headers=BROWSER).get("/device/c631f278").text
