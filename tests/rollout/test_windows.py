"""Windows in local time: which minutes of the week are inside, and how long until the next one is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout.plan import Window
from homie_ota.rollout.windows import LocalTime, is_open, opens_in

NIGHT = Window(frozenset({4}), 22 * 60, 4 * 60)  # Friday 22:00 to Saturday 04:00
MORNING = Window(frozenset(range(5)), 2 * 60, 4 * 60)
MONDAY, FRIDAY, SATURDAY, SUNDAY = 0, 4, 5, 6


@pytest.mark.parametrize(
    ("window", "day", "hour", "opens"),
    [
        (MORNING, MONDAY, 2.0, 0),
        (MORNING, MONDAY, 3.99, 0),
        (MORNING, MONDAY, 4.0, 22 * 60),
        (MORNING, MONDAY, 1.5, 30),
        (MORNING, FRIDAY, 4.0, (24 * 3 - 2) * 60),
        (MORNING, SUNDAY, 23.0, 3 * 60),
        (NIGHT, FRIDAY, 22.0, 0),
        (NIGHT, SATURDAY, 3.99, 0),  # past midnight it belongs to the day it began on
        (NIGHT, SATURDAY, 4.0, (7 * 24 - 6) * 60),
        (NIGHT, FRIDAY, 3.0, 19 * 60),
        (Window(frozenset({SUNDAY}), 23 * 60, 60), MONDAY, 0.5, 0),  # over the end of the week
        (Window(frozenset({SUNDAY}), 23 * 60, 60), MONDAY, 1.0, (7 * 24 - 2) * 60),
        (Window(frozenset({MONDAY}), 0, 1440), MONDAY, 23.9, 0),
        (Window(frozenset({MONDAY}), 0, 1440), SUNDAY, 23.0, 60),
        (Window(frozenset(range(7)), 600, 600), SUNDAY, 5.0, 0),  # since = until: the whole day round
    ],
)
def test_a_window_is_open_from_its_first_minute_to_the_one_before_its_last(
    window: Window, day: int, hour: float, opens: int
) -> None:
    assert opens_in([window], LocalTime(day, int(hour * 60))) == opens


def test_without_windows_it_is_always_open() -> None:
    assert is_open([], LocalTime(0, 0))


def test_a_window_on_no_day_never_opens_and_says_so() -> None:
    assert opens_in([Window(frozenset(), 0, 60)], LocalTime(0, 0)) is None


def test_of_several_windows_the_next_one_counts() -> None:
    assert opens_in([NIGHT, MORNING], LocalTime(FRIDAY, 21 * 60)) == 60


windows = st.builds(
    Window, st.frozensets(st.integers(0, 6), min_size=1), st.integers(0, 1439), st.integers(0, 1440)
)
moments = st.builds(LocalTime, st.integers(0, 6), st.integers(0, 1439))


def later(at: LocalTime, minutes: int) -> LocalTime:
    total = (at.weekday * 1440 + at.minute + minutes) % (7 * 1440)
    return LocalTime(total // 1440, total % 1440)


@given(st.lists(windows, min_size=1, max_size=4), moments)
def test_it_is_open_when_it_was_said_to_open_and_not_a_minute_before(
    each: list[Window], at: LocalTime
) -> None:
    minutes = opens_in(each, at)
    assert minutes is not None
    assert is_open(each, later(at, minutes))
    if minutes:
        assert not is_open(each, later(at, minutes - 1))
