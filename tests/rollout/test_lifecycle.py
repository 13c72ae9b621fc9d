"""The life of a deployment is a table; these tests read it as a whole."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import ACTIVE, ENDED, DeploymentState
from homie_ota.rollout.lifecycle import (
    TRANSITIONS,
    WAITS_FOR_NEWS,
    Event,
    advance,
    deadline,
    diagram,
    outcome,
)
from homie_ota.rollout.reasons import ABSENT, CANCELLED
from homie_ota.store.deployments import LIMITS

S = DeploymentState


def test_the_good_way_leads_from_queued_to_succeeded() -> None:
    state: DeploymentState | None = S.QUEUED
    for event in (Event.OFFER, Event.ACCEPT, Event.FLASH, Event.CONFIRM, Event.HEAL):
        assert state is not None
        state = advance(state, event)
    assert state is S.SUCCEEDED


def test_statuses_that_got_lost_do_not_matter_when_the_device_announces_the_target() -> None:
    assert advance(S.OFFERED, Event.CONFIRM) is S.VERIFYING
    assert advance(S.TRANSFERRING, Event.CONFIRM) is S.VERIFYING


def test_a_late_success_still_wins_and_is_looked_at_like_any_other() -> None:
    assert advance(S.FAILED, Event.CONFIRM) is S.VERIFYING
    assert advance(S.FAILED, Event.HEAL) is S.SUCCEEDED, (
        "another image waits for the device: nobody will look"
    )


def test_harm_is_found_only_while_verifying_and_ends_it() -> None:
    assert {pair: after for pair, after in TRANSITIONS.items() if pair[1] is Event.HARM} == {
        (S.VERIFYING, Event.HARM): S.FAILED
    }


def test_every_state_and_event_has_a_meaning_and_what_is_left_out_is_left_out_on_purpose() -> None:
    """The whole table: a state's row lists what may happen to it; everything else means nothing there."""
    rows = {state: {event.value for (of, event) in TRANSITIONS if of is state} for state in S}
    proven = {"confirm", "refute", "stray"}
    assert rows == {
        S.QUEUED: {"offer", "cancel", "settle", "refuse", "lapse"},
        S.OFFERED: {"accept", "progress", "flash", "leave", "refuse", "break", "expire"} | proven,
        S.TRANSFERRING: {"flash", "leave", "refuse", "break", "expire"} | proven,
        S.REBOOTING: {"expire"} | proven,
        S.VERIFYING: {"heal", "harm", "refute", "stray", "expire"},
        S.SUCCEEDED: set(),
        S.FAILED: {"confirm", "heal"},
        S.CANCELLED: set(),
    }
    assert {event for _, event in TRANSITIONS} == set(Event)


def test_only_a_queued_deployment_can_be_cancelled() -> None:
    assert {state for (state, event) in TRANSITIONS if event is Event.CANCEL} == {S.QUEUED}


def test_what_waited_as_long_as_it_was_to_wait_ends_as_absent_and_only_before_it_was_offered() -> None:
    assert {state for (state, event) in TRANSITIONS if event is Event.LAPSE} == {S.QUEUED}
    assert outcome(S.CANCELLED, ABSENT.code, harmful=False) == "absent"
    assert outcome(S.CANCELLED, CANCELLED.code, harmful=False) == "withdrawn"


def test_nothing_is_ever_offered_twice() -> None:
    assert {state for (state, event) in TRANSITIONS if event is Event.OFFER} == {S.QUEUED}
    assert S.QUEUED not in TRANSITIONS.values()


def test_what_has_succeeded_or_was_cancelled_stays_so() -> None:
    assert not [pair for pair in TRANSITIONS if pair[0] in (S.SUCCEEDED, S.CANCELLED)]


def test_every_state_but_queued_has_a_deadline_and_a_way_out_of_it() -> None:
    assert set(WAITS_FOR_NEWS) == set(ACTIVE) - {S.QUEUED}
    for state in WAITS_FOR_NEWS:
        assert advance(state, Event.EXPIRE) is S.FAILED
        assert deadline(state, 100.0, LIMITS) == 100.0 + LIMITS[state]
    assert deadline(S.QUEUED, 100.0, LIMITS) is None


@given(st.lists(st.sampled_from(list(Event)), max_size=40))
def test_whatever_happens_in_whatever_order_success_is_only_reached_through_the_target_being_announced(
    events: list[Event],
) -> None:
    state = S.QUEUED
    confirmed = False
    for event in events:
        if (state, event) == (S.FAILED, Event.HEAL):
            event = Event.CONFIRM  # noqa: PLW2901 - `news` makes this one of an announced target, too
        after = advance(state, event)
        confirmed = confirmed or (after is not None and event is Event.CONFIRM)
        state = after or state
    assert state is not S.SUCCEEDED or confirmed
    assert state in ACTIVE | ENDED


def test_the_diagram_shows_every_move() -> None:
    assert diagram().count("-->") == len(TRANSITIONS) + 1
