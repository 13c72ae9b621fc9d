"""Who knocks without being known here, and from where devices may ask."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.store import knocks
from homie_ota.web.strangers import MOST, Networks, Rate
from web.arduino import MAC, OLD_MD5, headers
from web.world import ESP, World

HOMIE = {**ESP, "x-ESP8266-version": "c631f278=awesome-light=1.0.0=1.1.0"}


def test_a_stranger_gets_nothing_and_is_written_down_with_what_it_says(world: World) -> None:
    answer = world.client().get("/ota", headers=headers())
    assert (answer.status_code, answer.content) == (304, b"")
    (found,) = world.read(knocks.find)
    assert (found.mac, found.md5, found.version, found.family) == (MAC, OLD_MD5, "1.0.0", "esp8266")
    assert (found.free_space, found.chip_size, found.sketch_size) == (2740224, 4194304, 404368)
    assert (found.ap_mac, found.sdk, found.mode) == ("A2:20:A6:14:85:06", "2.2.1(cfd48f3)", "sketch")


@pytest.mark.parametrize("told", [{"x-ESP8266-mode": "version"}, {"x-ESP8266-mode": "spiffs"}, {}])
def test_whatever_a_stranger_asks_for_there_is_nothing(world: World, told: dict[str, str]) -> None:
    world.firmware("lamp", "2.0.0")
    answer = world.client().get("/ota", headers={**headers(), **told})
    assert answer.status_code == 304
    assert world.read(knocks.count) == 1


@pytest.mark.parametrize("told", [HOMIE, {"x-ESP8266-free-space": "1"}])
def test_an_unknown_homie_device_and_one_without_a_mac_do_not_knock(
    world: World, told: dict[str, str]
) -> None:
    assert world.client().get("/ota", headers=told).status_code == 403
    assert world.read(knocks.count) == 0


def test_open_mode_gives_a_stranger_that_names_nothing_no_image_either(
    make_world: Callable[..., World],
) -> None:
    world = make_world(ota={"open_mode": True})
    world.firmware("lamp", "2.0.0")
    assert world.client().get("/ota", headers=headers()).status_code == 304
    assert world.read(knocks.count) == 1


def test_one_that_asks_again_and_again_is_written_down_once_in_a_while(world: World) -> None:
    world.now = began = time.time()
    client = world.client()
    for seconds in range(25):
        world.now = began + seconds
        assert client.get("/ota", headers=headers()).status_code == 304
    (found,) = world.read(knocks.find)
    assert found.count == 3


def test_an_address_that_floods_is_answered_and_not_written_down_any_more(world: World) -> None:
    world.now = time.time()
    client = world.client()
    for number in range(MOST + 20):
        answer = client.get("/ota", headers=headers(f"A0:20:A6:00:00:{number:02X}"))
        assert answer.status_code == 304
    assert world.read(knocks.count) == MOST
    world.now += 61.0
    client.get("/ota", headers=headers())
    assert world.read(knocks.count) == MOST + 1


def test_devices_may_ask_only_from_the_networks_that_the_settings_name(
    make_world: Callable[..., World],
) -> None:
    world = make_world(ota={"http_networks": ["192.168.4.0/24"]})
    inside = world.client(client=("192.168.4.7", 50000))
    outside = world.client(client=("192.168.5.7", 50000))
    assert inside.get("/ota", headers=headers()).status_code == 304
    refused = outside.get("/ota", headers=headers())
    assert refused.status_code == 403
    assert "http_networks" in refused.text
    assert outside.get("/ota/i/guessed").status_code == 403
    assert "http_networks" in outside.get("/ota/i/guessed").text
    assert "http_networks" not in inside.get("/ota/i/guessed").text
    assert [each.address for each in world.read(knocks.find)] == ["192.168.4.7"]


NETWORKS = [
    ((), "203.0.113.9", True),
    (("192.168.4.0/24",), "192.168.4.200", True),
    (("192.168.4.0/24",), "::ffff:192.168.4.200", True),
    (("192.168.4.0/24", "fd00::/8"), "fd00::1", True),
    (("192.168.4.0/24",), "192.168.5.1", False),
    (("192.168.4.0/24",), "somewhere", False),
    (("192.168.4.0/24",), "", False),
]


@pytest.mark.parametrize(("allowed", "host", "expected"), NETWORKS)
def test_an_address_is_in_one_of_the_networks_or_not(
    allowed: tuple[str, ...], host: str, expected: bool
) -> None:
    assert Networks(allowed).has(host) is expected


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0.0, 300.0)), max_size=200))
def test_no_key_is_let_through_more_often_than_it_may(asked: list[tuple[str, float]]) -> None:
    rate, passed = Rate(most=5), []
    for key, at in sorted(asked, key=lambda each: each[1]):
        if rate.allows(key, at):
            passed.append((key, at))
    for key in "abc":
        times = [at for each, at in passed if each == key]
        for first, sixth in zip(times, times[5:], strict=False):
            assert sixth > first
        assert len(times) <= 5 * 6
