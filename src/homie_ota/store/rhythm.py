"""When devices were awake, and what is learned from it: when a sleeper can be reached next, and whether an image fits.

Rule: a row begins with a wake-up and ends when it was heard to go; where nobody was listening there is no row, because
a wrong time is worse than none. A device keeps its newest KEPT.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from statistics import median

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE, Way
from homie_ota.rollout import rhythm
from homie_ota.rollout.rhythm import Awake, Chance, Fit, Rhythm
from homie_ota.store import pace
from homie_ota.store.database import upsert
from homie_ota.store.tables import device, presence

KEPT = 64
"""Times that one device was awake; enough for a rhythm, and bounded for one that restarts all day."""

FEW = 5
"""So many other devices tell a rate for one that has none of its own yet."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of its waking: `rate` in bytes a second, `by_others` when it was measured of other devices."""

    awake: bool
    rhythm: Rhythm | None
    chance: Chance | None
    fit: Fit | None
    rate: float | None
    by_others: bool = False


def note(
    connection: Connection, woke: Collection[int], left: Collection[int], *, now: float, watching: bool
) -> None:
    """Write that devices became awake, and that others left; unless `watching`, it was so before we listened."""
    if woke:
        open_ = sa.select(presence.c.device_pk).where(
            presence.c.device_pk.in_(list(woke)), presence.c.until.is_(None)
        )
        new = set(woke) - set(connection.execute(open_).scalars())
        rows = [{"device_pk": pk, "since": now, "until": None} for pk in sorted(new)]
        upsert(connection, presence, rows, ["device_pk", "since"], [])
        if watching:
            _prune(connection, new)
    if left:
        ended = presence.c.until.is_(None) & (presence.c.device_pk == sa.bindparam("pk"))
        change = (
            presence.update().where(ended).values(until=now) if watching else presence.delete().where(ended)
        )
        connection.execute(change, [{"pk": pk} for pk in left])


def _prune(connection: Connection, pks: Collection[int]) -> None:
    newest = presence.alias("newest")
    last = (
        sa.select(newest.c.since)
        .where(newest.c.device_pk == sa.bindparam("pk"))
        .order_by(newest.c.since.desc())
        .limit(1)
        .offset(KEPT - 1)
        .scalar_subquery()
    )
    old = presence.delete().where(presence.c.device_pk == sa.bindparam("pk"), presence.c.since < last)
    if pks:
        connection.execute(old, [{"pk": pk} for pk in pks])


def presences(connection: Connection, device_pk: int) -> list[Awake]:
    """When a device was awake, oldest first."""
    query = sa.select(presence.c.since, presence.c.until).where(presence.c.device_pk == device_pk)
    return [Awake(*row) for row in connection.execute(query.order_by(presence.c.since))]


def of_all(connection: Connection, device_pks: Collection[int]) -> dict[int, list[Awake]]:
    """The same for many devices; those without any are left out."""
    query = sa.select(presence).where(presence.c.device_pk.in_(list(device_pks)))
    found: dict[int, list[Awake]] = {}
    for pk, since, until in connection.execute(query.order_by(presence.c.device_pk, presence.c.since)):
        found.setdefault(pk, []).append(Awake(since, until))
    return found


def outlook(connection: Connection, device_pk: int, size: int, now: float) -> Outlook:
    """What is to be expected of a device for an image of `size` bytes (0: no certain one)."""
    known = presences(connection, device_pk)
    learned = rhythm.learn(known)
    state, way = connection.execute(
        sa.select(device.c.state, device.c.way).where(device.c.pk == device_pk)
    ).one()
    chance = rhythm.next_chance(learned, known, now)
    rate, by_others = _rate(connection, device_pk)
    # One that asks is there for as long as it takes to fetch the image.
    fit = None if way == Way.ASKS.value else rhythm.will_fit(chance, size, rate)
    return Outlook(state in AWAKE, learned, chance, fit, rate, by_others)


def _rate(connection: Connection, device_pk: int) -> tuple[float | None, bool]:
    own = pace.past(connection, device_pk).rates
    if own:
        return median(own), False
    others = pace.rates(connection, latest=FEW)
    return (median(others), True) if others else (None, False)
