"""Curves as bytes, and what of a device becomes a curve."""

from __future__ import annotations

from math import isnan, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.fleet import Fleet, KnownDevice, curves
from homie_ota.fleet.packed import NOTHING, Curves, appended, joined, pack, unpack
from homie_ota.model import Address, FactSeen, PropertyFactSeen, State, StateSeen, ValueSeen

LAMP = Address("homie/", "lamp")
AT = 1_700_000_000

numbers = st.one_of(st.just(nan), st.floats(width=32, allow_nan=False, allow_infinity=False))


@st.composite
def some_curves(draw: st.DrawFn) -> Curves:
    steps = draw(st.lists(st.integers(1, 100_000), max_size=20))
    times = [AT + sum(steps[: at + 1]) for at in range(len(steps))]
    names = draw(st.lists(st.sampled_from(["signal", "heap", "a/b", "größe/°C"]), unique=True, max_size=4))
    size = len(times)
    return Curves(times, {name: draw(st.lists(numbers, min_size=size, max_size=size)) for name in names})


def plain(found: Curves) -> tuple[list[int], dict[str, list[float | None]]]:
    told = {
        name: [None if isnan(number) else number for number in column]
        for name, column in found.columns.items()
    }
    return list(found.times), told


@given(some_curves())
def test_what_is_packed_comes_out_again(given_: Curves) -> None:
    found = unpack(pack(given_))
    assert found is not None
    assert plain(found) == plain(given_)


@given(st.binary(max_size=200))
def test_bytes_that_are_no_bucket_are_none(rubbish: bytes) -> None:
    assert unpack(rubbish) in (None, NOTHING) or rubbish[:1] == b"\x01"


@given(some_curves(), st.data())
def test_a_broken_bucket_is_none_or_a_bucket_but_never_an_error(given_: Curves, data: st.DataObject) -> None:
    packed = bytearray(pack(given_))
    place = data.draw(st.integers(0, len(packed) - 1))
    packed[place] ^= data.draw(st.integers(1, 255))
    unpack(bytes(packed))
    unpack(bytes(packed[:place]))


@given(some_curves(), st.integers(0, 20), st.integers(0, 20))
def test_points_that_come_twice_are_taken_once(given_: Curves, one: int, other: int) -> None:
    early, late = sorted((one, other))
    until = given_.times[late - 1] + 1 if 0 < late <= len(given_.times) else AT
    since = given_.times[early] if early < len(given_.times) else AT
    first = given_.between(0, until)
    again = given_.between(min(since, until), 2**32)
    assert plain(appended(first, again))[0] == list(given_.times)


def test_a_column_that_comes_later_is_empty_before() -> None:
    found = joined([Curves([1, 2], {"a": [1.0, 2.0]}), Curves([3], {"b": [3.0]})])
    assert plain(found) == ([1, 2, 3], {"a": [1.0, 2.0, None], "b": [None, None, 3.0]})


def test_an_hour_of_statistics_once_a_minute_packs_small() -> None:
    rows = range(240)
    columns = {
        "uptime": [60.0 * row for row in rows],
        "heap": [30_000.0 + 8 * (row * 37 % 100) for row in rows],
        "signal": [50.0 + row * 7 % 12 for row in rows],
    }
    assert len(pack(Curves([AT + 60 * row for row in rows], columns))) < 240 * 6


# --- What of a device -----------------------------------------------------------------------------------------------


def told(fleet: Fleet, at: float, **facts: str) -> KnownDevice:
    for fact, value in facts.items():
        fleet.apply(FactSeen(LAMP, fact, value, False), at)
    found = fleet.get(LAMP)
    assert found is not None
    return found


def test_of_statistics_what_is_new_and_whole_is_taken() -> None:
    fleet = Fleet()
    for minute in range(5):
        lamp = told(fleet, AT + 60.0 * minute, uptime=str(60 * minute), signal="70")
    found = curves.statistics(lamp, AT + 60.5, AT + 241.0)
    assert found is not None
    assert list(found.times) == [AT + 120, AT + 180]  # the last round may still be told on
    assert list(found.columns["uptime"]) == [120.0, 180.0]
    assert all(isnan(each) for each in found.columns["heap"])
    assert curves.statistics(lamp, AT + 240.5, AT + 300.0) is None


def test_a_device_that_tells_its_statistics_all_the_time_is_thinned() -> None:
    fleet = Fleet()
    for second in range(0, 80, 10):
        lamp = told(fleet, AT + second, uptime=str(second))
    found = curves.statistics(lamp, 0.0, AT + 100.0)
    assert found is not None
    assert list(found.times) == [AT, AT + 30, AT + 60]


def heard(fleet: Fleet, at: float, **readings: str) -> KnownDevice:
    for prop, value in readings.items():
        fleet.apply(ValueSeen(LAMP, "sensor", prop, value, False), at)
    found = fleet.get(LAMP)
    assert found is not None
    return found


def test_numeric_values_are_sampled_all_together_when_one_of_them_was_heard() -> None:
    fleet = Fleet()
    heard(fleet, AT, temperature="21.5", state="open", broken="nan", on="true")
    lamp = heard(fleet, AT + 100.0, humidity="40")
    found = curves.values(lamp, AT + 50.0, AT + 120.0)
    assert found == Curves([AT + 120], {"sensor/temperature": [21.5], "sensor/humidity": [40.0]})
    assert curves.values(lamp, AT + 100.0, AT + 120.0) is None


def test_what_is_announced_as_text_has_no_curve_whatever_it_looks_like() -> None:
    fleet = Fleet()
    lamp = heard(fleet, AT, code="1234")
    fleet.apply(PropertyFactSeen(LAMP, "sensor", "code", "datatype", "string", True), AT)
    assert curves.values(lamp, 0.0, AT + 1.0) is None


def test_a_device_with_many_properties_has_curves_of_the_first() -> None:
    fleet = Fleet()
    lamp = heard(fleet, AT, **{f"p{number}": str(number) for number in range(100)})
    found = curves.values(lamp, 0.0, AT + 1.0)
    assert found is not None
    assert list(found.columns) == [f"sensor/p{number}" for number in range(curves.MOST_PROPERTIES)]


def test_an_hour_is_told_by_its_median_its_ends_and_how_often_the_device_booted() -> None:
    hour = AT - AT % 3600
    uptimes = [100.0, 160.0, 20.0, nan, 80.0, 10.0]
    given_ = Curves(
        [hour + 60 * row for row in range(6)],
        {"uptime": uptimes, "signal": [50.0, 60.0, 70.0, nan, 55.0, 65.0], "heap": [nan] * 6},
    )
    found = curves.hours(given_, spread=True)
    assert list(found.times) == [hour]
    told_ = {name: column[0] for name, column in found.columns.items()}
    assert told_ == {
        "uptime": 80.0, "uptime.low": 10.0, "uptime.high": 160.0,
        "signal": 60.0, "signal.low": 50.0, "signal.high": 70.0, "boots": 2.0,
    }  # fmt: skip


def test_a_boot_between_two_hours_belongs_to_the_later_one() -> None:
    hour = AT - AT % 3600
    given_ = Curves([hour + 3590, hour + 3650], {"uptime": [5000.0, 10.0]})
    assert list(curves.hours(given_, spread=True).columns["boots"]) == [0.0, 1.0]


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_bit_or_says_nothing(state: State) -> None:
    lone = {curves.RAN, curves.SLEPT, curves.LOST, curves.LEFT}
    assert (curves.bit_of(state) in lone) is (state is not State.UNKNOWN)


def test_what_says_nothing_about_states_is_no_device() -> None:
    fleet = Fleet()
    fleet.apply(StateSeen(LAMP, State.READY, False), AT)
    lamp = fleet.get(LAMP)
    assert lamp is not None
    assert curves.statistics(lamp, 0.0, AT + 9.0) is None
    assert curves.values(lamp, 0.0, AT + 9.0) is None
