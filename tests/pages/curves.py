"""A month of curves for a home: signal with its nights, free heap, restarts, and what the sensors measured."""

from __future__ import annotations

from math import sin
from random import Random

from homie_ota.fleet.curves import LOST, RAN, SEEN, SLEPT, hours
from homie_ota.fleet.packed import Curves
from homie_ota.store import events, series
from homie_ota.store.database import Connection

DAY, HOUR = 86_400, 3_600


def write(
    conn: Connection, pk: int, *, state: str, signal: float, values: tuple[str, ...], now: float
) -> None:
    """A month of one device until `now`."""
    random, end = Random(pk), int(now)
    month = range(end - 30 * DAY, end, HOUR // 2)
    stats = Curves(
        list(month),
        {
            "signal": [signal + 6 * sin(at / DAY * 6.28) + random.uniform(-4, 4) for at in month],
            "heap": [
                21_000 - (at - month.start) % (9 * DAY) / 400 + random.uniform(-300, 300) for at in month
            ],
            "uptime": [float((at + pk * HOUR * 7) % (9 * DAY)) for at in month],
        },
    )
    series.append(conn, series.STATS_BY_HOUR, {pk: hours(stats, spread=True)})
    fine = range(end - DAY - HOUR, end, 300)
    day = Curves(
        list(fine),
        {
            "signal": [signal + 6 * sin(at / DAY * 6.28) + random.uniform(-4, 4) for at in fine],
            "heap": [20_800 + random.uniform(-300, 300) for _ in fine],
            "uptime": [float((at + pk * HOUR * 7) % (9 * DAY)) for at in fine],
        },
    )
    series.append(conn, series.STATS, {pk: day})
    usual = SLEPT if state == "sleeping" else RAN
    lost = {at for at in month if state == "lost" and at > end - 3 * DAY}
    life = [float(LOST if at in lost else usual) for at in month[::2]]
    series.append(conn, series.LIFE, {pk: Curves(list(month[::2]), {SEEN: life})})
    measured = {
        name: [19 + 4 * sin(at / DAY * 6.28) + random.uniform(-0.4, 0.4) for at in month] for name in values
    }
    if measured:
        told = Curves(list(month), measured)
        series.append(conn, series.VALUES_BY_HOUR, {pk: hours(told, spread=False)})
        series.append(conn, series.VALUES, {pk: told.between(end - 2 * DAY, end)})


def ran(conn: Connection, pk: int, before: str, after: tuple[str, str, str], at: float) -> None:
    """From `at` on the device ran another firmware: MD5 before; MD5, name and version after."""
    key, name, version = after
    data = {"from": before, "key": key, "name": name, "version": version}
    events.add(conn, "firmware", at=at, device_pk=pk, actor="device", data=data)
