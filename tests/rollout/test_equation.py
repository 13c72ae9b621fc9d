"""The terms of a gate: what each says, and whether it holds, not yet, or never."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout import equation, gates
from homie_ota.rollout.equation import Mark, Term
from homie_ota.rollout.gates import GateReading, Tally, read_gate
from homie_ota.rollout.plan import Gate


@pytest.mark.parametrize(
    ("term", "text", "mark"),
    [
        (equation.verified(9, 0, 10, 0.9), "verified 9/10 ≥ 90 %", Mark.HOLDS),
        (equation.verified(8, 1, 10, 0.9), "verified 8/10 < 90 %", Mark.NOT_YET),
        (equation.verified(8, 0, 10, 0.9), "verified 8/10 < 90 %", Mark.BROKEN),
        (equation.verified(0, 0, 0, 0.9), "verified 0/0 ≥ 90 %", Mark.HOLDS),
        (equation.harm(0, 0), "harm 0 ≤ 0", Mark.HOLDS),
        (equation.harm(2, 1), "harm 2 > 1", Mark.BROKEN),
        (equation.tried(1, 1, 5), "tried 1 ≥ 1", Mark.HOLDS),
        (equation.tried(0, 1, 5), "tried 0 < 1", Mark.NOT_YET),
        (equation.tried(0, 1, 0), "tried 0 < 1", Mark.BROKEN),
        (equation.soak(960.0, 1800.0), "soak 14/30 min", Mark.NOT_YET),
        (equation.soak(0.0, 1800.0), "soak 30/30 min", Mark.HOLDS),
        (equation.soak(60.0, 90.0), "soak 30/90 s", Mark.NOT_YET),
    ],
)
def test_a_term_says_its_numbers_and_whether_it_holds(term: Term, text: str, mark: Mark) -> None:
    assert (term.text, term.mark) == (text, mark)


COUNT = st.integers(0, 30)
TALLIES = st.builds(
    Tally,
    waiting=COUNT, running=COUNT, verified=COUNT, booted=COUNT, unharmed=COUNT, harmful=COUNT, absent=COUNT,
)  # fmt: skip
GATES = st.builds(
    Gate,
    verified=st.sampled_from([0.0, 0.5, 0.9, 1.0]), harmful=st.integers(0, 5),
    soak=st.sampled_from([0.0, 600.0]), minimum=st.integers(0, 40),
)  # fmt: skip


def read(gate: Gate, tally: Tally, borne: int, now: float) -> GateReading:
    return read_gate(gate, tally, started_at=0.0, last_good_at=None, now=now, borne=borne)


@given(GATES, TALLIES, st.integers(0, 5), st.sampled_from([0.0, 300.0, 600.0]))
def test_a_gate_passes_exactly_when_every_term_holds(
    gate: Gate, tally: Tally, borne: int, now: float
) -> None:
    reading = read(gate, tally, borne, now)
    if reading.terms:
        assert reading.passed == all(each.mark is Mark.HOLDS for each in reading.terms)
        assert bool(reading.code) == bool(equation.broken(reading.terms))
        assert reading.text.startswith(equation.text(reading.terms))


@given(GATES, TALLIES)
def test_a_reading_that_was_stored_is_the_same_reading(gate: Gate, tally: Tally) -> None:
    reading = read(gate, tally, 0, 100.0)
    assert gates.reading_from(json.loads(json.dumps(reading._asdict()))) == reading


def test_a_reading_of_an_older_version_has_no_terms() -> None:
    stored = read(Gate(), Tally(members=1, waiting=1), 0, 1.0)._asdict()
    del stored["terms"]
    assert gates.reading_from({**stored, "why": "harm", "borne": 2}).terms == ()
