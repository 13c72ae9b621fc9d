"""What STOP, and every other way to end a rollout, can still do: who cannot stop, and who will not start.

Rule: what was sent goes on, whatever is done: a device cannot be told to stop. The page says it before, the answer
after, with the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from homie_ota.model import DeploymentState
from homie_ota.rollout.course import Move
from homie_ota.rollout.plan import RolloutState

S = DeploymentState

_WORDS = (
    ((S.OFFERED, S.TRANSFERRING), "transferring"),
    ((S.REBOOTING,), "restarting"),
    ((S.VERIFYING,), "verifying"),
)


class Reach(NamedTuple):
    """What a stop reaches: attempts under way by state, and how many were not sent anything yet."""

    sent: Mapping[DeploymentState, int]
    unsent: int

    @property
    def running(self) -> int:
        """How many are under way."""
        return sum(self.sent.values())


def cannot(reach: Reach) -> str:
    """Who cannot stop: `2 transferring, 1 verifying`; empty where nobody is under way."""
    counts = [(sum(reach.sent.get(state, 0) for state in states), word) for states, word in _WORDS]
    return ", ".join(f"{count} {word}" for count, word in counts if count)


def sentence(reach: Reach) -> str:
    """Both: `2 transferring cannot stop; 29 will not start.`"""
    going = cannot(reach)
    return (
        f"{going} cannot stop; {reach.unsent} will not start." if going else f"{reach.unsent} will not start."
    )


class Stop(NamedTuple):
    """The button: what it does to the rollout, and what that means."""

    move: Move
    sentence: str


_STOPS = {RolloutState.RUNNING: Move.PAUSE, RolloutState.REVERTING: Move.ABORT}


def stop(state: RolloutState, reach: Reach) -> Stop | None:
    """What STOP does in this state; None where nothing new would start anyway.

    A rollout that runs is paused: a person in a hurry must be able to take it back. One that goes back cannot pause.
    """
    move = _STOPS.get(state)
    return None if move is None else Stop(move, sentence(reach))
