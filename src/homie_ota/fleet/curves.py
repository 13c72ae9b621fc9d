"""What of a device is kept as curves: its statistics, its numeric values now and then, and which states it was in.

Rule: nothing is gathered message by message: the last rounds of statistics are in the fleet anyway, and whoever looks
every few minutes misses none at a usual interval. An hour's summary is made of the points that are kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from math import isfinite, isnan, nan
from statistics import median

from homie_ota.fleet.known import KnownDevice, KnownProperty
from homie_ota.fleet.packed import Curves
from homie_ota.fleet.recent import ONE_ROUND, Round
from homie_ota.model import State

STATISTICS = ("signal", "heap", "uptime")
"""Columns of the statistics."""

SEEN, BOOTS = "seen", "boots"
"""Columns: the states of which one was seen (bits of `bit_of`), and how often the uptime began anew in an hour."""

LOW, HIGH = ".low", ".high"
"""Endings of the columns of a summary beside the median's, which has the plain name. `.` is in no id of Homie."""

MOST_PROPERTIES = 32
"""Numeric properties of one device that have a curve, in the order in which it announced them."""

SPACING = 30
"""Seconds between two points at least, of devices that tell their statistics all the time."""

HOUR = 3600

RAN, SLEPT, LOST, LEFT = 1, 2, 4, 8
_BITS = {State.SLEEPING: SLEPT, State.LOST: LOST, State.DISCONNECTED: LEFT, State.UNKNOWN: 0}


def bit_of(state: State) -> int:
    """The bit of a state in the column SEEN; 0 for unknown."""
    return _BITS.get(state, RAN)


def statistics(known: KnownDevice, since: float, now: float) -> Curves | None:
    """The rounds of statistics after `since` that are whole, None when there are none."""
    if known.recent is None or known.recent.last is None or known.recent.last.at <= since:
        return None
    rounds: list[Round] = []
    for each in known.recent.rounds:
        if since < each.at <= now - ONE_ROUND and (not rounds or each.at >= rounds[-1].at + SPACING):
            rounds.append(each)
    if not rounds:
        return None
    columns = {name: [_or_nan(getattr(each, name)) for each in rounds] for name in STATISTICS}
    return Curves([int(each.at) for each in rounds], columns)


def values(known: KnownDevice, since: float, now: float) -> Curves | None:
    """All numeric values as they are `now`, None unless one of them was heard after `since`."""
    numeric = list(islice(_numeric(known), MOST_PROPERTIES))
    if all(prop.at <= since for prop, _ in numeric):
        return None
    return Curves([int(now)], {f"{prop.node}/{prop.id}": [number] for prop, number in numeric})


def _numeric(known: KnownDevice) -> Iterator[tuple[KnownProperty, float]]:
    for node in known.nodes.values():
        for prop in node.properties.values():
            if prop.value is None or prop.datatype in ("string", "enum", "color", "datetime", "json"):
                continue
            number = _number(prop.value)
            if number is not None:
                yield prop, number


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) else None


def hours(curves: Curves, *, spread: bool) -> Curves:
    """A row for each hour: the median of each column, with `spread` also lowest, highest and the number of boots."""
    boots = _boots(curves)
    rows = [(at, _summary(curves, chosen, boots if spread else None)) for at, chosen in _by_hour(curves)]
    names = dict.fromkeys(name for _, row in rows for name in row)
    return Curves([at for at, _ in rows], {name: [row.get(name, nan) for _, row in rows] for name in names})


def _by_hour(curves: Curves) -> Iterator[tuple[int, list[int]]]:
    found: dict[int, list[int]] = {}
    for row, at in enumerate(curves.times):
        found.setdefault(at - at % HOUR, []).append(row)
    yield from found.items()


def _summary(curves: Curves, chosen: list[int], boots: Sequence[bool] | None) -> dict[str, float]:
    told: dict[str, float] = {}
    for name, numbers in curves.columns.items():
        here = [numbers[row] for row in chosen if not isnan(numbers[row])]
        if not here:
            continue
        told[name] = median(here)
        if boots is not None:
            told[name + LOW], told[name + HIGH] = min(here), max(here)
    if boots is not None:
        told[BOOTS] = sum(boots[row] for row in chosen)
    return told


def _boots(curves: Curves) -> list[bool]:
    """Whether the device had begun anew since the row before: its uptime fell."""
    found, before = [], -1.0
    for uptime in curves.columns.get("uptime", ()):
        found.append(uptime < before)
        before = before if isnan(uptime) else uptime
    return found or [False] * len(curves.times)


def _or_nan(number: float | None) -> float:
    return nan if number is None else number
