"""Signal, free heap and uptime of a device over a day and a month, as numbers and characters.

Rule: with scripts the same curves are drawn from the API; what is here stands without them, and under them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from homie_ota.fleet.curves import STATISTICS
from homie_ota.store import series
from homie_ota.store.database import Connection
from homie_ota.web.device.spark import Spark, spark

DAY = 86_400.0
SPANS = {"day": DAY, "month": 31 * DAY}
WIDTH = 48


class Curve(NamedTuple):
    """One metric: its curve by span, None where nothing was kept."""

    metric: str
    spans: dict[str, Spark | None]


def curves_of(conn: Connection, row: Mapping[str, Any], now: float) -> list[Curve]:
    """The curves of the statistics that this device tells at all."""
    found = [Curve(metric, {}) for metric in STATISTICS]
    for span, seconds in SPANS.items():
        since = now - seconds
        for each in found:
            curve = series.read(conn, row["pk"], each.metric, since, now + 1)
            each.spans[span] = spark(curve.times, curve.values, since, now, WIDTH)
    return [each for each in found if any(each.spans.values())]
