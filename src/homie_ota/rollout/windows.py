"""Whether devices may be updated at this local time, and when that changes.

Rule: local time only, as weekday and minute; what that is in seconds, and summer time, is the shell's work. Without any
window it is always open.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from homie_ota.rollout.plan import Window

DAY = 1440
WEEK = 7 * DAY


class LocalTime(NamedTuple):
    """A moment of the week on the wall clock: 0 Monday … 6 Sunday, and the minute of the day (0–1439)."""

    weekday: int
    minute: int


def is_open(windows: Sequence[Window], at: LocalTime) -> bool:
    """Whether one of the windows is open; `until` belongs to the time when it is closed."""
    return opens_in(windows, at) == 0


def opens_in(windows: Sequence[Window], at: LocalTime) -> int | None:
    """Minutes until one is open (0: it is); None when none ever opens."""
    if not windows:
        return 0
    return min((each for window in windows if (each := _opens_in(window, at)) is not None), default=None)


def _opens_in(window: Window, at: LocalTime) -> int | None:
    now, length = at.weekday * DAY + at.minute, (window.until - window.since) % DAY or DAY
    found = []
    for day in window.days:
        behind = (now - (day * DAY + window.since)) % WEEK
        found.append(0 if behind < length else WEEK - behind)
    return min(found, default=None)
