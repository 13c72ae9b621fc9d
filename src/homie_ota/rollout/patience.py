"""How long to wait for a device that comes by itself to ask: learned from how often it asked before.

Rule: some times its usual interval, never less than what the settings give a reboot; without a past, somewhat more
than a day, for most sketches ask at every start and the others seldom less than daily.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median

KEPT = 9
"""Times at which it asked that are looked at, the newest ones."""
ENOUGH = 3
"""Fewer tell no rhythm."""
FACTOR = 3.0
UNKNOWN = 26 * 3600.0
LONGEST = 14 * 86_400.0


def every(asked_at: Sequence[float]) -> float | None:
    """Its usual interval in seconds, from the times at which it asked, oldest first; None when nobody can tell."""
    recent = asked_at[-KEPT:]
    if len(recent) < ENOUGH:
        return None
    return median(later - earlier for earlier, later in pairwise(recent)) or None


def wait(asked_at: Sequence[float], usual: float) -> float:
    """Seconds after which it should have asked again; `usual` is what the settings give a reboot."""
    interval = every(asked_at)
    return UNKNOWN if interval is None else min(LONGEST, max(usual, FACTOR * interval))
