"""What people do to a rollout: start, pause, resume, drain, abort, revert; each says what it brings about.

Rule: what was sent goes on, whatever is done: a device cannot be told to stop. Going on after harm accepts the harm so
far, and no more; whoever accepts it says why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, WrongUse
from homie_ota.rollout import course, stopping
from homie_ota.rollout.course import Move
from homie_ota.rollout.plan import MemberState, WaveState
from homie_ota.rollout.reasons import Reason
from homie_ota.rollout.revert import CONCERNED
from homie_ota.store import choosing, filling, holding, memberships, progress, rollouts
from homie_ota.store.rollouts import Rollout

TAKEN_BACK = Reason("rollout-aborted", "The rollout was stopped by a person before this was sent.", False)

AT_ONCE = 500
"""Deployments that are taken back in the transaction of the person; the engine goes on with the others."""


class Steered(NamedTuple):
    """The rollout as it is now, and what that means."""

    rollout: Rollout
    sentence: str


def steer(
    connection: Connection, number: int, how: Move, *, now: float, by: str, reason: str = ""
) -> Steered:
    """Do `how` to a rollout; NotFound, or Conflict with what can be done instead."""
    return _BY_MOVE[how](connection, rollouts.require(connection, number), now, by, reason)


def _start(connection: Connection, of: Rollout, now: float, by: str, reason: str) -> Steered:
    moved = _move(connection, of, Move.START, now, by, reason)
    first, every = (
        _count(connection, of, MemberState.WAITING, wave=0),
        _count(connection, of, MemberState.WAITING),
    )
    return Steered(moved, f"Rollout {of.id} has started: {first} of {every} devices are in its first wave.")


def _pause(connection: Connection, of: Rollout, now: float, by: str, reason: str) -> Steered:
    means = stopping.sentence(choosing.reach(connection, of))
    moved = _move(connection, of, Move.PAUSE, now, by, reason or "Paused by a person.")
    return Steered(moved, f"Rollout {of.id} is paused. {means}")


def _resume(connection: Connection, of: Rollout, now: float, by: str, reason: str) -> Steered:
    failed = [each.number for each in rollouts.waves(connection, of.id) if each.state is WaveState.FAILED]
    counted = progress.count(connection, of.id)
    harm = {each: counted[each].tally.harmful if each in counted else 0 for each in failed}
    borne = sum(harm.values())
    if borne and not reason and course.after(of.state, Move.RESUME):
        raise WrongUse(
            f"Rollout {of.id} stopped because devices took harm ({borne}). To go on accepts that: give a reason, which "
            "is kept."
        )
    moved = _move(connection, of, Move.RESUME, now, by, reason)
    for number, harmful in harm.items():
        rollouts.bear(connection, of, number, harmful)
    again = sum(_try_again(connection, of, each, now) for each in failed)
    told = [f"Rollout {of.id} goes on.", *holding.let_back(connection, of, now=now)]
    told += [f"The harm so far ({borne}) is accepted; any more stops it again."] if borne else []
    told += [f"{again} that failed without harm get another attempt."] if again else []
    return Steered(moved, " ".join(told))


def _try_again(connection: Connection, of: Rollout, wave: int, now: float) -> int:
    """Who failed without harm waits again; whoever is in quarantine is left out when its turn comes."""
    failed = memberships.pks(connection, of.id, [MemberState.UNHARMED], wave=wave)
    why = dict.fromkeys(failed, "A person went on: one attempt more.")
    memberships.change(connection, of.id, why, [MemberState.UNHARMED], MemberState.WAITING, now=now)
    return len(failed)


def _drain(connection: Connection, of: Rollout, now: float, by: str, reason: str) -> Steered:
    means = stopping.sentence(choosing.reach(connection, of))
    moved = _move(connection, of, Move.DRAIN, now, by, f"{reason or 'Stopped by a person.'} {means}")
    _take_back(connection, moved, "The rollout was stopped.", now, by)
    return Steered(moved, f"Rollout {of.id} ends when what was sent has ended. {means}")


def _abort(connection: Connection, of: Rollout, now: float, by: str, reason: str) -> Steered:
    means = stopping.sentence(choosing.reach(connection, of))
    moved = _move(connection, of, Move.ABORT, now, by, f"{reason or 'Aborted by a person.'} {means}")
    _take_back(connection, moved, "The rollout was aborted.", now, by)
    return Steered(moved, f"Rollout {of.id} is aborted. {means}")


def _take_back(connection: Connection, of: Rollout, why: str, now: float, by: str) -> None:
    memberships.withdraw(connection, of.id, why, now=now)
    filling.take_back(connection, of, TAKEN_BACK, now=now, by=by, limit=AT_ONCE)


def _revert(connection: Connection, of: Rollout, now: float, by: str, reason: str) -> Steered:
    going = _count(connection, of, *CONCERNED)
    running = choosing.reach(connection, of)
    if not going and not running.running:
        raise Conflict(f"Rollout {of.id} has nothing to take back: none of its devices runs the new image.")
    moved = _move(connection, of, Move.REVERT, now, by, reason or "A person chose to go back.")
    memberships.withdraw(connection, of.id, "The rollout goes back.", now=now)
    whose = "1 device gets the image that it" if going == 1 else f"{going} devices get the image that they"
    told = [f"Rollout {of.id} goes back: {whose} ran before."]
    told += [f"{stopping.cannot(running)} cannot stop; they go back afterwards."] if running.running else []
    return Steered(moved, " ".join(told))


def _count(connection: Connection, of: Rollout, *states: MemberState, wave: int | None = None) -> int:
    tallies = memberships.tallies(connection, of.id)
    return sum(
        count
        for number, each in tallies.items()
        for state, count in each.items()
        if state in states and wave in (None, number)
    )


def _move(connection: Connection, of: Rollout, how: Move, now: float, by: str, reason: str) -> Rollout:
    moved = rollouts.move(connection, of, how, now=now, by=by, reason=reason)
    if moved is None:
        raise Conflict(f"Rollout {of.id} was just changed by somebody else. Look at it again.")
    return moved


_BY_MOVE: dict[Move, Callable[[Connection, Rollout, float, str, str], Steered]] = {
    Move.START: _start,
    Move.PAUSE: _pause,
    Move.RESUME: _resume,
    Move.DRAIN: _drain,
    Move.ABORT: _abort,
    Move.REVERT: _revert,
}
