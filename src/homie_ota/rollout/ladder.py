"""One deployment as a ladder: every step with its time, what it took, and what is expected of the step that runs.

Rule: what was is read from its events, what comes from what was measured of the device. Expectations are moments, not
seconds left: whoever draws them counts down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from statistics import median
from typing import Any, NamedTuple

from homie_ota.model import ENDED, Deployment, DeploymentState
from homie_ota.rollout.deadlines import Past

S = DeploymentState

STEPS = (S.QUEUED, S.OFFERED, S.TRANSFERRING, S.REBOOTING, S.VERIFYING, S.SUCCEEDED)
"""The way of an update that goes well, bottom to top."""


class Mark(StrEnum):
    """How far a step is."""

    DONE = "done"
    NOW = "now"
    NEXT = "next"
    ENDED = "ended"  # the step at which it failed, or was taken back
    SKIPPED = "skipped"  # not seen: its message was lost, or this dialect has none


class Rung(NamedTuple):
    """One step: since when (None: not yet, or not seen), how many seconds it took, and a word of its history."""

    step: str
    mark: Mark
    at: float | None = None
    took: float | None = None
    note: str = ""


class Expected(NamedTuple):
    """What comes next of the step that runs: `by` at the latest, `usual` seconds, `done_at` at the present rate.

    `rate` is bytes a second, measured between the first byte and the last news; None where nothing is known.
    """

    by: float | None = None
    usual: float | None = None
    done_at: float | None = None
    rate: float | None = None
    rounds: int = 0
    of_rounds: int = 0


def climb(of: Deployment, events: Sequence[Mapping[str, Any]]) -> list[Rung]:
    """The rungs of one deployment; `events` are its own, oldest first."""
    moves = _moves(of, events)
    rungs = [_rung(number, moves, of) for number in range(len(moves))]
    if of.state in ENDED:
        return rungs
    ahead = STEPS[STEPS.index(of.state) + 1 :] if of.state in STEPS else ()
    return [*rungs, *(Rung(step.value, Mark.NEXT) for step in ahead)]


def _moves(of: Deployment, events: Sequence[Mapping[str, Any]]) -> list[tuple[DeploymentState, float, str]]:
    """Each state that it came to, when, and what was said of it; from the order on."""
    found: list[tuple[DeploymentState, float, str]] = []
    for each in events:
        data = each["data"] or {}
        state = data.get("state")
        if each["kind"] != "deployment" or state not in set(S):
            continue
        if found and found[-1][0] == state:
            continue
        found.append((S(state), float(each["at"]), str(data.get("reason", ""))))
    return found or [(of.state, of.state_since, "")]


def _rung(number: int, moves: Sequence[tuple[DeploymentState, float, str]], of: Deployment) -> Rung:
    state, at, said = moves[number]
    if number + 1 < len(moves):
        return Rung(state.value, Mark.DONE, at, max(0.0, moves[number + 1][1] - at), said)
    if state is S.SUCCEEDED:
        return Rung(state.value, Mark.DONE, at, None, said)
    mark = Mark.ENDED if state in ENDED else Mark.NOW
    return Rung(state.value, mark, at, None, said or (of.reason if state in ENDED else ""))


def expect(of: Deployment, past: Past, limits: Mapping[str, float], intervals: int = 0) -> Expected:
    """What is expected of the step that runs; `limits` are its seconds without news, `intervals` those of a soak."""
    if of.state is S.TRANSFERRING:
        return _transfer(of, past, limits)
    if of.state is S.REBOOTING:
        return Expected(by=of.deadline, usual=median(past.reboots) if past.reboots else None)
    if of.state is S.VERIFYING:
        rounds = of.soak.get("rounds")
        # The first round comes with `ready` and counts for nothing (rollout/soak.py).
        seen = max(0, rounds - 1) if isinstance(rounds, int) else 0
        return Expected(by=of.deadline, rounds=min(seen, intervals), of_rounds=intervals)
    return Expected(by=of.deadline)


def _transfer(of: Deployment, past: Past, limits: Mapping[str, float]) -> Expected:
    """The rate since the first byte, up to the last news: that is what the deadline counts from."""
    news = of.deadline - limits[of.state] if of.deadline is not None else of.state_since
    went = news - of.state_since
    usual = of.bytes_total / median(past.rates) if past.rates and of.bytes_total else None
    if went <= 0.0 or of.bytes_done <= 0:
        done_at = of.state_since + usual if usual is not None else None
        return Expected(by=of.deadline, usual=usual, done_at=done_at)
    rate = of.bytes_done / went
    left = max(0, of.bytes_total - of.bytes_done) / rate
    return Expected(by=of.deadline, usual=usual, done_at=news + left, rate=rate)
