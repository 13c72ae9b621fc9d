"""How long to wait for a device: its own past between a floor and a ceiling, else the settings."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout.deadlines import KEPT, Bounds, Past, joined, limits

USUAL = {"offered": 90.0, "transferring": 120.0, "rebooting": 240.0, "verifying": 180.0}
BOUNDS = Bounds(floor=60.0, ceiling=900.0, factor=3.0)
SIZE = 600_000


@pytest.mark.parametrize(
    ("past", "state", "seconds"),
    [
        (Past(), "rebooting", 240.0),
        (Past(reboots=(12.0, 10.0)), "rebooting", 60.0),  # the floor: four minutes would be long for this one
        (Past(reboots=(12.0, 50.0, 10.0)), "rebooting", 150.0),  # the longest counts
        (Past(reboots=(180.0,)), "rebooting", 540.0),  # a slow one is not given up after four minutes
        (Past(reboots=(3000.0,)), "rebooting", 900.0),
        (Past(rates=(20_000.0, 60_000.0)), "transferring", 90.0),  # the slowest
        (Past(rates=(5_000.0,)), "transferring", 360.0),
        (Past(reboots=(12.0,), rates=(9_000.0,)), "offered", 90.0),
        (Past(reboots=(12.0,), rates=(9_000.0,)), "verifying", 180.0),
    ],
)
def test_a_deadline_is_some_times_the_longest_of_the_last_few(past: Past, state: str, seconds: float) -> None:
    assert limits(past, SIZE, USUAL, BOUNDS)[state] == pytest.approx(seconds)


@pytest.mark.parametrize(("usual", "seconds"), [(1.0, 36.0), (3600.0, 36.0 + 24.0)])
def test_a_limit_of_the_settings_beyond_the_bounds_moves_the_bound(usual: float, seconds: float) -> None:
    found = limits(Past(reboots=(12.0,)), SIZE, {**USUAL, "rebooting": usual}, BOUNDS)
    assert found["rebooting"] == seconds
    slow = limits(Past(reboots=(9000.0,)), SIZE, {**USUAL, "rebooting": usual}, BOUNDS)
    assert slow["rebooting"] == max(usual, BOUNDS.ceiling)


def test_only_the_last_few_are_kept() -> None:
    past: tuple[float, ...] = ()
    for number in range(20):
        past = joined(past, float(number))
    assert past == tuple(float(number) for number in range(20 - KEPT, 20))


MEASURED = st.lists(st.floats(0.01, 1e6), max_size=KEPT).map(tuple)


@given(MEASURED, MEASURED, st.integers(0, 1 << 24))
def test_whatever_was_measured_a_deadline_stays_within_its_bounds(
    reboots: tuple[float, ...], rates: tuple[float, ...], size: int
) -> None:
    found = limits(Past(reboots, rates), size, USUAL, BOUNDS)
    assert set(found) == set(USUAL)
    assert all(BOUNDS.floor <= seconds <= BOUNDS.ceiling for seconds in found.values())
