"""When a device that sleeps will be awake again, for how long, and whether an image fits into that.

Rule: learned from when it was awake before, by medians, so that a wake-up that was missed and one long evening of
debugging do not count; too few of them, or no regularity, is no answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import ceil
from statistics import median, quantiles
from typing import NamedTuple

ENOUGH = 3
"""Wake-ups with a known length that make a rhythm."""

REGULAR = 0.35
"""Spread of the intervals, as a part of the interval itself, above which there is no rhythm."""

MISSED = 5
"""Wake-ups in a row that did not come, after which nobody can tell when the next one is."""


class Awake(NamedTuple):
    """One time that a device was awake; `until` is None while it still is, or where its end was not heard."""

    since: float
    until: float | None


class Rhythm(NamedTuple):
    """It wakes `every` so many seconds, `spread` of them more or less, for `awake_for`; learned from `samples`."""

    every: float
    awake_for: float
    spread: float
    samples: int


class Chance(NamedTuple):
    """The next time that it can be sent something: about `at`, give or take `spread`, for `for_seconds`."""

    at: float
    for_seconds: float
    spread: float = 0.0


class Fit(NamedTuple):
    """Whether what takes `needs` seconds fits into `has`."""

    fits: bool
    needs: float
    has: float


def learn(presences: Sequence[Awake]) -> Rhythm | None:
    """The rhythm of these times, oldest first; None for a device that is there most of the time, or has none."""
    intervals = [later.since - earlier.since for earlier, later in pairwise(presences)]
    lengths = [each.until - each.since for each in presences if each.until is not None]
    if len(intervals) < ENOUGH - 1 or len(lengths) < ENOUGH - 1:
        return None
    every = median(intervals)
    spread = median(abs(each - every) for each in intervals)
    awake_for = _cautious(lengths)
    if every <= 0 or spread > REGULAR * every or awake_for > every / 2:
        return None
    return Rhythm(every, awake_for, spread, len(lengths))


def _cautious(lengths: Sequence[float]) -> float:
    """A time that three of four wake-ups reach: an image that fits only now and then does not fit."""
    return quantiles(lengths, n=4, method="inclusive")[0] if len(lengths) > 1 else lengths[0]


def next_chance(rhythm: Rhythm | None, presences: Sequence[Awake], now: float) -> Chance | None:
    """When it can be sent something next; None when nobody can tell. What is awake is so at once."""
    if rhythm is None or not presences:
        return None
    last = presences[-1]
    if last.until is None and now - last.since <= rhythm.every:
        return Chance(now, max(0.0, last.since + rhythm.awake_for - now))
    slack = rhythm.awake_for + 2 * rhythm.spread
    count = max(1, ceil((now - slack - last.since) / rhythm.every))
    if count > MISSED:
        return None
    at = max(now, last.since + count * rhythm.every)
    return Chance(at, rhythm.awake_for, rhythm.spread)


def will_fit(chance: Chance | None, size: int, rate: float | None) -> Fit | None:
    """Whether `size` bytes at `rate` bytes a second fit into the chance; None where one of them is not known."""
    if chance is None or not rate or rate <= 0 or size <= 0:
        return None
    needs = size / rate
    return Fit(needs <= chance.for_seconds, needs, chance.for_seconds)


def sentence(chance: Chance | None, fit: Fit | None, clock: Callable[[float], str], now: float) -> str:
    """What is known of it, for people; `clock` writes a moment in the reader's zone. Empty: nothing is known."""
    if chance is None:
        return ""
    if chance.for_seconds == 0 and chance.at > now:
        return f"asks about {clock(chance.at)}"
    when = "is awake" if chance.at <= now else f"wakes about {clock(chance.at)}"
    text = f"{when} for {spell(chance.for_seconds)}{'' if chance.at > now else ' more'}"
    if fit is None:
        return text
    verdict = "it will fit" if fit.fits else "it will not fit"
    return f"{text}; the image needs {spell(fit.needs)}: {verdict}"


def spell(seconds: float) -> str:
    """A length of time as people say it: `20 s`, `14 min`, `3 h`."""
    for size, unit in ((86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
