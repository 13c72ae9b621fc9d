"""What a person can do to a rollout, and what it brings about, before it is done."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.model import DeploymentState
from homie_ota.rollout import course, stopping
from homie_ota.rollout.choices import Numbers, choices
from homie_ota.rollout.course import Move
from homie_ota.rollout.plan import RolloutState
from homie_ota.rollout.stopping import Reach

S, D = RolloutState, DeploymentState


@pytest.mark.parametrize(
    ("sent", "unsent", "sentence"),
    [
        ({D.TRANSFERRING: 2}, 29, "2 transferring cannot stop; 29 will not start."),
        ({D.OFFERED: 1, D.TRANSFERRING: 1}, 0, "2 transferring cannot stop; 0 will not start."),
        ({D.REBOOTING: 1, D.VERIFYING: 3}, 1, "1 restarting, 3 verifying cannot stop; 1 will not start."),
        ({}, 5, "5 will not start."),
    ],
)  # fmt: skip
def test_stop_says_what_it_can(sent: dict[DeploymentState, int], unsent: int, sentence: str) -> None:
    assert stopping.sentence(Reach(sent, unsent)) == sentence


@pytest.mark.parametrize(
    ("state", "move"),
    [
        (S.DRAFT, None), (S.RUNNING, Move.PAUSE), (S.PAUSED, None), (S.DRAINING, None), (S.REVERTING, Move.ABORT),
        (S.FINISHED, None), (S.ABORTED, None),
    ],
)  # fmt: skip
def test_there_is_a_stop_wherever_something_new_would_start(state: RolloutState, move: Move | None) -> None:
    found = stopping.stop(state, Reach({}, 1))
    assert (found.move if found else None) == move
    assert found is None or course.after(state, found.move) is not None


def told(state: RolloutState, numbers: Numbers) -> dict[Move, tuple[str, str, bool]]:
    return {each.move: (each.name, each.means, each.asks) for each in choices(state, numbers)}


NOBODY = Reach({}, 0)


def test_a_draft_is_started_or_thrown_away() -> None:
    found = told(S.DRAFT, Numbers(Reach({}, 41), first=1, members=41))
    assert found[Move.START] == ("Start", "1 of 41 are in the first wave.", False)
    assert found[Move.ABORT][1] == "41 will not start. It is over at once, and cannot go on."


def test_going_back_says_for_how_many_there_is_a_way() -> None:
    found = told(S.PAUSED, Numbers(NOBODY, updated=9, covered=8))[Move.REVERT]
    assert found[0] == "Revert 8 of 9"
    assert found[1].endswith("1 has no way back: that image is not stored here.")


def test_who_is_under_way_goes_back_afterwards() -> None:
    found = told(S.RUNNING, Numbers(Reach({D.TRANSFERRING: 2}, 5)))[Move.REVERT]
    assert found[:2] == ("Revert", "2 transferring: they go back afterwards.")
    one = told(S.RUNNING, Numbers(Reach({D.TRANSFERRING: 1}, 0), updated=1, covered=1))[Move.REVERT]
    assert one[:2] == (
        "Revert 1 of 1",
        "1 gets the image that it ran before, once. 1 transferring: it goes back afterwards.",
    )


@pytest.mark.parametrize("state", [S.RUNNING, S.PAUSED, S.FINISHED, S.ABORTED])
def test_with_nobody_updated_there_is_nothing_to_take_back(state: RolloutState) -> None:
    assert Move.REVERT not in told(state, Numbers(NOBODY))


def test_going_on_after_harm_takes_a_reason_and_says_what_is_accepted() -> None:
    found = told(S.PAUSED, Numbers(NOBODY, harmful=1, again=2))[Move.RESUME]
    assert found == (
        "Continue because …",
        "The harm so far (1) is accepted; any more stops it again. 2 that failed without harm get another attempt.",
        True,
    )
    assert told(S.PAUSED, Numbers(NOBODY))[Move.RESUME] == ("Continue", "It goes on.", False)
    assert told(S.PAUSED, Numbers(NOBODY, again=3))[Move.RESUME][2] is False


@given(st.sampled_from(RolloutState), st.builds(Numbers, st.builds(Reach, st.just({}), st.integers(0, 9))))
def test_only_what_the_table_of_moves_allows_is_offered(state: RolloutState, numbers: Numbers) -> None:
    assert {each.move for each in choices(state, numbers)} <= set(course.possible(state))
