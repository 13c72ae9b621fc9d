"""How far the soak of a deployment is: what was seen of the device since it came back, and when the clock looks again.

Rule: a value that is stored as it is with every step, so that a restart of ours changes nothing. What only the clock
can end has a moment here; nothing waits without an end.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

Sample = tuple[float, float | None, float | None, float | None]
"""One round of statistics: when, uptime, free heap, signal."""

SAMPLES = 8
"""Rounds that are kept for the comparison."""

SILENT_AFTER = 3
"""Intervals without statistics after which a ready device is silent."""

USUAL_INTERVAL = 65.0
"""Seconds between statistics where the device does not say: the default of homie-esp8266, with its grace."""

LONGEST_INTERVAL = 3600.0
"""A longer one is not waited for, nor believed."""

SLEEPS_OVER = 3.0
"""How many times its usual sleep a device may oversleep."""

A_NAP, A_DAY, A_WEEK = 3600.0, 86_400.0, 604_800.0


class Found(StrEnum):
    """What a step, or the clock, found of a soak."""

    DONE = "done"  # everything was seen that there is to see
    RESTARTING = "restarting"
    SILENT = "silent"
    LEFT = "left"  # it was ready with the target, went, and has not come back
    NOT_READY = "not-ready"


@dataclass(frozen=True, slots=True)
class Terms:
    """What is asked for: at least `soak` seconds, and `intervals` of statistics, or `wakes` of a sleeper.

    `ready` are the seconds in which it has to become ready, `away` those after which it counts as gone.
    """

    soak: float = 120.0
    intervals: int = 3
    wakes: int = 3
    ready: float = 180.0
    away: float = 240.0

    @property
    def is_none(self) -> bool:
        """True when the first `ready` is enough."""
        return self.soak <= 0 and self.intervals <= 0


@dataclass(frozen=True, slots=True)
class Soak:
    """One soak. Times are Unix seconds; None: not so far, or not now.

    Known when it began (`since`): whether the device `told` statistics before, their `interval` (0: not said), whether
    it `sleeps`, and how far apart it wakes (`every`, 0: not known).
    """

    since: float
    told: bool = False
    interval: float = 0.0
    sleeps: bool = False
    every: float = 0.0
    ready_at: float | None = None  # since then it is ready, without a restart
    was_ready: bool = False
    left_at: float | None = None  # not there since then
    left: bool = False  # it went since it last announced itself
    asleep: bool = False
    slept: bool = False
    pending: bool = False  # it announced itself again, and has not told since whether it restarted
    restarts: int = 0
    wakes: int = 0
    rounds: int = 0
    slept_through: int = 0  # so many of these rounds were before it last woke
    round_at: float = 0.0
    uptime: float | None = None
    booted_at: float = 0.0  # when it booted, by its uptime; 0: not told yet
    heard_at: float = 0.0
    excused: int = 0
    samples: tuple[Sample, ...] = ()

    @property
    def tells(self) -> bool:
        """Whether statistics are to be expected of it."""
        return (self.told or self.rounds > 0) and self.spacing <= LONGEST_INTERVAL

    @property
    def spacing(self) -> float:
        """Seconds between its statistics."""
        return self.interval or USUAL_INTERVAL

    def is_enough(self, terms: Terms) -> bool:
        """Whether it showed itself often enough; the first round comes with `ready` and counts for nothing.

        A sleeper that stays awake now is one that is awake.
        """
        if self.slept and self.wakes >= terms.wakes:
            return True
        awake = self.rounds - self.slept_through
        return awake > terms.intervals or not self.tells or terms.intervals <= 0

    def is_over(self, now: float, terms: Terms) -> bool:
        """Whether nothing more has to be waited for."""
        if self.ready_at is None or self.left_at is not None or self.pending:
            return False
        return now - self.ready_at >= terms.soak and self.is_enough(terms)


def due(soak: Soak, terms: Terms, listening_since: float = 0.0) -> tuple[float, Found]:
    """When the clock has to look at it again, and what it finds then if nothing was heard by then.

    Silence counts only while we listen: `listening_since` is when we began to.
    """
    if soak.left_at is not None and soak.asleep:
        return soak.left_at + _patience(soak), Found.LEFT
    if soak.left_at is not None or soak.ready_at is None:
        gone_since = max(soak.left_at or soak.since, listening_since)
        if soak.was_ready:
            return gone_since + terms.away, Found.LEFT
        return gone_since + terms.ready, Found.NOT_READY
    if soak.is_enough(terms) and not soak.pending:
        return soak.ready_at + terms.soak, Found.DONE
    heard_at = max(soak.heard_at, soak.ready_at, listening_since)
    return heard_at + SILENT_AFTER * soak.spacing, Found.SILENT


def _patience(soak: Soak) -> float:
    """Seconds for which it may sleep."""
    return min(A_WEEK, max(A_NAP, SLEEPS_OVER * soak.every)) if soak.every else A_DAY


def as_data(soak: Soak) -> dict[str, object]:
    """For the row."""
    return {**dataclasses.asdict(soak), "samples": [list(each) for each in soak.samples]}


def from_data(data: Mapping[str, object], since: float) -> Soak:
    """From the row; `since` where it says nothing, as rows of older versions do."""
    known = {name: value for name, value in data.items() if name in _NAMES}
    samples = known.pop("samples", [])
    found = Soak(**{"since": since, **known})  # type: ignore[arg-type]
    return dataclasses.replace(found, samples=tuple(tuple(each) for each in samples))  # type: ignore[attr-defined]


_NAMES = frozenset(field.name for field in dataclasses.fields(Soak))
