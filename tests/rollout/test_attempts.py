"""What follows a failure: tried again only where that may help, never after harm, and not more often than allowed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import DeploymentState, OtaEvent, Outcome, Way
from homie_ota.rollout import reasons
from homie_ota.rollout.attempts import (
    INTERRUPTED,
    POLICIES,
    Budget,
    Nothing,
    Past,
    Quarantine,
    Retry,
    next_step,
)

S = DeploymentState
BUDGET = Budget(attempts=3, backoff=60.0, longest=200.0)


def failed(code: str, outcome: str = Outcome.UNHARMED, at: float = 100.0) -> Past:
    return Past(at, code, outcome, "It broke.")


def test_a_broken_transfer_is_tried_again_after_a_pause_that_doubles() -> None:
    one = [failed("transfer-broken")]
    assert next_step(one, 1000.0, BUDGET) == Retry(1060.0)
    assert next_step(one * 2, 1000.0, BUDGET) == Retry(1120.0)
    assert next_step(one * 3, 1000.0, Budget(10, 60.0, 200.0)) == Retry(1200.0), "never longer than that"


def test_after_the_budget_a_person_decides_and_is_told_how_it_ended() -> None:
    step = next_step([failed("transfer-broken")] * 3, 1000.0, BUDGET)
    assert isinstance(step, Quarantine)
    assert step.code == "transfer-broken"
    assert step.reason.startswith("3 attempts failed, the last one so: It broke.")
    assert "releases it" in step.reason


@pytest.mark.parametrize("code", ["came-back-old", "not-back", "worse-heap", "transfer-broken"])
def test_never_after_harm(code: str) -> None:
    step = next_step([failed(code, Outcome.HARMFUL)], 1000.0, BUDGET)
    assert isinstance(step, Quarantine)
    assert "did harm" in step.reason


@pytest.mark.parametrize(
    "code",
    ["ota-disabled", "no-space", "bad-firmware", "same-image", "wrong-chip", "quarantined", "never-heard-of"],
)
def test_what_a_person_has_to_change_first_is_not_tried_again(code: str) -> None:
    assert next_step([failed(code)], 1000.0, BUDGET) == Nothing()


@pytest.mark.parametrize("code", ["bad-checksum", "flash-error", "no-http-request"])
def test_what_may_have_been_chance_is_tried_once_more_and_no_more(code: str) -> None:
    assert isinstance(next_step([failed(code)], 1000.0, BUDGET), Retry)
    assert isinstance(next_step([failed(code)] * 2, 1000.0, BUDGET), Quarantine)


@pytest.mark.parametrize("code", ["no-answer", "transfer-silent", "gone", "no-http-request"])
def test_what_is_not_known_to_have_been_refused_waits_for_the_device_to_come_back(code: str) -> None:
    step = next_step([failed(code)], 1000.0, BUDGET)
    assert isinstance(step, Retry)
    assert step.fresh


def test_a_transfer_that_was_too_slow_gets_the_air_for_itself() -> None:
    step = next_step([failed("too-slow")], 1000.0, BUDGET)
    assert isinstance(step, Retry)
    assert step.alone


def test_what_never_left_us_costs_the_device_nothing_of_its_budget() -> None:
    assert isinstance(next_step([failed("not-sent")] * 9, 1000.0, BUDGET), Retry)
    assert isinstance(next_step([failed("not-sent")] * 9 + [failed("no-answer")] * 2, 0.0, BUDGET), Retry)


def test_a_device_that_a_cut_transfer_left_stuck_is_cured_and_goes_on_at_once_when_it_is_back() -> None:
    step = next_step([failed("transfer-broken"), failed("stuck")], 1000.0, BUDGET, interrupted=True)
    assert step == Retry(1000.0, fresh=True, cure=True)


def test_a_device_that_says_that_it_is_stuck_without_a_reason_is_left_to_a_person() -> None:
    assert next_step([failed("stuck")], 1000.0, BUDGET) == Nothing()
    twice = [failed("transfer-broken"), failed("stuck"), failed("stuck")]
    step = next_step(twice, 1000.0, BUDGET)
    assert isinstance(step, Quarantine), "cured once, and no better"
    assert "restart did not change" in step.reason


def test_nothing_follows_a_success_or_what_was_taken_back() -> None:
    for outcome in (Outcome.VERIFIED, Outcome.BOOTED, Outcome.WITHDRAWN, Outcome.ABSENT):
        assert next_step([failed("transfer-broken", outcome)], 1000.0, BUDGET) == Nothing()
    assert next_step([], 1000.0, BUDGET) == Nothing()


def test_every_code_of_the_table_is_one_that_an_attempt_can_end_with() -> None:
    known = {each.code for each in reasons.REFUSALS.values()} | {reasons.NOT_SENT.code, reasons.GONE.code}
    known |= {
        reasons.expired(state, way, complete=False).code
        for state in (S.OFFERED, S.TRANSFERRING, S.REBOOTING)
        for way in (Way.MQTT, Way.HTTP)
    }
    known |= {
        reasons.came_back_old(S.TRANSFERRING, Way.MQTT, complete=False, took=took).code
        for took in (1.0, 41.0)
    }
    assert set(POLICIES) | INTERRUPTED <= known
    assert reasons.REFUSALS[OtaEvent.STUCK].code in POLICIES


@given(
    st.lists(
        st.builds(failed, st.sampled_from([*POLICIES, "no-space"]), st.sampled_from(list(Outcome))),
        max_size=12,
    ),
    st.integers(1, 6),
    st.booleans(),
)
def test_whatever_happened_no_more_attempts_follow_than_the_budget_has(
    history: list[Past], attempts: int, interrupted: bool
) -> None:
    step = next_step(history, 1000.0, Budget(attempts, 60.0, 600.0), interrupted=interrupted)
    if isinstance(step, Retry):
        counted = [each for each in history if POLICIES.get(each.code) is None or POLICIES[each.code].counts]
        assert len(counted) < attempts
        assert history[-1].outcome == Outcome.UNHARMED
        assert 1000.0 <= step.not_before <= 1600.0
