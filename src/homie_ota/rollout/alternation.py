"""Whether a device goes back and forth between two images by itself.

Rule: it is told by what it ran, one after another, and by which of that was ordered here; a person who changes it back
once is not taken for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

WINDOW = 7 * 86400.0
"""Seconds in which going back and forth counts."""


class Change(NamedTuple):
    """From `at` on the device ran `key`; `ours`: one of our attempts brought it there."""

    at: float
    key: str
    ours: bool


def alternates(changes: Sequence[Change], now: float) -> frozenset[str]:
    """The two images between which a device goes back and forth by itself; empty when it does not.

    Three changes in a week between two images, two of which nobody ordered here: it rolls back by itself, something is
    kept on the broker, or somebody else updates it too.
    """
    recent = [each for each in changes if each.at > now - WINDOW][-4:]
    keys = frozenset(each.key for each in recent)
    strangers = sum(not each.ours for each in recent)
    return keys if len(recent) >= 3 and len(keys) == 2 and strangers >= 2 else frozenset()
