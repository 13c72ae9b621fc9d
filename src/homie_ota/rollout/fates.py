"""What may happen to an attempt, as a script of events with their times: the failure model of a simulation.

Rule: the events are those of `lifecycle`, the reasons those of `reasons`; nothing here decides what they mean. The same
seed gives the same fates.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from homie_ota.model import Deployment, DeploymentState, OtaEvent, Purpose, Way
from homie_ota.rollout import lifecycle, reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.rollout.rhythm import Awake

S = DeploymentState


class Fate(StrEnum):
    """What happens to one attempt."""

    GOOD = "good"
    QUIET = "quiet"  # every status is lost; it comes back well
    UNKNOWN = "unknown"  # it comes back, and tells no statistics
    REFUSED = "refused"  # OTA is switched off
    DEAF = "deaf"  # it never answers
    BROKEN = "broken"  # the connection breaks half way
    OLD = "old"  # flashed, and comes back with the old image
    GONE = "gone"  # flashed, and does not come back
    LATE = "late"  # flashed, and comes back long after its deadline
    WORSE = "worse"  # comes back and is worse off


class Terms(NamedTuple):
    """The times of every attempt, in seconds; the last four are the deadlines of the states."""

    answer: float = 1.0
    restart: float = 15.0
    verify: float = 195.0  # three intervals of statistics
    wakes: int = 3  # what a sleeper shows instead
    self_drop: float = 41.0  # homie-ota.md rule 21; 0: transfers may take as long as they like
    lateness: float = 600.0
    offered: float = 90.0
    transferring: float = 120.0
    rebooting: float = 240.0
    verifying: float = 3600.0


class Course(NamedTuple):
    """One attempt: begun at `at`, `transfer` seconds long; the device stays until `until`, and is back at `wakes`.

    `heals_at` is when it has shown what it can show; None: it will not.
    """

    at: float
    transfer: float
    until: float
    wakes: float | None
    heals_at: float | None


class Step(NamedTuple):
    """One event of an attempt and its reason, where it has one."""

    at: float
    event: Event
    reason: Reason | None = None


WANTED = "wanted"
"""What stands for the SHA-256 of the image."""

STONE = "stone"
"""What stands for that of an image on the way to it."""


@dataclass(slots=True)
class Attempt:
    """One attempt under way; `back` and `alone` as it was queued."""

    number: int
    steps: list[Step]
    offered_at: float
    back: bool
    alone: bool
    state: DeploymentState = S.OFFERED

    def as_deployment(self, step: Step, sha256: str = WANTED) -> Deployment:
        """The row that the engine would have of it after `step`."""
        code, text, harmful = step.reason or ("", "", False)
        return Deployment(
            id=0,
            device_pk=0,
            sha256=sha256,
            attempt=self.number,
            state=self.state,
            state_since=step.at,
            created_at=step.at,
            reason=text,
            harmful=harmful,
            code=code,
            outcome=lifecycle.outcome(self.state, code, harmful=harmful),
            purpose=Purpose.REVERT if self.back else Purpose.UPDATE,
        )


Fates = Callable[[int, int], Fate]
"""The fate of a device's attempt: (number of the device, attempt from 1)."""

_VERIFIED = reasons.verified(Terms().verify, 0, "")
_UNKNOWN = reasons.booted("it showed no statistics")
_BACK_OLD = reasons.came_back_old(S.REBOOTING, Way.MQTT, complete=True, took=0.0)
_WORSE = reasons.worse("worse-heap", "less free memory than before and than its siblings")


def foresee(at: float, transfer: float, until: float, presences: Sequence[Awake], terms: Terms) -> Course:
    """How an attempt that begins `at` would go if nothing happened to it, on a device with these presences."""
    back = at + terms.answer + transfer + terms.restart
    after = bisect_right(presences, at, key=lambda each: each.since)
    wakes = presences[after].since if after < len(presences) else None
    if until >= back + terms.verify:
        return Course(at, transfer, until, wakes, back + terms.verify)
    last = after + terms.wakes - 1
    return Course(at, transfer, until, wakes, presences[last].since if last < len(presences) else None)


def script(fate: Fate, course: Course, terms: Terms) -> list[Step]:
    """The events of this attempt in the order of their times."""
    ends = course.at + terms.answer + course.transfer
    if fate in _UNSENT:
        return _UNSENT[fate](course, terms)
    if ends > course.until:
        return _cut(course, terms, course.until)
    if terms.self_drop and course.transfer > terms.self_drop:
        return _cut(course, terms, course.at + terms.answer + terms.self_drop)
    if fate is Fate.BROKEN:
        return _cut(course, terms, ends - course.transfer / 2)
    sent = [Step(course.at + terms.answer, Event.ACCEPT), Step(ends, Event.FLASH)]
    return [*([] if fate is Fate.QUIET else sent), *_FLASHED[fate](course, terms, ends)]


def _refused(course: Course, terms: Terms) -> list[Step]:
    return [Step(course.at + terms.answer, Event.REFUSE, reasons.refused(OtaEvent.DISABLED, ""))]


def _deaf(course: Course, terms: Terms) -> list[Step]:
    return [_expire(course.at + terms.offered, S.OFFERED, complete=False)]


def _cut(course: Course, terms: Terms, at: float) -> list[Step]:
    """It left in the middle; back within its deadline it still runs the old image."""
    back = at + terms.restart if at < course.until else course.wakes
    begun = [Step(course.at + terms.answer, Event.ACCEPT), Step(at, Event.LEAVE)]
    if back is None or back > at + terms.rebooting:
        return [*begun, _expire(at + terms.rebooting, S.REBOOTING, complete=False)]
    took = at - course.at
    reason = reasons.came_back_old(S.REBOOTING, Way.MQTT, complete=False, took=took)
    return [*begun, Step(back, Event.REFUTE, reason)]


def _heal(course: Course, terms: Terms, ends: float) -> list[Step]:
    confirm = Step(ends + terms.restart, Event.CONFIRM)
    if course.heals_at is None:
        return [confirm, Step(confirm.at + terms.verifying, Event.HEAL, _UNKNOWN)]
    return [confirm, Step(max(confirm.at, course.heals_at), Event.HEAL, _VERIFIED)]


def _unknown(_course: Course, terms: Terms, ends: float) -> list[Step]:
    return [Step(ends + terms.restart, Event.CONFIRM), Step(ends + terms.restart, Event.HEAL, _UNKNOWN)]


def _old(_course: Course, terms: Terms, ends: float) -> list[Step]:
    return [Step(ends + terms.restart, Event.REFUTE, _BACK_OLD)]


def _gone(_course: Course, terms: Terms, ends: float) -> list[Step]:
    return [_expire(ends + terms.rebooting, S.REBOOTING, complete=True)]


def _late(course: Course, terms: Terms, ends: float) -> list[Step]:
    back = ends + terms.rebooting + terms.lateness
    healed = Step(back + terms.verify, Event.HEAL, _VERIFIED)
    return [*_gone(course, terms, ends), Step(back, Event.CONFIRM), healed]


def _worse(_course: Course, terms: Terms, ends: float) -> list[Step]:
    back = ends + terms.restart
    return [Step(back, Event.CONFIRM), Step(back + terms.verify / 2, Event.HARM, _WORSE)]


def _expire(at: float, state: DeploymentState, *, complete: bool) -> Step:
    return Step(at, Event.EXPIRE, reasons.expired(state, Way.MQTT, complete=complete))


_UNSENT: dict[Fate, Callable[[Course, Terms], list[Step]]] = {Fate.REFUSED: _refused, Fate.DEAF: _deaf}
_FLASHED: dict[Fate, Callable[[Course, Terms, float], list[Step]]] = {
    Fate.GOOD: _heal,
    Fate.QUIET: _heal,
    Fate.UNKNOWN: _unknown,
    Fate.OLD: _old,
    Fate.GONE: _gone,
    Fate.LATE: _late,
    Fate.WORSE: _worse,
}


def nothing_fails(_device: int, _attempt: int) -> Fate:
    """Every attempt is good."""
    return Fate.GOOD


def by_chance(shares: Mapping[Fate, float], seed: int = 1) -> Fates:
    """Fates by these shares (0–1 of all attempts; the rest is good), each attempt by itself."""

    def fate(device: int, attempt: int) -> Fate:
        left = _mixed(seed, device, attempt)
        for each, share in shares.items():
            left -= share
            if left < 0:
                return each
        return Fate.GOOD

    return fate


def _mixed(*numbers: int) -> float:
    """A number from 0 to 1 that looks random and is not (the finisher of splitmix64)."""
    mixed = 0
    for number in numbers:
        mixed = (mixed + number + 0x9E3779B97F4A7C15) & _MASK
        mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
        mixed ^= mixed >> 31
    return mixed / 2**64


_MASK = 2**64 - 1
