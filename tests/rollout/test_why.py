"""The answer to “why is this device not updated?”, for everything that can be the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homie_ota.model import Deployment, DeploymentState, State
from homie_ota.rollout.why import Hold, Known, Step, explain

S = DeploymentState
IDLE = Known(runs="lamp 1.0.0", state=State.READY)


def attempt(state: DeploymentState, **more: object) -> Deployment:
    given: dict[str, object] = {"id": 7, "device_pk": 1, "sha256": "a" * 64, "attempt": 2, "state": state}
    return Deployment(**{**given, "state_since": 100.0, "created_at": 90.0, **more})  # type: ignore[arg-type]


def test_a_device_for_which_nothing_was_ordered_is_told_so() -> None:
    assert explain(IDLE)[:2] == (
        "nothing-ordered",
        "It runs lamp 1.0.0, and no update was ever ordered for it.",
    )


def test_a_device_that_names_no_firmware_still_gets_an_answer() -> None:
    assert explain(replace(IDLE, runs="")).text.startswith("It runs a firmware that it does not name,")


def test_a_running_update_comes_before_everything_else_and_says_until_when() -> None:
    busy = replace(
        IDLE,
        latest=attempt(S.TRANSFERRING, deadline=220.0),
        wanted="lamp 2.0.0",
        leftovers=("A retained image lies on the broker.",),
        quarantines=(Hold("three-attempts", "Three attempts failed."),),
    )
    why = explain(busy)
    assert (why.code, why.until) == ("running", 220.0)
    assert "being updated to lamp 2.0.0: deployment 7, attempt 2, is transferring." in why.text


def test_what_waits_says_for_what_and_everything_else_that_holds_it() -> None:
    holds = (Hold("asleep", "it sleeps.", 500.0), Hold("window", "the window opens at night."))
    why = explain(replace(IDLE, latest=attempt(S.QUEUED), wanted="lamp 2.0.0", holds=holds))
    assert (why.code, why.until) == ("waiting", 500.0)
    assert why.text.endswith("waits as deployment 7: it sleeps. Also: the window opens at night.")


def test_what_waits_for_nothing_goes_out_next() -> None:
    why = explain(replace(IDLE, latest=attempt(S.QUEUED), wanted="lamp 2.0.0"))
    assert why.text.endswith("it goes out next.")


@pytest.mark.parametrize(
    ("known", "code", "part"),
    [
        (replace(IDLE, quarantines=(Hold("alternates", "It alternates."),)), "quarantined", "It alternates."),
        (replace(IDLE, pinned=Hold("pinned", "Pinned: demo.", 900.0)), "pinned", "Pinned: demo."),
        (replace(IDLE, leftovers=("A retained image lies there.",)), "leftover", "retained image"),
        (replace(IDLE, rollout="Rollout 3 has it in wave 2."), "in-rollout", "wave 2"),
        (
            replace(IDLE, wanted="lamp 2", refused=("1 MB flash.",)),
            "not-eligible",
            "does not get lamp 2: 1 MB",
        ),
        (replace(IDLE, wanted="lamp 2", latest=attempt(S.SUCCEEDED)), "succeeded", "to lamp 2, succeeded."),
        (
            replace(IDLE, wanted="lamp 2", latest=attempt(S.SUCCEEDED, late=True, reason="It took a day.")),
            "succeeded",
            "succeeded, late. It took a day.",
        ),
        (replace(IDLE, wanted="lamp 2", latest=attempt(S.FAILED, reason="No space.")), "failed", "No space."),
        (replace(IDLE, wanted="lamp 2", latest=attempt(S.CANCELLED)), "cancelled", "was cancelled."),
    ],
)
def test_every_reason_has_its_word_and_its_sentence(known: Known, code: str, part: str) -> None:
    why = explain(known)
    assert why.code == code
    assert part in why.text


def test_a_person_is_asked_before_a_rollout_is_waited_for() -> None:
    known = replace(IDLE, rollout="Rollout 3 has it.", quarantines=(Hold("alternates", "It alternates."),))
    assert explain(known).code == "quarantined"


def test_alarms_are_told_behind_any_answer_and_the_steps_come_along() -> None:
    steps = (Step(1.0, "ordered"), Step(2.0, "failed", "No space."))
    why = explain(replace(IDLE, alarms=("It went back to 1.0.0 by itself.",), steps=steps))
    assert why.text.endswith("It went back to 1.0.0 by itself.")
    assert why.steps == steps
