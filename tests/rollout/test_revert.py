"""The way back: to what each one ran before, once, if the store has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.rollout.plan import MemberState
from homie_ota.rollout.revert import CONCERNED, Back, Case, Done, Stuck, step, way_back

OLD, NEW = "old", "new"
GOOD = Case(MemberState.VERIFIED, previous=OLD, stored=True, runs=NEW)


def test_every_updated_device_gets_the_image_that_it_ran_before() -> None:
    """hawkBit only pauses, and AWS IoT Jobs cancels only the queued: what was hurt stays hurt."""
    for state in CONCERNED:
        found = step(GOOD._replace(state=state))
        assert isinstance(found, Back)
        assert found.sha256 == OLD


@pytest.mark.parametrize("state", sorted(set(MemberState) - CONCERNED))
def test_who_was_not_updated_is_left_alone(state: MemberState) -> None:
    assert step(GOOD._replace(state=state)) is None


@pytest.mark.parametrize(
    ("case", "kind", "words"),
    [
        (GOOD._replace(previous=""), Stuck, "does not hold"),
        (GOOD._replace(stored=False), Stuck, "Upload it"),
        (GOOD._replace(tried=True), Stuck, "nobody is reverted twice"),
        (GOOD._replace(refusal="It is quarantined."), Stuck, "It is quarantined."),
        (GOOD._replace(runs=OLD), Done, "nothing to send"),
        (GOOD._replace(runs_old=True, previous=""), Done, "nothing to send"),
        (GOOD._replace(runs=OLD, tried=True), Done, "nothing to send"),
        (GOOD._replace(runs=""), Back, "ran before"),
    ],
)
def test_who_stays_is_told_why(case: Case, kind: type, words: str) -> None:
    found = step(case)
    assert isinstance(found, kind)
    assert words in str(found)


cases = st.builds(
    Case,
    state=st.sampled_from(MemberState),
    previous=st.sampled_from(["", OLD]),
    stored=st.booleans(),
    runs=st.sampled_from(["", OLD, NEW]),
    runs_old=st.booleans(),
    tried=st.booleans(),
    refusal=st.sampled_from(["", "No."]),
)


@given(cases)
def test_nothing_is_ever_sent_a_second_time_nor_without_an_image(case: Case) -> None:
    found = step(case)
    if isinstance(found, Back):
        assert found.sha256 == case.previous != ""
        assert case.stored
        assert not case.tried
        assert case.runs != case.previous


@given(cases)
def test_whom_it_concerns_gets_an_answer_with_a_reason(case: Case) -> None:
    found = step(case)
    assert (found is None) == (case.state not in CONCERNED)
    assert found is None or found.reason


def test_the_way_back_is_known_before_the_start() -> None:
    """A warning for a canary, a question for a fleet (rule 17)."""
    assert way_back(41, 41) == ("way back: 41 of 41", False, False)
    fleet, one = way_back(3, 41), way_back(0, 1)
    assert fleet.text.startswith("way back: 3 of 41. For the other 38")
    assert (fleet.asks, fleet.warns) == (True, True)
    assert (one.asks, one.warns) == (False, True)
    assert one.text == "way back: 0 of 1. This server does not hold the image that it runs: upload it."
    assert "the image that the other one runs" in way_back(40, 41).text
