"""What is wrong with the server itself begins once, and ends when it is clearly over."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.announce.symptoms import CALM, Memory, Reading, Turn, remember, turns
from homie_ota.store.disks import Disk
from homie_ota.store.troubles import Key, Trouble
from homie_ota.store.vitals import VERSION_DAY

NOW = VERSION_DAY + 1_000_000.0
MB = 1 << 20
WELL = Reading(NOW, True, NOW - 900, "", 5, (Disk("data", "/data", 1000 * MB, 500 * MB),), 16 * MB, NOW - 3)
PATIENCE = 300.0


class Days:
    """Looks one after another, with what stands and what is remembered."""

    def __init__(self) -> None:
        self.standing: dict[Key, Trouble] = {}
        self.memory: Memory | None = None

    def look(self, **changes: Any) -> list[tuple[str, bool]]:
        seen = WELL._replace(**changes)
        found = turns(self.memory, seen, self.standing, PATIENCE)
        self.memory = remember(self.memory, seen)
        for turn in found:
            self._take(turn, seen.now)
        return [(turn.key.code, turn.has_begun) for turn in found]

    def _take(self, turn: Turn, now: float) -> None:
        if turn.has_begun:
            self.standing[turn.key] = Trouble(now, turn.text)
        else:
            del self.standing[turn.key]


def disk(free: int) -> dict[str, Any]:
    return {"disks": (Disk("data", "/data", 1000 * MB, free * MB),)}


def test_while_all_is_well_nothing_is_said() -> None:
    days = Days()
    assert [days.look(now=NOW + each) for each in range(3)] == [[], [], []]


def test_a_broker_that_is_away_is_told_after_a_while_and_once_and_when_it_is_back() -> None:
    days, gone = Days(), {"connected": False, "broker_since": NOW, "broker_error": "Connection refused."}
    assert days.look(now=NOW + 299, **gone) == []
    assert days.look(now=NOW + 300, **gone) == [("broker-lost", True)]
    assert days.standing[Key("broker-lost")].text == "The broker has been away for 5 min: Connection refused."
    assert days.look(now=NOW + 3000, **gone) == []
    assert days.look(now=NOW + 3600, broker_since=NOW + 3590) == [("broker-lost", False)]


def test_a_broker_that_comes_and_goes_quickly_is_not_told() -> None:
    days = Days()
    for number in range(10):
        at = NOW + number * 200
        assert days.look(now=at + 199, connected=False, broker_since=at) == []
        assert days.look(now=at + 199.5, connected=True, broker_since=at + 199) == []


def test_dropped_messages_are_told_once_until_an_hour_was_calm() -> None:
    days = Days()
    assert [days.look(dropped=None), days.look(dropped=900)] == [[], []], "what was dropped before is history"
    assert days.look(now=NOW + 15, dropped=901) == [("broker-drops", True)]
    assert "dropped 1 message." in days.standing[Key("broker-drops")].text
    assert days.look(now=NOW + 30, dropped=950) == []
    assert days.look(now=NOW + 40, dropped=None) == []
    assert days.look(now=NOW + 29 + CALM, dropped=950) == []
    assert days.look(now=NOW + 30 + CALM, dropped=950) == [("broker-drops", False)]
    assert days.look(now=NOW + 45 + CALM, dropped=3) == [], (
        "the broker was started anew and counts from the beginning"
    )


def test_a_disk_is_told_when_it_gets_full_and_not_again_at_the_edge() -> None:
    days = Days()
    assert days.look(**disk(161)) == []
    assert days.look(**disk(159)) == [("disk-full", True)]
    assert (
        "The disk of /data is nearly full: 159 MB of 1,000 MB are free."
        in days.standing[Key("disk-full", "/data")].text
    )
    assert [days.look(**disk(free)) for free in (161, 158, 190)] == [[], [], []]
    assert days.look(**disk(193)) == [("disk-full", False)]


def test_a_disk_that_is_smaller_than_what_would_be_enough_ends_when_it_is_empty() -> None:
    days = Days()
    small = Disk("data", "/data", 170 * MB, 100 * MB)
    assert days.look(disks=(small,)) == [("disk-full", True)]
    assert days.look(disks=(small._replace(free=170 * MB),)) == [("disk-full", False)]


@pytest.mark.parametrize("wrong", [{"now": 1000.0, "newest": 0.0}, {"newest": NOW + 121}])
def test_a_wrong_clock_is_told_until_it_agrees_with_the_log(wrong: dict[str, float]) -> None:
    days = Days()
    assert days.look(**wrong) == [("clock-wrong", True)]
    assert days.look(**wrong) == []
    assert days.look(newest=NOW + 60) == [], "a little is nothing, but no end"
    assert days.look() == [("clock-wrong", False)]


READINGS = st.builds(
    lambda now, since, up, dropped, free, newest: WELL._replace(
        now=now, connected=up, broker_since=since, dropped=dropped, newest=newest, **disk(free)
    ),
    st.floats(NOW, NOW + 10_000),
    st.floats(NOW, NOW + 10_000),
    st.booleans(),
    st.none() | st.integers(0, 20),
    st.integers(0, 400),
    st.floats(NOW - 1000, NOW + 20_000),
)


@given(st.lists(READINGS, max_size=20))
def test_whatever_is_read_nothing_begins_twice_or_ends_unbegun(readings: list[Reading]) -> None:
    days = Days()
    open_: set[str] = set()
    for seen in readings:
        for code, has_begun in days.look(**seen._asdict()):
            assert (code in open_) is not has_begun
            open_ ^= {code}
