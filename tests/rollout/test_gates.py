"""A gate opens by rule 2 and by nothing else; and it says so in one line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout.gates import GateReading, Tally, read_gate
from homie_ota.rollout.plan import Gate

GATE = Gate(verified=0.9, harmful=0, soak=1800, minimum=1)


def tally(**counts: int) -> Tally:
    return Tally(members=sum(counts.values()), **counts)


def read(gate: Gate, counts: Tally, *, now: float = 10_000.0, borne: int = 0) -> GateReading:
    return read_gate(gate, counts, started_at=0.0, last_good_at=1000.0, now=now, borne=borne)


@pytest.mark.parametrize(
    ("counts", "passed", "code"),
    [
        (tally(verified=10), True, ""),
        (tally(verified=9, unharmed=1), True, ""),
        (tally(verified=9, queued=1), True, ""),
        (tally(verified=5, booted=4, running=1), True, ""),  # health unknown is a success of its own kind
        (tally(verified=8, queued=2), False, ""),
        (tally(verified=8, unharmed=2), False, "short"),
        (tally(verified=8, unharmed=1, running=1), False, ""),
        (tally(verified=9, harmful=1), False, "harm"),
        (tally(verified=1, absent=9), True, ""),  # who never woke up is outside the denominator
        (tally(verified=9, skipped=5, same=5, withdrawn=5, unharmed=1), True, ""),
        (tally(absent=3), False, "untested"),
        (tally(unharmed=10), False, "short"),
        (tally(waiting=10), False, ""),
        (tally(same=4), True, ""),
    ],
)
def test_a_wave_passes_by_share_and_harm_and_by_who_was_tried(counts: Tally, passed: bool, code: str) -> None:
    found = read(GATE, counts)
    assert (found.passed, found.code) == (passed, code)


def test_that_everyone_has_ended_is_no_success() -> None:
    """hawkBit: a group whose success threshold was missed starts the next one when all of it has ended."""
    found = read(GATE, tally(verified=5, unharmed=5))
    assert not found.passed
    assert found.failed


def test_one_success_of_a_hundred_is_not_ninety_percent_of_those_tried() -> None:
    """AWS IoT Jobs: the rate may step up on devices that were only notified."""
    assert not read(GATE, tally(verified=1, running=9, queued=90)).passed


def test_a_device_without_a_result_is_no_success() -> None:
    """hawkBit counts an action that ended without a result as successful."""
    for unknown in ("waiting", "queued", "running"):
        found = read(GATE, tally(verified=8, **{unknown: 2}))
        assert not found.passed
        assert found.good == 8


def test_the_soak_counts_from_the_last_success() -> None:
    """hawkBit starts the next group on the next tick, two seconds after the last device said that it is done."""
    counts = tally(verified=10)
    before, after = read(GATE, counts, now=2799.0), read(GATE, counts, now=2800.0)
    assert not before.passed
    assert (before.next_at, before.soak_left) == (2800.0, 1.0)
    assert after.passed
    assert after.next_at is None


def test_the_soak_alone_is_waited_for_by_time_and_everything_else_by_news() -> None:
    assert read(GATE, tally(verified=8, queued=2), now=2000.0).next_at is None


def test_as_many_as_the_gate_asks_must_really_have_been_tried() -> None:
    gate = Gate(verified=0.5, soak=0, minimum=3)
    assert not read(gate, tally(verified=2, absent=8)).passed
    assert read(gate, tally(verified=3, absent=7)).passed
    assert read(gate, tally(verified=2)).passed  # never more than the wave has


def test_a_late_success_is_counted_where_the_failure_was() -> None:
    assert read(GATE, tally(verified=9, harmful=1)).failed
    assert read(GATE, tally(verified=10)).passed


def test_harm_that_a_person_accepted_no_longer_fails_the_wave() -> None:
    counts = tally(verified=19, harmful=1)
    assert read(GATE, counts).code == "harm"
    assert read(GATE, counts, borne=1).passed


def test_a_wave_fails_as_soon_as_its_share_cannot_be_reached_any_more() -> None:
    assert not read(GATE, tally(verified=1, queued=8, unharmed=1)).failed
    assert read(GATE, tally(verified=1, queued=7, unharmed=2)).failed


def test_nine_of_ten_are_ninety_percent_whatever_floats_say() -> None:
    for whole in range(10, 2000, 10):
        assert read(GATE, tally(verified=whole * 9 // 10, unharmed=whole // 10)).passed


@pytest.mark.parametrize(
    ("counts", "now", "text"),
    [
        (
            tally(verified=8, booted=1, unharmed=1, absent=2),
            1840.0,
            "verified 9/10 ≥ 90 %, harm 0 ≤ 0, tried 10 ≥ 1, soak 14/30 min, 1 with health unknown, 2 absent",
        ),
        (tally(queued=3), 1000.0, "verified 0/3 < 90 %, harm 0 ≤ 0, tried 0 < 1, soak 0/30 min"),
        (tally(harmful=2), 9e9, "verified 0/2 < 90 %, harm 2 > 0, tried 2 ≥ 1, soak 30/30 min"),
    ],
)
def test_the_gate_is_told_as_an_equation(counts: Tally, now: float, text: str) -> None:
    assert read(GATE, counts, now=now).text == text


def test_where_nobody_is_to_be_tried_nothing_is_waited_for() -> None:
    for counts in (tally(), tally(same=3), tally(skipped=1, withdrawn=1)):
        found = read(GATE, counts, now=0.0)
        assert (found.passed, found.text) == (True, "nobody is to be tried")


def test_a_short_soak_is_told_in_seconds_and_none_not_at_all() -> None:
    assert "soak 10/60 s" in read(Gate(soak=60), tally(verified=1), now=1010.0).text
    assert "soak" not in read(Gate(soak=0), tally(verified=1)).text


counts = st.builds(
    tally, **{field: st.integers(0, 20) for field in Tally._fields if field not in ("members", "reverting")}
)
gates = st.builds(
    Gate,
    verified=st.floats(0, 1),
    harmful=st.integers(0, 5),
    soak=st.floats(0, 5000),
    minimum=st.integers(0, 9),
)


@given(gates, counts, st.floats(0, 1e5))
def test_what_has_passed_meets_all_four_conditions(gate: Gate, counts: Tally, now: float) -> None:
    found = read(gate, counts, now=now)
    assert not (found.passed and found.failed)
    if found.passed:
        assert counts.verified + counts.booted >= gate.verified * counts.counted - 1e-6
        assert counts.harmful <= gate.harmful
        assert now >= 1000.0 + gate.soak or not counts.counted
        assert counts.tried >= min(gate.minimum, counts.counted + counts.absent)


@given(gates, counts, st.floats(0, 1e5))
def test_one_device_less_in_harm_never_closes_a_gate(gate: Gate, counts: Tally, now: float) -> None:
    if read(gate, counts, now=now).passed and counts.harmful:
        assert read(
            gate, counts._replace(harmful=counts.harmful - 1, verified=counts.verified + 1), now=now
        ).passed


@given(gates, counts, st.integers(0, 9))
def test_the_absent_change_nothing_but_how_many_have_to_be_tried(
    gate: Gate, counts: Tally, more: int
) -> None:
    found, other = read(gate, counts), read(gate, counts._replace(absent=counts.absent + more))
    assert (found.share, found.good, found.harmful) == (other.share, other.good, other.harmful)
