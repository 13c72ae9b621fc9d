"""The life of a rollout, and what becomes of its members: two tables."""

from __future__ import annotations

from itertools import product

import pytest

from homie_ota.model import Deployment, DeploymentState, Outcome, Purpose
from homie_ota.rollout import course, members
from homie_ota.rollout.course import Move
from homie_ota.rollout.plan import MemberState, RolloutState

S, M, D = RolloutState, MemberState, DeploymentState
WANTED = "f" * 64


@pytest.mark.parametrize(
    ("state", "moves"),
    [
        (S.DRAFT, (Move.START, Move.ABORT)),
        (S.RUNNING, (Move.PAUSE, Move.DRAIN, Move.ABORT, Move.REVERT)),
        (S.PAUSED, (Move.RESUME, Move.DRAIN, Move.ABORT, Move.REVERT)),
        (S.DRAINING, (Move.ABORT, Move.REVERT)),
        (S.REVERTING, (Move.ABORT,)),
        (S.FINISHED, (Move.REVERT,)),
        (S.ABORTED, (Move.REVERT,)),
    ],
)
def test_what_people_can_do_depends_on_the_state(state: RolloutState, moves: tuple[Move, ...]) -> None:
    assert course.possible(state) == moves
    assert all(move in course.refusal(7, state, Move.START) for move in moves)


def test_every_state_is_reached_and_can_be_left_but_nothing_starts_twice() -> None:
    assert {S.DRAFT, *course.MOVES.values()} == set(S)
    assert {state for state, _ in course.MOVES} == set(S)
    assert [state for state in S if course.after(state, Move.START)] == [S.DRAFT]


def test_an_ended_rollout_is_only_ever_reverted() -> None:
    assert {move for state, move in course.MOVES if state in course.ENDED} == {Move.REVERT}


def moved(
    state: DeploymentState,
    outcome: str = "",
    code: str = "",
    sha256: str = WANTED,
    purpose: str = Purpose.UPDATE,
) -> Deployment:
    return Deployment(
        1, 1, sha256, 1, state, 0.0, 0.0, outcome=outcome, code=code, purpose=purpose, rollout_id=1
    )  # fmt: skip


@pytest.mark.parametrize(
    ("deployment", "expected"),
    [
        (moved(D.QUEUED), M.QUEUED),
        (moved(D.OFFERED), M.RUNNING),
        (moved(D.VERIFYING), M.RUNNING),
        (moved(D.SUCCEEDED, Outcome.VERIFIED), M.VERIFIED),
        (moved(D.SUCCEEDED, Outcome.BOOTED), M.BOOTED),
        (moved(D.FAILED, Outcome.UNHARMED), M.UNHARMED),
        (moved(D.FAILED, Outcome.HARMFUL), M.HARMFUL),
        (moved(D.CANCELLED, Outcome.ABSENT), M.ABSENT),
        (moved(D.CANCELLED, Outcome.WITHDRAWN, "cancelled"), M.WITHDRAWN),
        (moved(D.CANCELLED, Outcome.WITHDRAWN, "runs-it"), M.SAME),
        (moved(D.FAILED, Outcome.UNHARMED, "runs-it"), M.SAME),
        (moved(D.SUCCEEDED, Outcome.VERIFIED, sha256="0" * 64), M.WAITING),
        (moved(D.CANCELLED, Outcome.WITHDRAWN, "runs-it", sha256="0" * 64), M.WAITING),
        (moved(D.FAILED, Outcome.HARMFUL, sha256="0" * 64), M.HARMFUL),
        (moved(D.QUEUED, purpose=Purpose.REVERT), M.REVERTING),
        (moved(D.REBOOTING, purpose=Purpose.REVERT), M.REVERTING),
        (moved(D.SUCCEEDED, Outcome.VERIFIED, purpose=Purpose.REVERT), M.REVERTED),
        (moved(D.SUCCEEDED, Outcome.BOOTED, purpose=Purpose.REVERT), M.REVERTED),
        (moved(D.CANCELLED, Outcome.WITHDRAWN, "runs-it", purpose=Purpose.REVERT), M.REVERTED),
        (moved(D.FAILED, Outcome.UNHARMED, purpose=Purpose.REVERT), M.STRANDED),
        (moved(D.FAILED, Outcome.HARMFUL, purpose=Purpose.REVERT), M.STRANDED),
        (moved(D.CANCELLED, Outcome.WITHDRAWN, "cancelled", purpose=Purpose.REVERT), M.STRANDED),
        (moved(D.QUEUED, purpose=Purpose.BENCH), M.QUEUED),
        (moved(D.SUCCEEDED, Outcome.VERIFIED, purpose=Purpose.BENCH), M.RUNNING),
        (moved(D.FAILED, Outcome.HARMFUL, purpose=Purpose.BENCH), M.RUNNING),
        (moved(D.CANCELLED, Outcome.WITHDRAWN, "runs-it", purpose=Purpose.BENCH), M.RUNNING),
        (moved(D.CANCELLED, Outcome.WITHDRAWN, "cancelled", purpose=Purpose.BENCH), M.WITHDRAWN),
        (moved(D.SUCCEEDED, Outcome.VERIFIED, purpose=Purpose.OUTSIDE), None),
    ],
)
def test_a_member_is_what_its_deployment_came_to(
    deployment: Deployment, expected: MemberState | None
) -> None:
    assert members.after(deployment, WANTED) is expected


@pytest.mark.parametrize(("outcome", "purpose"), list(product(Outcome, Purpose)))
def test_every_end_means_something_or_is_nobodys_business(outcome: str, purpose: str) -> None:
    found = members.after(moved(D.FAILED, outcome, purpose=purpose), WANTED)
    assert (found is None) == (purpose == Purpose.OUTSIDE)


def test_what_has_ended_and_brought_nothing_is_not_taken_back() -> None:
    for state in course.ENDED:
        assert Move.REVERT in course.possible(state)
        assert Move.REVERT not in course.possible(state, brought=False)
    assert Move.REVERT in course.possible(RolloutState.PAUSED, brought=False), "what was sent may still come"
