"""How long it will take: a range with its assumptions, never a promise."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout.duration import RESTART, Pace, estimate
from homie_ota.rollout.plan import Gate, Limits, Plan, WaveRule, Window

NO_SOAK = Gate(soak=0)
ONE_WAVE = Plan((WaveRule(gate=NO_SOAK),), Limits(parallel=2))
LAMP = Pace(size=400_000, rate=20_000.0, verify=60.0)
EACH = 20.0 + RESTART


def test_as_many_go_at_a_time_as_there_are_slots() -> None:
    found = estimate([[LAMP] * 10], ONE_WAVE)
    assert found.low == 5 * EACH + 60
    assert found.low <= found.high <= found.low + EACH


def test_each_wave_waits_for_its_own_soak() -> None:
    plan = Plan((WaveRule(count=1, gate=Gate(soak=600)), WaveRule(gate=NO_SOAK)), Limits(parallel=2))
    assert estimate([[LAMP], [LAMP]], plan).low == 2 * (EACH + 60) + 600


def test_bytes_in_flight_and_starts_a_minute_make_it_longer() -> None:
    bytes_capped = Plan(ONE_WAVE.waves, Limits(parallel=5, bytes_in_flight=400_000))
    assert estimate([[LAMP] * 10], bytes_capped).low == 10 * EACH + 60
    paced = Plan(ONE_WAVE.waves, Limits(parallel=0, starts_per_minute=1))
    assert estimate([[LAMP] * 61], paced).low == 3600 + 60


def test_sleepers_are_waited_for_at_worst_but_not_longer_than_until_they_are_absent() -> None:
    hourly, monthly = LAMP._replace(every=3600.0), LAMP._replace(every=30 * 86400.0)
    assert estimate([[hourly]], ONE_WAVE).high - estimate([[LAMP]], ONE_WAVE).high == 3600
    assert estimate([[monthly]], ONE_WAVE).high - estimate([[LAMP]], ONE_WAVE).high == ONE_WAVE.absent_after


def test_windows_stretch_the_worst_case() -> None:
    nightly = Plan(ONE_WAVE.waves, ONE_WAVE.limits, windows=(Window(frozenset(range(7)), 120, 240),))
    found = estimate([[LAMP] * 10], nightly)
    assert found.high > 86400
    assert found.low == estimate([[LAMP] * 10], ONE_WAVE).low


def test_it_says_what_it_assumed() -> None:
    unknown, sleeper = LAMP._replace(rate=None), LAMP._replace(every=3600.0)
    nightly = Plan(ONE_WAVE.waves, windows=(Window(frozenset({0}), 0, 60),))
    told = " ".join(estimate([[LAMP, unknown, sleeper]], nightly).assumed)
    assert "1 of 3 devices never took an image" in told
    assert "Sleepers: 1" in told
    assert "windows are closed" in told
    assert estimate([[LAMP]], ONE_WAVE).assumed == ("Nobody fails, and nobody else uses the air.",)


def test_empty_waves_take_no_time() -> None:
    assert estimate([[], []], ONE_WAVE)[:2] == (0.0, 0.0)


paces = st.builds(
    Pace, st.integers(1, 10**6), st.none() | st.floats(1000, 1e5), st.floats(0, 1e6), st.floats(0, 600)
)


@given(st.lists(st.lists(paces, max_size=5), min_size=1, max_size=3), st.integers(0, 4))
def test_the_range_is_never_upside_down(waves: list[list[Pace]], parallel: int) -> None:
    found = estimate(waves, Plan((WaveRule(),), Limits(parallel=parallel)))
    assert 0 <= found.low <= found.high
