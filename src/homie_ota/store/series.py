"""Curves of devices in packed buckets: appended now and then, summed up by the hour, and forgotten after their time.

Rule: a bucket only grows, by compare-and-set; what is in it already is not taken again. Whoever reads gets the points
of a bucket and, of statistics, those that the device's own row still holds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import groupby
from math import isnan
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.fleet import curves as of_devices
from homie_ota.fleet.curves import HIGH, HOUR, LOW, STATISTICS
from homie_ota.fleet.packed import NOTHING, Curves, appended, joined, pack, unpack
from homie_ota.store.database import upsert
from homie_ota.store.tables import device, series

DAY = 86_400


class Kind(NamedTuple):
    """One sort of rows: what is in it, how far apart its points are, and how many seconds a bucket holds."""

    metric: str
    resolution: int
    width: int


STATS = Kind("stats", 1, 4 * HOUR)
VALUES = Kind("values", 900, DAY)
LIFE = Kind("life", HOUR, 8 * DAY)
STATS_BY_HOUR = Kind("stats", HOUR, 8 * DAY)
VALUES_BY_HOUR = Kind("values", HOUR, 8 * DAY)

FINE = {STATS: STATS_BY_HOUR, VALUES: VALUES_BY_HOUR}
"""What is kept for FINE_DAYS, and what is made of it for as long as the settings say."""

FINE_DAYS = 2
"""Days that single points are kept: a whole day can always be drawn."""

MOST_POINTS = 1500
"""Points that are drawn of a curve; more are wider than a screen."""


class Curve(NamedTuple):
    """One curve: Unix seconds, values (None: nothing told), and lowest and highest where a point stands for several."""

    times: list[int]
    values: list[float | None]
    low: list[float | None]
    high: list[float | None]


def read(connection: Connection, device_pk: int, metric: str, since: float, until: float) -> Curve:
    """The curve of `signal`, `heap`, `uptime` or `node/property`: single points for a day or two, else hours."""
    kind = STATS if metric in STATISTICS else VALUES
    fine = until - since <= FINE_DAYS * DAY
    found = load(connection, device_pk, kind if fine else FINE[kind], since, until)
    if not fine:
        latest = found.times[-1] + HOUR if found.times else since
        rest = load(connection, device_pk, kind, max(latest, until - FINE_DAYS * DAY), until)
        found = appended(found, of_devices.hours(rest, spread=kind is STATS))
    elif kind is STATS:
        found = appended(found, _recent(connection, device_pk).between(since, until))
    return _curve(found, metric)


def _curve(found: Curves, metric: str) -> Curve:
    values = found.columns.get(metric, ())
    low, high = found.columns.get(metric + LOW, values), found.columns.get(metric + HIGH, values)
    rows = [row for row, value in enumerate(values) if not isnan(value)]
    rows = rows[:: 1 + len(rows) // MOST_POINTS]
    return Curve(
        [found.times[row] for row in rows],
        *([_told(each[row]) for row in rows] for each in (values, low, high)),
    )


def _told(number: float) -> float | None:
    """Single precision holds seven digits: 21.3, not 21.299999."""
    return None if isnan(number) else float(f"{number:.7g}")


def load(connection: Connection, device_pk: int, kind: Kind, since: float, until: float) -> Curves:
    """What is stored of one kind, between two moments."""
    first, last = int(since) // kind.width, int(until) // kind.width
    query = (
        sa.select(series.c.packed)
        .where(series.c.device_pk == device_pk, *_of(kind), series.c.bucket.between(first, last))
        .order_by(series.c.bucket)
    )
    return joined(map(_unpacked, connection.execute(query).scalars())).between(since, until)


def _recent(connection: Connection, device_pk: int) -> Curves:
    """The last statistics, which no bucket has yet."""
    rounds = connection.execute(sa.select(device.c.recent).where(device.c.pk == device_pk)).scalar() or []
    whole = [each for each in rounds if len(each) == 4 and each[0] is not None]
    places = {"uptime": 1, "heap": 2, "signal": 3}
    columns = {
        name: [float("nan") if each[place] is None else each[place] for each in whole]
        for name, place in places.items()
    }
    return Curves([int(each[0]) for each in whole], columns)


def append(connection: Connection, kind: Kind, found: Mapping[int, Curves]) -> None:
    """Add the points of each device (by `pk`) to its buckets; devices without a row are left out."""
    pieces = {
        (pk, bucket): piece for pk, curves in found.items() for bucket, piece in _pieces(curves, kind.width)
    }
    stored = _stored(connection, kind, pieces)
    known = set(connection.execute(sa.select(device.c.pk).where(device.c.pk.in_(list(found)))).scalars())
    new: list[dict[str, object]] = []
    changed: list[dict[str, object]] = []
    for (pk, bucket), piece in pieces.items():
        before = stored.get((pk, bucket))
        old = NOTHING if before is None else _unpacked(before)
        grown = appended(old, piece)
        if grown is old or pk not in known:
            continue
        row = {"pk": pk, "of": bucket, "grown": pack(grown), "before": before}
        (new if before is None else changed).append(row)
    _write(connection, kind, new, changed)


def _write(
    connection: Connection, kind: Kind, new: list[dict[str, object]], changed: list[dict[str, object]]
) -> None:
    about = {"metric": kind.metric, "resolution": kind.resolution}
    rows = [{**about, "device_pk": e["pk"], "bucket": e["of"], "packed": e["grown"]} for e in new]
    upsert(connection, series, rows, ["device_pk", "metric", "resolution", "bucket"], [])
    if changed:
        here = (series.c.device_pk == sa.bindparam("pk")) & (series.c.bucket == sa.bindparam("of"))
        unchanged = series.c.packed == sa.bindparam("before")
        change = series.update().where(*_of(kind), here, unchanged).values(packed=sa.bindparam("grown"))
        connection.execute(change, changed)


def _pieces(curves: Curves, width: int) -> Iterable[tuple[int, Curves]]:
    buckets = [at // width for at in curves.times]
    if buckets and buckets[0] == buckets[-1]:
        return [(buckets[0], curves)]
    return [
        (bucket, curves.between(bucket * width, (bucket + 1) * width))
        for bucket, _ in groupby(sorted(buckets))
    ]


def _stored(
    connection: Connection, kind: Kind, places: Collection[tuple[int, int]]
) -> dict[tuple[int, int], bytes]:
    query = sa.select(series.c.device_pk, series.c.bucket, series.c.packed).where(
        *_of(kind),
        series.c.device_pk.in_({pk for pk, _ in places}),
        series.c.bucket.in_({bucket for _, bucket in places}),
    )
    return {(pk, bucket): bytes(packed) for pk, bucket, packed in connection.execute(query)}


def sum_up(connection: Connection, pks: Collection[int], since: float, until: float) -> None:
    """Make the hours between two whole hours out of the single points; hours that are there stay as they are."""
    for kind, by_hour in FINE.items():
        # One hour more: whether the first point is a restart, the one before it tells.
        first, last = int(since - HOUR) // kind.width, int(until) // kind.width
        query = (
            sa.select(series.c.device_pk, series.c.packed)
            .where(*_of(kind), series.c.device_pk.in_(list(pks)), series.c.bucket.between(first, last))
            .order_by(series.c.device_pk, series.c.bucket)
        )
        rows = groupby(connection.execute(query), key=lambda row: int(row.device_pk))
        found = {
            pk: of_devices.hours(joined(_unpacked(each.packed) for each in buckets), spread=kind is STATS)
            for pk, buckets in rows
        }
        append(connection, by_hour, {pk: each.between(since, until) for pk, each in found.items()})


def forget(connection: Connection, pks: Collection[int], now: float, days: int) -> None:
    """Delete the old buckets of these devices: single points after FINE_DAYS, hours after `days` (0: never)."""
    kept = {STATS: FINE_DAYS, VALUES: FINE_DAYS}
    if days:
        kept |= {STATS_BY_HOUR: days, VALUES_BY_HOUR: days, LIFE: days}
    for kind, time in kept.items():
        over = series.c.bucket < (int(now) - time * DAY) // kind.width
        connection.execute(series.delete().where(series.c.device_pk.in_(list(pks)), *_of(kind), over))


def _of(kind: Kind) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return series.c.metric == kind.metric, series.c.resolution == kind.resolution


def _unpacked(packed: bytes) -> Curves:
    return unpack(bytes(packed)) or NOTHING
