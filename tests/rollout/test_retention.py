"""Which images may go, and which stay whatever their age."""

from __future__ import annotations

import hashlib
from collections import Counter
from itertools import count
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import Firmware
from homie_ota.rollout.retention import choose

_numbers = count(1)


def image(version: str, name: str = "lamp", chip: str = "esp8266", **more: Any) -> Firmware:
    """An image that was uploaded after all that were made before it."""
    number = next(_numbers)
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    more = {"uploaded_at": float(number), **more}
    return Firmware(digest, digest[:32], name, version, f"{digest}.bin", 1000, chip=chip, **more)


def versions(found: list[Firmware]) -> list[str]:
    return [each.version for each in found]


def test_the_newest_of_each_name_stay_and_the_oldest_go_first() -> None:
    lamps = [image(version) for version in ("1.0", "1.1", "1.2", "2.0")]
    plugs = [image(version, "plug") for version in ("1.0", "3.0")]
    assert versions(choose([*lamps[::-1], *plugs], (), 2)) == ["1.0", "1.1"]


def test_nothing_goes_when_all_are_kept() -> None:
    assert choose([image("1.0"), image("2.0")], (), 0) == []


def test_what_somebody_needs_stays_and_takes_no_place_of_a_newer_one() -> None:
    old, middle, new, newest = (image(version) for version in ("1", "2", "3", "4"))
    assert choose([old, middle, new, newest], {old.sha256}, 2) == [middle]


def test_an_old_version_that_somebody_just_brought_back_stays() -> None:
    new, old = image("2.0"), image("1.0")
    assert choose([new, old], (), 1) == [new]


def test_all_builds_of_a_version_stay_or_go_together() -> None:
    first = [image("1.0", flash_size=size) for size in (1 << 20, 4 << 20)]
    second = [image("2.0", flash_size=size) for size in (1 << 20, 4 << 20)]
    assert choose([*first, *second], (), 1) == first


def test_a_build_that_is_uploaded_later_makes_its_version_a_new_one() -> None:
    first, second, late = image("1.0"), image("2.0"), image("1.0", flash_size=4 << 20)
    assert choose([first, second, late], (), 1) == [second]


def test_each_chip_has_a_line_of_its_own() -> None:
    images = [image("1.0"), image("2.0", chip="esp32"), image("2.1", chip="esp32")]
    assert versions(choose(images, (), 1)) == ["2.0"]


def test_a_stepping_stone_stays_as_long_as_an_image_requires_it() -> None:
    first, stone, between, last = image("1.0"), image("1.5"), image("2.0"), image("3.0", requires=">=1.5,<2")
    assert choose([first, stone, between, last], (), 1) == [first, between]


def test_a_stone_may_stand_behind_another_one() -> None:
    images = [image("1.0"), image("1.5", requires="1.0"), image("2.0"), image("3.0", requires="1.5")]
    assert versions(choose(images, (), 1)) == ["2.0"]


def test_no_second_stone_is_kept_where_one_stays_anyway() -> None:
    stones = [image("1.5"), image("1.6"), image("1.7")]
    last = image("3.0", requires=">=1.5,<2")
    assert choose([*stones, last], {stones[0].sha256}, 1) == stones[1:]


@pytest.mark.parametrize("requires", ["nonsense <>", ">=9", "master"])
def test_what_no_image_fulfils_keeps_nothing(requires: str) -> None:
    old, new = image("1.0"), image("2.0", requires=requires)
    assert choose([old, new], (), 1) == [old]


def test_images_that_require_each_other_do_not_turn_for_ever() -> None:
    images = [image("1.0", requires="2.0"), image("2.0", requires="1.0"), image("3.0")]
    assert versions(choose(images, (), 1)) == ["1.0", "2.0"]
    assert versions(choose(images, {images[0].sha256}, 1)) == []


_images = st.lists(
    st.tuples(
        st.sampled_from("ab"), st.integers(1, 5), st.sampled_from(["esp8266", "esp32"]), st.floats(0, 9)
    ),
    max_size=25,
)


@given(_images, st.integers(1, 4), st.sets(st.integers(0, 24)))
def test_what_goes_is_never_needed_never_new_and_never_the_only_one(
    made: list[tuple[str, int, str, float]], keep: int, chosen: set[int]
) -> None:
    images = [image(f"{n}.0", name, chip, uploaded_at=at) for name, n, chip, at in made]
    needed = {each.sha256 for at, each in enumerate(images) if at in chosen}
    going = choose(images, needed, keep)
    staying = [each for each in images if each not in going]
    assert not needed & {each.sha256 for each in going}
    lines = Counter(
        (each.name, each.chip) for each in {(i.name, i.chip, i.version): i for i in staying}.values()
    )
    assert all(lines[each.name, each.chip] >= keep for each in going)
    # A second look finds nothing more: what stays, stays.
    assert choose(staying, needed, keep) == []
