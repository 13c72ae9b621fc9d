"""When a recipient is tried again, given up, and forgiven."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.announce import patience
from homie_ota.store.recipients import Recipient

DAY = 86400.0
NEW = Recipient("x", 5)


def failing(tries: int, *, every: float = 3600.0) -> Recipient:
    known = NEW
    for number in range(tries):
        known = patience.refused(known, "It answered 500.", 1000.0 + number * every, 3 * DAY)
    return known


def test_the_pauses_double_up_to_an_hour() -> None:
    pauses, known, now = [], NEW, 1000.0
    for _ in range(12):
        known = patience.refused(known, "no", now, 3 * DAY)
        pauses.append(known.next_at - now)
        now = known.next_at
    assert pauses == [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]
    assert (known.tries, known.failing_since, known.last_error) == (12, 1000.0, "no")


def test_after_days_of_failure_it_is_dead_and_tried_by_the_hour() -> None:
    assert not failing(72).is_dead
    dead = failing(73)
    assert dead.is_dead
    assert dead.next_at == 1000.0 + 72 * 3600.0 + 3600.0


def test_one_success_forgives_all() -> None:
    known = patience.dropped(failing(80), 7, 40)
    told = patience.told(known, 41, 999_999.0)
    assert told == Recipient("x", 41, last_ok=999_999.0)


def test_what_was_dropped_is_counted_behind_the_last_that_was_told() -> None:
    known = patience.dropped(patience.dropped(NEW, 3, 9), 2, 14)
    assert (known.lost, known.lost_after, known.reached) == (5, 5, 14)


@pytest.mark.parametrize(("now", "may"), [(1004.9, False), (1005.0, True), (1006.0, True), (-5000.0, True)])
def test_a_pause_ends_in_time_or_when_the_clock_was_put_back(now: float, may: bool) -> None:
    assert patience.may_try(patience.refused(NEW, "no", 1000.0, DAY), now) is may


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 10)), max_size=40))
def test_the_number_never_goes_back(steps: list[tuple[bool, int]]) -> None:
    known, seen = NEW, NEW.reached
    for is_drop, upto in steps:
        known = patience.dropped(known, 1, upto) if is_drop else patience.passed(known, upto)
        assert known.reached >= seen
        seen = known.reached
