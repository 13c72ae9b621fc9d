"""When a sleeper wakes next, for how long, and whether an image fits into that."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout.rhythm import (
    MISSED,
    Awake,
    Chance,
    Fit,
    Rhythm,
    learn,
    next_chance,
    sentence,
    spell,
    will_fit,
)


def wakes(every: float = 600.0, awake: float = 20.0, count: int = 5, start: float = 0.0) -> list[Awake]:
    return [Awake(start + every * at, start + every * at + awake) for at in range(count)]


def clock(at: float) -> str:
    return time.strftime("%H:%M", time.gmtime(at))


def test_a_rhythm_is_learned_from_a_few_wake_ups() -> None:
    assert learn(wakes()) == Rhythm(600.0, 20.0, 0.0, 5)


def test_a_missed_wake_up_and_a_long_evening_change_nothing() -> None:
    times = wakes(count=8)
    del times[3]
    times[5] = times[5]._replace(until=times[5].since + 400.0)
    found = learn(times)
    assert found is not None
    assert (found.every, found.awake_for) == (600.0, 20.0)


@pytest.mark.parametrize(
    "times",
    [
        [],
        wakes(count=2),
        wakes(every=600.0, awake=590.0),  # it is always there, and restarts now and then
        [Awake(at, at + 5.0) for at in (0.0, 10.0, 2000.0, 2100.0, 9000.0)],  # as it likes
        [Awake(at, None) for at in (0.0, 600.0, 1200.0, 1800.0)],  # nobody heard it go
    ],
)
def test_without_a_rhythm_nobody_can_tell(times: list[Awake]) -> None:
    assert learn(times) is None
    assert next_chance(learn(times), times, 1e4) is None


def test_the_next_chance_is_one_interval_after_the_last_wake_up() -> None:
    times = wakes()
    assert next_chance(learn(times), times, 2500.0) == Chance(3000.0, 20.0)
    assert next_chance(learn(times), times, 3010.0) == Chance(3010.0, 20.0), "it may be a little late"
    assert next_chance(learn(times), times, 3100.0) == Chance(3600.0, 20.0), "it missed one"
    assert next_chance(learn(times), times, 2400.0 + 600.0 * (MISSED + 1)) is None, "it is gone"


def test_what_is_awake_can_be_reached_now_for_the_rest_of_its_time() -> None:
    times = [*wakes(), Awake(3000.0, None)]
    assert next_chance(learn(times), times, 3005.0) == Chance(3005.0, 15.0)
    assert next_chance(learn(times), times, 3050.0) == Chance(3050.0, 0.0)


def test_whether_it_fits_is_size_by_rate_against_the_time_awake() -> None:
    chance = Chance(3000.0, 20.0)
    assert will_fit(chance, 450_000, 10_000.0) == Fit(False, 45.0, 20.0)
    assert will_fit(chance, 150_000, 10_000.0) == Fit(True, 15.0, 20.0)
    for unknown in (will_fit(None, 1, 1.0), will_fit(chance, 0, 1.0), will_fit(chance, 1, None)):
        assert unknown is None


def test_it_is_said_in_one_sentence() -> None:
    chance = Chance(14 * 3600.0 + 300.0, 20.0)
    fit = will_fit(chance, 450_000, 10_000.0)
    assert sentence(chance, fit, clock, 0.0) == (
        "wakes about 14:05 for 20 s; the image needs 45 s: it will not fit"
    )
    assert sentence(chance, Fit(True, 15.0, 20.0), clock, 0.0).endswith("the image needs 15 s: it will fit")
    assert sentence(Chance(10.0, 15.0), None, clock, 10.0) == "is awake for 15 s more"
    assert sentence(None, None, clock, 0.0) == ""


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (45, "45 s"), (119, "119 s"), (840, "14 min"), (7200, "2 h"), (1e6, "12 d")],
)
def test_lengths_of_time_are_said_as_people_do(seconds: float, text: str) -> None:
    assert spell(seconds) == text


@given(
    st.lists(st.tuples(st.floats(0.1, 1e5), st.floats(0.0, 1e4)), max_size=70),
    st.floats(0.0, 1e6),
)
def test_whatever_was_seen_the_next_chance_is_never_in_the_past(
    steps: list[tuple[float, float]], later: float
) -> None:
    times, at = [], 0.0
    for gap, length in steps:
        times.append(Awake(at, at + min(length, gap)))
        at += gap
    now = at + later
    chance = next_chance(learn(times), times, now)
    assert chance is None or (chance.at >= now and chance.for_seconds >= 0.0)
