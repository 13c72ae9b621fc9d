"""A curve as a few characters, for pages without scripts, lists and terminals.

Rule: eight heights from the lowest value to the highest; a place where nothing was told is a blank.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

HEIGHTS = "▁▂▃▄▅▆▇█"
WIDTH = 24


class Spark(NamedTuple):
    """The characters, and least, middle and most of what they draw."""

    text: str
    low: float
    middle: float
    high: float


def spark(
    times: Sequence[float], values: Sequence[float | None], since: float, until: float, width: int = WIDTH
) -> Spark | None:
    """The curve between two moments (`times` rise) in `width` characters; None when nothing was told there."""
    wide = (until - since) / width
    edges = [bisect_left(times, since + number * wide) for number in range(width)]
    ends = [*edges[1:], bisect_right(times, until)]
    # Neither NaN nor infinite: of such a number nothing is left when it is taken from itself.
    cells = [
        [value for value in values[first:last] if value is not None and value - value == 0.0]
        for first, last in zip(edges, ends, strict=True)
    ]
    told = [value for cell in cells for value in cell]
    if not told:
        return None
    low, high = min(told), max(told)
    return Spark("".join(_height(cell, low, high) for cell in cells), low, median(told), high)


def _height(cell: Sequence[float], low: float, high: float) -> str:
    if not cell:
        return " "
    if high <= low:
        return HEIGHTS[0]
    return HEIGHTS[round((median(cell) - low) / (high - low) * (len(HEIGHTS) - 1))]
