"""When notices are sent, and how many in one message."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.announce.notices import BAD, GOOD, INFO, MIND, Notice
from homie_ota.announce.tact import FEW, HOUR, LINES, Dated, due, message
from homie_ota.config.announcing import NoticeKind

NOW = 1_800_000_000.0


def dated(seq: int, at: float = NOW - 60, level: str = MIND, kind: NoticeKind | None = "alarm") -> Dated:
    return Dated(seq, at, Notice(kind, level, f"T{seq}", f"text {seq}", "do it", f"/device/{seq}"))


def now(waiting: Sequence[Dated], sent: Sequence[float] = (), *, is_quiet: bool = False) -> list[int]:
    return [each.seq for each in due(waiting, sent, NOW, per_hour=6, is_quiet=is_quiet)]


def some(count: int) -> list[Dated]:
    return [dated(seq) for seq in range(count)]


@pytest.mark.parametrize(
    ("waiting", "sent", "told"),
    [
        ([], [], []),
        (some(1), [], [0]),
        (some(FEW), [], [0]),
        (some(FEW + 1), [], [0, 1, 2, 3]),
        (some(2), [NOW - 10] * 5, [0, 1]),
        (some(2), [NOW - 10] * 6, []),
        (some(2), [NOW - HOUR] * 6, [0]),
        (some(1), [NOW + 50_000] * 6, [0]),
    ],
    ids=[
        "nothing",
        "one",
        "few one by one",
        "many as one",
        "the last of the hour for all",
        "the hour had enough",
        "an hour later",
        "the clock was put back",
    ],
)
def test_how_many_are_told_at_once(waiting: list[Dated], sent: list[float], told: list[int]) -> None:
    assert now(waiting, sent) == told


def test_what_comes_together_is_waited_for_but_not_for_long() -> None:
    assert now([dated(1, NOW - 4)]) == []
    assert now([dated(1, NOW - 5)]) == [1]
    assert now([dated(1, NOW - 29), dated(2, NOW - 1)]) == []
    assert now([dated(1, NOW - 31), dated(2, NOW - 1)]) == [1]
    assert now([dated(1, NOW + 900)]) == [1], "an event of the future is not waited for"


def test_in_quiet_hours_only_a_test_is_sent_and_takes_along_what_waits() -> None:
    assert now(some(2), is_quiet=True) == []
    assert now([*some(2), dated(7, NOW, kind=None)], [NOW] * 6, is_quiet=True) == [0, 1, 7]


def test_one_is_told_whole_with_the_next_step_and_the_page() -> None:
    made = message([dated(3)], "http://ota".__add__)
    assert made == ("T3", "text 3\nNext: do it\nhttp://ota/device/3", MIND, 3)


def test_many_are_a_list_with_an_end() -> None:
    made = message(some(LINES + 5), "http://ota".__add__)
    lines = made.body.splitlines()
    assert made.title == "homie-ota: 25 messages"
    assert lines[0] == "- T0: text 0"
    assert lines[-2:] == ["- and 5 more", "http://ota/log"]
    assert made.upto == LINES + 4


@pytest.mark.parametrize(
    ("levels", "level"),
    [((GOOD, MIND), MIND), ((MIND, BAD, GOOD), BAD), ((GOOD, GOOD), GOOD), ((INFO, GOOD), INFO)],
)
def test_many_are_as_bad_as_the_worst(levels: tuple[str, ...], level: str) -> None:
    told = [dated(seq, level=each) for seq, each in enumerate(levels)]
    assert message(told, str).level == level


@given(
    st.lists(st.floats(NOW - 100, NOW + 10), max_size=30),
    st.lists(st.floats(NOW - 2 * HOUR, NOW), max_size=6),
    st.booleans(),
)
def test_whatever_waits_a_message_begins_with_the_first_and_leaves_none_out(
    times: list[float], sent: list[float], is_quiet: bool
) -> None:
    waiting = [dated(seq, at) for seq, at in enumerate(sorted(times))]
    told = now(waiting, sent, is_quiet=is_quiet)
    assert told == list(range(len(told)))
