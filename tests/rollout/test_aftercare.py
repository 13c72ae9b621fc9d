"""The days after a success: what is told, and how often."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout import aftercare
from homie_ota.rollout.aftercare import OFTEN, QUIET, WITHIN, Aftercare, Trouble, step


def seen(
    care: Aftercare, at: float, *, old: bool = False, boots: int = 9, sleeps: bool = False
) -> tuple[Aftercare, Trouble | None]:
    return step(care, at=at, runs_old=old, runs_target=not old, boots=boots, sleeps=sleeps)


def connects(count: int, every: float, *, boots: int = 9, sleeps: bool = False) -> list[Trouble]:
    """What is told while it connects so often."""
    care, told = Aftercare(), []
    for number in range(count):
        care, trouble = seen(care, 1000.0 + every * number, boots=boots, sleeps=sleeps)
        told += [trouble] if trouble else []
    return told


def test_going_back_is_told_once_each_time_it_happens() -> None:
    care, told = Aftercare(), []
    for at, old in enumerate((True, True, False, True, True)):
        care, trouble = seen(care, 10_000.0 * at, old=old)
        told.append(trouble)
    assert told == [Trouble.WENT_BACK, None, None, Trouble.WENT_BACK, None]


def test_restarting_again_and_again_is_told_once_a_day() -> None:
    assert connects(OFTEN - 1, 60.0) == []
    assert connects(100, 60.0) == [Trouble.RESTARTING]
    assert connects(round(2 * QUIET / 300), 300.0) == [Trouble.RESTARTING] * 2


def test_connects_that_are_no_boots_are_bad_wifi_and_a_sleeper_boots_all_the_time() -> None:
    assert connects(100, 60.0, boots=0) == []
    assert connects(100, 60.0, sleeps=True) == []
    assert connects(100, WITHIN) == [], "a boot now and then is no loop"


@given(st.lists(st.tuples(st.floats(0, 1e6), st.booleans(), st.booleans(), st.integers(0, 9)), max_size=30))
def test_what_is_remembered_is_small_and_survives_a_restart_of_ours(
    seen: list[tuple[float, bool, bool, int]],
) -> None:
    care = Aftercare()
    for at, old, sleeps, boots in sorted(seen):
        care, _ = step(care, at=at, runs_old=old, runs_target=not old, boots=boots, sleeps=sleeps)
        assert len(care.came) <= OFTEN
        assert aftercare.from_data(aftercare.as_data(care)) == care


def test_a_row_that_holds_something_else_is_a_fresh_start() -> None:
    assert aftercare.from_data({"back": "yes", "came": "x", "told_at": None}) == Aftercare()
