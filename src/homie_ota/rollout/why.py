"""Why a device runs what it runs, and what comes next: one stable word, one paragraph, one table.

Rule: the first thing in RULES that holds is the answer; it names what a person can do. Everything here is said in
sentences without clock times: moments are values that the shell writes in the reader's zone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from homie_ota.model import ENDED, Deployment, DeploymentState, State


class Hold(NamedTuple):
    """Something that keeps an update from going out now; `until` is when it ends by itself, None when not known."""

    code: str
    text: str
    until: float | None = None


class Step(NamedTuple):
    """One decision of the past: when, what, and why."""

    at: float
    what: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one device that can answer the question; empty and None where there is nothing.

    `wanted` names the firmware of the target or of the latest attempt. `holds` say why a queued attempt waits, first
    the one that counts. `alarms`, `leftovers` and `quarantines` are sentences that stand for themselves.
    """

    runs: str
    state: State
    latest: Deployment | None = None
    wanted: str = ""
    holds: tuple[Hold, ...] = ()
    pinned: Hold | None = None
    quarantines: tuple[Hold, ...] = ()
    leftovers: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    rollout: str = ""
    alarms: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


class Why(NamedTuple):
    """The answer: `code` is stable, `text` a paragraph, `until` when it changes by itself, `steps` how it came."""

    code: str
    text: str
    until: float | None = None
    steps: tuple[Step, ...] = ()


def explain(known: Known) -> Why:
    """The answer for one device."""
    runs = f"It runs {known.runs or 'a firmware that it does not name'}"
    found = next((answer for rule in _RULES if (answer := rule(known)) is not None), _NOTHING)
    told = [f"{runs}{found.joint}{found.text}", *known.alarms]
    return Why(found.code, " ".join(part for part in told if part), found.until, known.steps)


class _Answer(NamedTuple):
    code: str
    text: str
    joint: str = ". "
    until: float | None = None


_NOTHING = _Answer("nothing-ordered", "and no update was ever ordered for it.", ", ")


def _leftover(known: Known) -> _Answer | None:
    return _Answer("leftover", " ".join(known.leftovers)) if known.leftovers else None


def _running(known: Known) -> _Answer | None:
    attempt = known.latest
    if attempt is None or attempt.state in ENDED or attempt.state is DeploymentState.QUEUED:
        return None
    which = f"deployment {attempt.id}, attempt {attempt.attempt}"
    text = f"It is being updated to {known.wanted}: {which}, is {attempt.state}."
    return _Answer("running", text, until=attempt.deadline)


def _waiting(known: Known) -> _Answer | None:
    attempt = known.latest
    if attempt is None or attempt.state is not DeploymentState.QUEUED:
        return None
    hold = known.holds[0] if known.holds else Hold("", "it goes out next.")
    also = "".join(f" Also: {each.text}" for each in known.holds[1:])
    return _Answer(
        "waiting",
        f"{known.wanted} waits as deployment {attempt.id}: {hold.text}{also}",
        until=hold.until,
    )


def _quarantined(known: Known) -> _Answer | None:
    if not known.quarantines:
        return None
    return _Answer("quarantined", " ".join(each.text for each in known.quarantines))


def _pinned(known: Known) -> _Answer | None:
    return _Answer("pinned", known.pinned.text, until=known.pinned.until) if known.pinned else None


def _in_rollout(known: Known) -> _Answer | None:
    return _Answer("in-rollout", known.rollout) if known.rollout else None


def _not_eligible(known: Known) -> _Answer | None:
    if not known.refused:
        return None
    return _Answer("not-eligible", f"It does not get {known.wanted}: {' '.join(known.refused)}")


_ENDS = {
    DeploymentState.SUCCEEDED: "succeeded",
    DeploymentState.FAILED: "failed",
    DeploymentState.CANCELLED: "was cancelled",
}


def _ended(known: Known) -> _Answer | None:
    attempt = known.latest
    if attempt is None:
        return None
    late = ", late" if attempt.late else ""
    reason = f" {attempt.reason}" if attempt.reason else ""
    text = f"The last update, to {known.wanted}, {_ENDS[attempt.state]}{late}.{reason}"
    return _Answer(attempt.state.value, text)


_RULES = (_running, _leftover, _waiting, _quarantined, _pinned, _in_rollout, _not_eligible, _ended)
