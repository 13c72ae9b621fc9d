"""Readings look alive, and are the same for the same seed."""

from __future__ import annotations

from itertools import pairwise

from homie_ota.simulator.fleet import KINDS
from homie_ota.simulator.readings import Readings

EVERYTHING = KINDS["sensor"] + KINDS["plug"]


def a_day(seed: int) -> list[tuple[float, str, str]]:
    """Everything a device tells in a day, every ten minutes."""
    readings = Readings(seed, period=600)
    readings.restart()
    told = []
    now = 0.0
    while now < 86_400:
        told += [(now, topic, text) for topic, text in readings.due(now, EVERYTHING)]
        now = readings.next_at
    return told


def values(seed: int, topic: str) -> list[str]:
    return [text for _, at, text in a_day(seed) if at == topic]


def test_a_day_is_the_same_for_the_same_seed_only() -> None:
    assert a_day(1) == a_day(1)
    assert a_day(1) != a_day(2)


def test_it_is_warmer_by_day_and_never_absurd() -> None:
    temperatures = [float(text) for text in values(1, "climate/temperature")]
    assert 4.0 < max(temperatures) - min(temperatures) < 7.0
    assert 16.0 < min(temperatures) < max(temperatures) < 25.0


def test_people_switch_things_and_power_follows() -> None:
    assert {"true", "false"} == set(values(3, "relay/on"))
    power = values(3, "relay/power")
    assert "0.0" in power
    assert any(float(text) > 30 for text in power)


def test_only_changes_are_told_and_everything_again_after_a_connect() -> None:
    readings = Readings(1, period=1)
    readings.restart()
    assert len(readings.due(0, EVERYTHING)) == 4
    told = [
        text for at in range(1, 200) for topic, text in readings.due(at * 2, EVERYTHING) if "/on" in topic
    ]
    assert all(a != b for a, b in pairwise(told))
    readings.restart()
    assert len(readings.due(1000, EVERYTHING)) == 4


def test_without_a_period_there_is_nothing_to_tell() -> None:
    readings = Readings()
    readings.restart()
    assert readings.due(1e9, EVERYTHING) == []
