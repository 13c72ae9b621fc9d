"""The life of a rollout, as one table: who may move it on, and to what.

Rule: a rollout's state changes along MOVES and in no other way. What is not there is refused with a sentence that says
what may be done instead.
"""

from __future__ import annotations

from enum import StrEnum

from homie_ota.rollout.plan import RolloutState

S = RolloutState


class Move(StrEnum):
    """What a person, or the engine, does to a rollout."""

    START = "start"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"  # what waits is taken back; what was sent goes on
    REVERT = "revert"  # every updated device gets what it ran before
    DRAIN = "drain"  # the same as abort, but its end is waited for
    FINISH = "finish"  # nothing is left to do


MOVES: dict[tuple[RolloutState, Move], RolloutState] = {
    (S.DRAFT, Move.START): S.RUNNING,
    (S.DRAFT, Move.ABORT): S.ABORTED,
    (S.RUNNING, Move.PAUSE): S.PAUSED,
    (S.RUNNING, Move.DRAIN): S.DRAINING,
    (S.RUNNING, Move.ABORT): S.ABORTED,
    (S.RUNNING, Move.REVERT): S.REVERTING,
    (S.RUNNING, Move.FINISH): S.FINISHED,
    (S.PAUSED, Move.RESUME): S.RUNNING,
    (S.PAUSED, Move.DRAIN): S.DRAINING,
    (S.PAUSED, Move.ABORT): S.ABORTED,
    (S.PAUSED, Move.REVERT): S.REVERTING,
    (S.DRAINING, Move.ABORT): S.ABORTED,
    (S.DRAINING, Move.REVERT): S.REVERTING,
    (S.DRAINING, Move.FINISH): S.FINISHED,
    (S.REVERTING, Move.ABORT): S.ABORTED,
    (S.REVERTING, Move.FINISH): S.FINISHED,
    (S.FINISHED, Move.REVERT): S.REVERTING,
    (S.ABORTED, Move.REVERT): S.REVERTING,
}

BY_PEOPLE = (Move.START, Move.PAUSE, Move.RESUME, Move.DRAIN, Move.ABORT, Move.REVERT)
ENDED = frozenset({S.FINISHED, S.ABORTED})
"""Nothing new starts in these, and no engine looks at them."""


def after(state: RolloutState, move: Move) -> RolloutState | None:
    """The state after `move`, None when it cannot be made from `state`."""
    return MOVES.get((state, move))


def possible(state: RolloutState, *, brought: bool = True) -> tuple[Move, ...]:
    """What a person may do to a rollout in `state`; one that has ended and `brought` nothing is not taken back."""
    nothing = {Move.REVERT} if state in ENDED and not brought else set()
    return tuple(move for move in BY_PEOPLE if (state, move) in MOVES and move not in nothing)


def refusal(number: int, state: RolloutState, move: Move) -> str:
    """Why `move` cannot be made, and what can."""
    found = ", ".join(possible(state)) or "nothing"
    return f"Rollout {number} is {state}: it cannot {move}. What can be done now: {found}."
