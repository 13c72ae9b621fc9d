"""The last days of a device as one line of text: which firmware ran, when it restarted, slept, or was lost.

Rule: a mark stands for one cell of some hours and is the same however often it is asked; where nobody listened it is a
blank, because a guess would be worse.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.fleet.curves import BOOTS, HOUR, LEFT, LOST, RAN, SEEN, SLEPT, bit_of, hours
from homie_ota.model import State
from homie_ota.store import changes, series
from homie_ota.store.tables import device, firmware

CELL = 4 * HOUR
"""Seconds of one cell: 30 days are 180 characters."""

RUNNING = "=-"
"""Marks of a device that ran: by turns, so that another firmware is another band."""

RESTARTED, ASLEEP, WAS_LOST, OFF, UNHEARD = "|", ".", "x", "_", " "

WORDS = {RESTARTED: "restarted", ASLEEP: "slept", WAS_LOST: "lost", OFF: "off", UNHEARD: "nothing heard"}
"""What each mark says; the marks of RUNNING say “ran”."""


class Cell(NamedTuple):
    """A few hours from `at`: its mark, which band (index into the strip's) it belongs to (None: none), and boots."""

    at: int
    mark: str
    band: int | None
    boots: int


class Band(NamedTuple):
    """One firmware that ran from `since` to `until` (None: it still does); an empty `name` is not known any more."""

    name: str
    version: str
    md5: str
    since: float
    until: float | None


class Strip(NamedTuple):
    """`text` has one character a cell, the last one is now."""

    cells: tuple[Cell, ...]
    bands: tuple[Band, ...]

    @property
    def text(self) -> str:
        """The line."""
        return "".join(each.mark for each in self.cells)


def of(connection: Connection, device_pk: int, now: float, days: int = 30) -> Strip:
    """The strip of a device; without any cells when it is not known."""
    columns = (device.c.first_seen, device.c.fw_name, device.c.fw_version, device.c.md5)
    row = connection.execute(sa.select(*columns).where(device.c.pk == device_pk)).first()
    if row is None:
        return Strip((), ())
    last = int(now) - int(now) % CELL
    starts = range(last - CELL * (days * 86_400 // CELL - 1), last + CELL, CELL)
    bands = _bands(connection, device_pk, tuple(row))
    shown = tuple(each for each in bands if each.until is None or each.until > starts[0])
    return Strip(tuple(_cells(connection, device_pk, shown, starts, now)), shown)


def _bands(connection: Connection, device_pk: int, row: tuple[Any, ...]) -> list[Band]:
    """What it ran, one after another; of the first only the checksum is known, and the stored image tells its name."""
    first_seen, name, version, md5 = row
    ran = changes.of(connection, device_pk)
    if not ran:
        return [Band(name, version, md5, first_seen, None)]
    first = ran[0].before
    known = _names(connection, first)
    starts: list[float] = [first_seen, *(each.at for each in ran)]
    ends: list[float | None] = [*starts[1:], None]
    said = [(*known, first), *((each.name, each.version, each.key) for each in ran)]
    whole = zip(said, starts, ends, strict=True)
    return [Band(name, version, key, since, until) for (name, version, key), since, until in whole]


def _names(connection: Connection, key: str) -> tuple[str, str]:
    """Name and version of what a device means by its MD5, or by `name@version`; empty when nothing is known of it."""
    query = sa.select(firmware.c.name, firmware.c.version).where(firmware.c.md5 == key)
    found = connection.execute(query).first()
    if found is not None:
        return found.name, found.version
    name, at, version = key.partition("@")
    return (name, version) if at else ("", "")


def _cells(
    connection: Connection, device_pk: int, bands: tuple[Band, ...], starts: range, now: float
) -> list[Cell]:
    since = starts[0]
    seen = _bits(connection, device_pk, since, now)
    seen[starts[-1]] = seen.get(starts[-1], 0) | _present(connection, device_pk, starts[-1])
    boots = _boots(connection, device_pk, since, now)
    cells = []
    for at in starts:
        band = _band_at(bands, at + CELL)
        cells.append(Cell(at, _mark(seen.get(at, 0), boots.get(at, 0), band), band, boots.get(at, 0)))
    return cells


def _band_at(bands: tuple[Band, ...], moment: float) -> int | None:
    begun = [number for number, each in enumerate(bands) if each.since < moment]
    return begun[-1] if begun else None


def _mark(bits: int, boots: int, band: int | None) -> str:
    """What is rarer is told first; each wake-up of a sleeper is a boot, and none is a restart."""
    if bits & SLEPT:
        return ASLEEP
    if boots:
        return RESTARTED
    if bits & RAN:
        return RUNNING[(band or 0) % len(RUNNING)]
    if bits & LOST:
        return WAS_LOST
    return OFF if bits & LEFT else UNHEARD


def _bits(connection: Connection, device_pk: int, since: float, now: float) -> dict[int, int]:
    found = series.load(connection, device_pk, series.LIFE, since, now + 1)
    seen: dict[int, int] = {}
    for at, bits in zip(found.times, found.columns.get(SEEN, ()), strict=False):
        cell = at - at % CELL
        seen[cell] = seen.get(cell, 0) | int(bits)
    return seen


def _present(connection: Connection, device_pk: int, since: float) -> int:
    """The state of now, where it was heard `since`: a new device is shown before its first look."""
    columns = (device.c.state, device.c.state_since, device.c.last_seen)
    row = connection.execute(sa.select(*columns).where(device.c.pk == device_pk)).one()
    return bit_of(State(row.state)) if max(row.state_since, row.last_seen) >= since else 0


def _boots(connection: Connection, device_pk: int, since: float, now: float) -> dict[int, int]:
    """How often it booted in each cell: by hours, and since the last whole one by its single points."""
    by_hour = series.load(connection, device_pk, series.STATS_BY_HOUR, since, now + 1)
    latest = by_hour.times[-1] if by_hour.times else now - series.FINE_DAYS * series.DAY
    fine = series.load(connection, device_pk, series.STATS, latest, now + 1)
    rest = hours(fine, spread=True).between(latest + 1 if by_hour.times else latest, now + 1)
    found: dict[int, int] = {}
    for curves in (by_hour, rest):
        for at, count in zip(curves.times, curves.columns.get(BOOTS, ()), strict=False):
            found[at - at % CELL] = found.get(at - at % CELL, 0) + int(count)
    return found
