"""Signal, free heap and uptime of a device over a day and a month, as numbers and characters.

Rule: with scripts the same curves are drawn from the API; what is here stands without them, and under them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from homie_ota.fleet.curves import STATISTICS
from homie_ota.fleet.packed import Curves
from homie_ota.store import series
from homie_ota.store.database import Connection
from homie_ota.web.device.spark import Spark, spark

DAY, MONTH = 86_400.0, 31 * 86_400.0
WIDTH = 32


class Curve(NamedTuple):
    """One metric: its curve by span, None where nothing was kept."""

    metric: str
    spans: dict[str, Spark | None]


def curves_of(conn: Connection, row: Mapping[str, Any], now: float) -> list[Curve]:
    """The curves of the statistics that this device tells at all."""
    day = _with_latest(series.load(conn, row["pk"], series.STATS, now - DAY, now + 1), row["recent"] or ())
    month = series.load(conn, row["pk"], series.STATS_BY_HOUR, now - MONTH, now + 1)
    found = [
        Curve(
            metric,
            {"day": _draw(day, metric, now - DAY, now), "month": _draw(month, metric, now - MONTH, now)},
        )
        for metric in STATISTICS
    ]
    return [each for each in found if any(each.spans.values())]


def _draw(curves: Curves, metric: str, since: float, until: float) -> Spark | None:
    return spark(curves.times, curves.columns.get(metric, ()), since, until, WIDTH)


_PLACES = {"uptime": 1, "heap": 2, "signal": 3}
"""Where the rounds of a device's row have each metric."""


def _with_latest(kept: Curves, rounds: Sequence[Sequence[float | None]]) -> Curves:
    """The last statistics are in the device's row, and in no bucket yet."""
    newest = kept.times[-1] if kept.times else 0
    new = [each for each in rounds if len(each) == 4 and each[0] is not None and each[0] > newest]
    if not new:
        return kept
    nothing = [float("nan")] * len(kept.times)
    columns = {
        metric: [*kept.columns.get(metric, nothing), *(_or_nan(each[place]) for each in new)]
        for metric, place in _PLACES.items()
    }
    return Curves([*kept.times, *(int(each[0] or 0) for each in new)], columns)


def _or_nan(number: float | None) -> float:
    return float("nan") if number is None else number
