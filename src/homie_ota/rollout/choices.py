"""What a person can do to a rollout now: each thing with its name, and what it brings about in numbers.

Rule: what is possible stands in `course.MOVES`; this only says it. A reason is asked for where harm is accepted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from homie_ota.rollout import course, stopping
from homie_ota.rollout.course import Move
from homie_ota.rollout.plan import RolloutState
from homie_ota.rollout.stopping import Reach


class Numbers(NamedTuple):
    """What the choices are told in: `reach` of a stop, `first` of `members` in the first wave.

    `updated` run the new image, or took harm from it; `covered` of them have a way back. `harmful` took harm in waves
    that failed, and `again` failed there without harm.
    """

    reach: Reach
    first: int = 0
    members: int = 0
    updated: int = 0
    covered: int = 0
    harmful: int = 0
    again: int = 0


class Choice(NamedTuple):
    """One thing that can be done: `asks` that a reason has to be given."""

    move: Move
    name: str
    means: str
    asks: bool = False


def choices(state: RolloutState, told: Numbers) -> tuple[Choice, ...]:
    """Everything that can be done in this state and would change something."""
    found = [_CHOICES[move](told) for move in course.possible(state)]
    return tuple(each for each in found if each is not None)


def _start(told: Numbers) -> Choice:
    return Choice(Move.START, "Start", f"{told.first} of {told.members} are in the first wave.")


def _pause(told: Numbers) -> Choice:
    return Choice(Move.PAUSE, "Pause", f"{stopping.sentence(told.reach)} It can go on later.")


def _resume(told: Numbers) -> Choice:
    if not told.harmful:
        means = f"{told.again} that failed without harm get another attempt." if told.again else "It goes on."
        return Choice(Move.RESUME, "Continue", means)
    means = f"The harm so far ({told.harmful}) is accepted; any more stops it again."
    means += f" {told.again} that failed without harm get another attempt." if told.again else ""
    return Choice(Move.RESUME, "Continue because …", means, asks=True)


def _drain(told: Numbers) -> Choice | None:
    going = stopping.cannot(told.reach)
    ends = f"It ends when these have ended: {going}." if going else "Then it is finished."
    return Choice(Move.DRAIN, "Drain", f"{told.reach.unsent} will not start. {ends}")


def _abort(told: Numbers) -> Choice:
    return Choice(
        Move.ABORT, "Abort", f"{stopping.sentence(told.reach)} It is over at once, and cannot go on."
    )


def _revert(told: Numbers) -> Choice | None:
    if not told.updated and not told.reach.running:
        return None
    lost = told.updated - told.covered
    means = [_back(told.covered)] if told.updated else []
    means += (
        [f"{lost} {'has' if lost == 1 else 'have'} no way back: that image is not stored here."]
        if lost
        else []
    )
    under_way = "it goes" if told.reach.running == 1 else "they go"
    means += [f"{stopping.cannot(told.reach)}: {under_way} back afterwards."] if told.reach.running else []
    name = f"Revert {told.covered} of {told.updated}" if told.updated else "Revert"
    return Choice(Move.REVERT, name, " ".join(means))


def _back(count: int) -> str:
    return (
        "1 gets the image that it ran before, once."
        if count == 1
        else f"{count} get the image that they ran before, each once."
    )


_CHOICES: dict[Move, Callable[[Numbers], Choice | None]] = {
    Move.START: _start,
    Move.PAUSE: _pause,
    Move.RESUME: _resume,
    Move.DRAIN: _drain,
    Move.ABORT: _abort,
    Move.REVERT: _revert,
}
