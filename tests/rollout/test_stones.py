"""Stepping stones: an image that wants another to run first, and the way over what is stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import Firmware
from homie_ota.rollout import constraint
from homie_ota.rollout.stones import NoPath, Path, lay, path, words


def image(version: str, requires: str = "", **values: str) -> Firmware:
    given = {"name": "lamp", "sha256": f"{version}{requires}{values}", "md5": "", "filename": "", **values}
    return Firmware(version=version, size=1, requires=requires, **given)  # type: ignore[arg-type]


def versions(found: Path | NoPath) -> list[str]:
    assert isinstance(found, Path)
    return [step.version for step in found.steps]


TWO = image("2.0", ">=1.5")
STORED = [image("1.0"), image("1.4", ">=1.0"), image("1.5", ">=1.4"), image("1.6", ">=1.4,<1.6"), TWO]


@pytest.mark.parametrize(
    ("runs", "way"),
    [
        ("1.5", ["2.0"]),
        ("1.9", ["2.0"]),
        ("1.4", ["1.6", "2.0"]),  # 1.5 would do as well: the newer one is taken
        ("1.2", ["1.4", "1.6", "2.0"]),
        ("0.9", ["1.0", "1.4", "1.6", "2.0"]),
    ],
)
def test_the_way_has_the_fewest_steps_and_of_two_as_short_the_newer(runs: str, way: list[str]) -> None:
    assert versions(path(lay(TWO, STORED), "lamp", runs)) == way


def test_a_way_that_was_broken_off_goes_on_from_what_runs_now() -> None:
    stones = lay(TWO, STORED)
    whole = versions(path(stones, "lamp", "0.9"))
    for done in range(len(whole) - 1):
        assert versions(path(stones, "lamp", whole[done])) == whole[done + 1 :]


def test_an_image_that_may_only_follow_older_ones_needs_a_step_down() -> None:
    """`requires: <2.0`, as in rule 14."""
    target = image("3.0", "<2.0")
    assert versions(path(lay(target, [target, image("1.9"), image("2.1")]), "lamp", "2.1")) == ["1.9", "3.0"]
    assert versions(path(lay(target, [target]), "lamp", "1.0")) == ["3.0"]


def test_without_a_requirement_every_device_goes_straight() -> None:
    target = image("2.0")
    assert versions(path(lay(target, STORED), "something else", "")) == ["2.0"]


def test_a_device_with_another_firmware_comes_in_over_an_image_that_wants_nothing() -> None:
    assert versions(path(lay(TWO, STORED), "plug", "1.9")) == ["1.0", "1.4", "1.6", "2.0"]


def test_where_nothing_leads_the_reason_names_what_runs_and_what_is_missing() -> None:
    found = path(lay(TWO, [TWO]), "lamp", "1.2")
    assert isinstance(found, NoPath)
    assert "wants >=1.5" in found.reason
    assert "lamp 1.2" in found.reason
    unnamed = path(lay(TWO, [TWO]), "", "")
    assert isinstance(unnamed, NoPath)
    assert "does not name" in unnamed.reason


@pytest.mark.parametrize(
    "stone",
    [
        image("1.5", name="plug"),
        image("1.5", chip="esp32"),
        image("1.5", proven="dead-end"),
        image("1.5", kind="filesystem"),
    ],
)
def test_other_names_other_chips_other_kinds_and_dead_ends_are_no_stones(stone: Firmware) -> None:
    target = image("2.0", ">=1.5", chip="esp8266")
    assert isinstance(path(lay(target, [stone, target]), "lamp", "1.0"), NoPath)


def test_versions_that_cannot_be_compared_are_nothing_to_stand_on() -> None:
    assert isinstance(path(lay(TWO, [TWO]), "lamp", "master"), NoPath)
    assert isinstance(path(lay(image("2.0", "soon!"), []), "lamp", "1.0"), NoPath)


def test_the_way_is_told_with_arrows() -> None:
    found = path(lay(TWO, STORED), "lamp", "1.4")
    assert isinstance(found, Path)
    assert words(found, "1.4") == "1.4 → 1.6 → 2.0"
    assert words(found, "") == "? → 1.6 → 2.0"


numbers = st.integers(0, 9).map(lambda minor: f"1.{minor}")
requirements = st.one_of(st.just(""), st.builds("{}{}".format, st.sampled_from([">=", "<", "=="]), numbers))
images = st.lists(st.builds(image, numbers, requirements), max_size=12, unique_by=lambda each: each.sha256)


@given(st.builds(image, numbers, requirements), images, numbers)
def test_every_step_may_follow_the_one_before_and_no_way_goes_round_in_circles(
    target: Firmware, stored: list[Firmware], runs: str
) -> None:
    found = path(lay(target, stored), "lamp", runs)
    if isinstance(found, NoPath):
        return
    assert found.steps[-1] is target
    assert len({step.sha256 for step in found.steps}) == len(found.steps)
    for step in found.steps:
        wanted = constraint.read(step.requires)
        assert wanted is not None
        assert wanted.holds(runs) is not False
        runs = step.version
