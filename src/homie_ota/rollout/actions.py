"""What the decision about a rollout is made from, and what it can be.

Rule: commands are data; the shell carries them out, and only where the rows still are as the view said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from homie_ota.rollout.gates import GateReading, Tally
from homie_ota.rollout.plan import Plan, RolloutState, WaveState


class WaveView(NamedTuple):
    """One wave as its rows say.

    `last_good_at` is when its last member became verified or booted. `away_since` is the oldest moment since which a
    QUEUED member is away, or held back by what is not about time (None: there is none). `borne`: how many harmful
    failures a person accepted when going on.
    """

    number: int
    state: WaveState
    tally: Tally
    started_at: float | None = None
    last_good_at: float | None = None
    away_since: float | None = None
    borne: int = 0


class View(NamedTuple):
    """One rollout as its rows say; nothing in it grows with the number of devices.

    `lane` is the wave behind the last one: late joiners, and new members of a standing target; None: there was none
    yet. `passed_at` is when the last wave passed, `reverting_since` the oldest way back that has not been sent yet.
    `held`: who of a first wave that nobody could try was given up because something holds it back, and what that is.
    """

    state: RolloutState
    plan: Plan
    waves: Sequence[WaveView]
    lane: WaveView | None = None
    standing: bool = False
    passed_at: float | None = None
    reverting_since: float | None = None
    held: str = ""


class StartWave(NamedTuple):
    """The wave runs: its WAITING members get QUEUED deployments."""

    wave: int


class PassWave(NamedTuple):
    """The wave has passed."""

    wave: int
    reading: GateReading


class FailWave(NamedTuple):
    """The wave has failed; `code` is the reading's (`harm`, `short`, `untested`)."""

    wave: int
    reading: GateReading
    code: str
    reason: str


class Substitute(NamedTuple):
    """The first `members` that are WAITING in wave `source` move into `wave`: too few are there to be tried."""

    wave: int
    source: int
    members: int
    reason: str


class MarkAbsent(NamedTuple):
    """Members of `wave` that are QUEUED, and away or held back since `before` or longer.

    Who was sent nothing yet is ABSENT; who was, and has not come back since, is UNHARMED: silence after the start is
    failure (rule 4).
    """

    wave: int
    before: float


class MarkStranded(NamedTuple):
    """Members that are REVERTING, unsent, and away or held back since `before` or longer: STRANDED."""

    before: float


class Pause(NamedTuple):
    """Nothing new starts; a person decides."""

    reason: str


class Drain(NamedTuple):
    """What waits is withdrawn, what runs ends, then the rollout ends."""

    reason: str


class Revert(NamedTuple):
    """What waits is withdrawn; every member that runs the new image goes back (`revert.plan`)."""

    reason: str


class Finish(NamedTuple):
    """Nothing is left to do."""

    reason: str


Action = (
    StartWave | PassWave | FailWave | Substitute | MarkAbsent | MarkStranded | Pause | Drain | Revert | Finish
)
