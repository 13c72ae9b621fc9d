"""A device taken off the broker: the order of its generation, and what of it may come back."""

from __future__ import annotations

import pytest

from homie_ota.homie.removal import Group, groups, may_be_put_back, ordered
from homie_ota.model import Address

LAMP = Address("homie/", "lamp")


def tails(homie: str, *topics: str) -> list[str]:
    found = ordered(LAMP, homie, [f"homie/lamp/{each}" for each in topics])
    return [each.removeprefix("homie/lamp/") for each in found]


@pytest.mark.parametrize(
    ("homie", "first"),
    [
        ("1.5", ["$online", "$homie", "$state"]),
        ("2.0.1", ["$homie", "$online", "$state"]),
        ("3.0.1", ["$state", "$homie", "$online"]),
        ("4.0.0", ["$state", "$homie", "$online"]),
        ("", ["$state", "$homie", "$online"]),
    ],
)
def test_what_says_that_it_exists_goes_first_as_its_generation_has_it(homie: str, first: list[str]) -> None:
    found = tails(homie, "$name", "$ota", "$online", "$homie", "light/on", "$state")
    assert found == [*first, "$name", "light/on", "$ota"]


def test_homie_5_clears_its_state_before_its_description() -> None:
    assert tails("5.0", "light/on", "$description", "$state") == ["$state", "$description", "light/on"]


def test_topics_of_other_devices_are_left_alone() -> None:
    assert ordered(LAMP, "3.0.1", ["homie/lamp2/$state", "homie/lamp", "homie/lamp/$state"]) == [
        "homie/lamp/$state"
    ]


def test_a_person_reads_what_goes_node_by_node() -> None:
    topics = [
        f"homie/lamp/{each}" for each in ("$state", "$fw/name", "$fw/version", "light/on", "light/on/$unit")
    ]
    assert groups(LAMP, topics) == [Group("$fw", 2), Group("$state", 1), Group("light", 2)]


@pytest.mark.parametrize(
    "tail",
    [
        "$ota",
        "$reset",
        "$implementation/ota/status",
        "$implementation/ota/firmware/0123",
        "$implementation/ota/url",
        "$implementation/config/set",
        "$implementation/reset",
        "light/on/set",
    ],
)
def test_nothing_that_a_device_acts_on_comes_back(tail: str) -> None:
    assert may_be_put_back(LAMP, {f"homie/lamp/{tail}": b"true"}) == {}


def test_what_a_device_says_of_itself_comes_back_as_it_was() -> None:
    kept = {"homie/lamp/$state": b"lost", "homie/lamp/light/on": b"true", "homie/other/$state": b"lost"}
    assert may_be_put_back(LAMP, kept) == {"homie/lamp/$state": "lost", "homie/lamp/light/on": "true"}


@pytest.mark.parametrize("payload", [b"", b"\xff\xfe", b"x" * 70_000, b'{"wifi":{"password":"secret"}}'])
def test_what_is_empty_no_text_too_long_or_secret_does_not(payload: bytes) -> None:
    assert may_be_put_back(LAMP, {"homie/lamp/$implementation/config": payload}) == {}
