"""How a device and its untouched siblings are: taken when it is offered an image, and again when its soak is judged.

Rule: who the siblings are is settled at the offer and stored with their values, so that a restart of ours changes
nothing; whoever was offered something since is no sibling any more.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from statistics import median
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.health import Snapshot
from homie_ota.homie.lists import entries
from homie_ota.model import ACTIVE, AWAKE, Deployment
from homie_ota.rollout.soak import Sample, Soak
from homie_ota.rollout.verification import Neighbours
from homie_ota.store.tables import deployment, device, firmware

SIBLINGS = 20
"""So many are enough for a median."""

FEWEST = 3
"""With fewer that run the same image, others of the same name are taken in."""

MISSED = 1.5
"""A sleeper that was not heard for so many times its rhythm is gone."""

A_HABIT = 3
"""So many boots between rounds of statistics are a habit."""

_ASKED = (
    "fw_name",
    "fw_version",
    "md5",
    "uptime",
    "signal",
    "heap",
    "state",
    "way",
    "homie",
    "facts",
    "nodes",
    "recent",
)
_STORED = ("fw_name", "fw_version", "md5", "uptime", "state", "way")

Before = dict[str, Any]


def at_offer(connection: Connection, device_pk: int) -> tuple[Before, str]:
    """How the device is before the image goes out, and the SHA-256 of what it runs (empty: not stored)."""
    row = _row(connection, device_pk)
    rounds = [_sample(each) for each in row["recent"]]
    told = bool(rounds) or row["uptime"] is not None
    before: Before = {
        **{name: row[name] for name in _STORED},
        "heap": _middle(rounds, 2, row["heap"]),
        "signal": _middle(rounds, 3, row["signal"]),
        "rounds": len(rounds),
        "told": told,
        "interval": interval(row, rounds),
        **_sleeping(row["homie"], rounds),
        "nodes": None if (nodes := announced(row)) is None else list(nodes),
        "siblings": _siblings(connection, device_pk, row),
    }
    return before, _stored_as(connection, row["md5"])


def _row(connection: Connection, device_pk: int) -> dict[str, Any]:
    return dict(connection.execute(_ROW, {"device": device_pk}).mappings().one())


_ROW = sa.select(*(device.c[name] for name in _ASKED)).where(device.c.pk == sa.bindparam("device"))


def _stored_as(connection: Connection, md5: str) -> str:
    query = sa.select(firmware.c.sha256).where(firmware.c.md5 == md5)
    return (connection.execute(query).scalar() or "") if md5 else ""


def _sample(numbers: Sequence[float | None]) -> Sample:
    at, uptime, heap, signal = numbers
    return (at or 0.0, uptime, heap, signal)


def _middle(rounds: Sequence[Sample], column: int, otherwise: float | None = None) -> float | None:
    """The median of one number of these rounds; `otherwise` where none of them has it."""
    found = [number for each in rounds if (number := each[column]) is not None]
    return median(found) if found else otherwise


def interval(row: dict[str, Any], rounds: Sequence[Sample]) -> float:
    """Seconds between statistics: as announced, else as they came, else 0 (2.0.0 announces 0 at every connect)."""
    try:
        announced_as = float(row["facts"].get("interval", ""))
    except ValueError:
        announced_as = 0.0
    if 0.0 < announced_as < 1e9:
        return announced_as
    gaps = [new[0] - old[0] for old, new in pairwise(rounds) if not _has_booted(old, new)]
    return median(gaps) if gaps else 0.0


def _has_booted(old: Sample, new: Sample) -> bool:
    """Whether the device booted between two rounds of statistics."""
    return new[1] is not None and old[1] is not None and new[1] < old[1] + (new[0] - old[0]) / 2


def _sleeping(homie: str, rounds: Sequence[Sample]) -> dict[str, Any]:
    """Whether it boots anew for most of its statistics, as a sleeper of 1.5 and 2.x does, and how far apart.

    Later generations say that they sleep.
    """
    every = _habit(rounds)
    return {"sleeps": every > 0 and homie.startswith(("1", "2")), "every": every}


def _habit(rounds: Sequence[Sample]) -> float:
    """How far apart the boots are of a device that boots for most of its rounds of statistics; 0: it does not."""
    boots = [new[0] - old[0] for old, new in pairwise(rounds) if _has_booted(old, new)]
    often = len(boots) >= A_HABIT and 2 * len(boots) > len(rounds) - 1
    return median(boots) if often else 0.0


def announced(row: dict[str, Any]) -> tuple[str, ...] | None:
    """The nodes that the device announced, as its generation does it; None when that is not known.

    What the broker still has of nodes that are gone does not count.
    """
    facts, nodes = row["facts"], row["nodes"]
    if row["homie"].startswith("5"):
        return tuple(sorted(each for each, told in nodes.items() if _is_described(told)))
    listed = facts.get("nodes") or facts.get("nodes/told")
    if (
        listed is None
    ):  # an empty `$nodes` clears the topic; other generations may just not have said anything
        return () if row["homie"].startswith(("3", "4")) else None
    return tuple(sorted({each.id for each in entries(listed)}))


def _is_described(node: dict[str, Any]) -> bool:
    properties = node.get("properties", {}).values()
    return bool(node.get("name") or node.get("type") or any(each.get("datatype") for each in properties))


# --- siblings ------------------------------------------------------------------------------------------------------


def _siblings(connection: Connection, device_pk: int, row: dict[str, Any]) -> dict[str, Any]:
    same_image = device.c.md5 == row["md5"] if row["md5"] else device.c.fw_version == row["fw_version"]
    found = _find_siblings(connection, device_pk, row["fw_name"], same_image)
    if len(found) < FEWEST:
        found |= _find_siblings(connection, device_pk, row["fw_name"], sa.true())
    each = [
        [pk, _middle(rounds, 2), _middle(rounds, 3), _habit(rounds)] for pk, rounds in sorted(found.items())
    ]
    return {
        **summary([Snapshot(heap, signal) for _, heap, signal, _ in each]),
        "total": len(each),
        "each": each,
    }


def summary(siblings: Sequence[Snapshot]) -> dict[str, Any]:
    """The medians of the siblings, as they are stored and shown."""
    heaps = [each.heap for each in siblings if each.heap is not None]
    signals = [each.signal for each in siblings if each.signal is not None]
    return {"heap": median(heaps) if heaps else None, "signal": median(signals) if signals else None}


def _find_siblings(
    connection: Connection, device_pk: int, name: str, which: sa.ColumnElement[bool]
) -> dict[int, list[Sample]]:
    """Awake devices of this firmware name that tell statistics and are left alone; unordered, so that few are read."""
    busy = sa.select(deployment.c.device_pk).where(deployment.c.state.in_(ACTIVE))
    mine = (device.c.fw_name == name) & (device.c.pk != device_pk) & device.c.state.in_(AWAKE)
    query = (
        sa.select(device.c.pk, device.c.recent).where(which, mine, device.c.pk.not_in(busy)).limit(SIBLINGS)
    )
    rows = connection.execute(query).all() if name else []
    return {pk: [_sample(each) for each in recent] for pk, recent in rows if recent}


def untouched(
    connection: Connection, of: Deployment, soak: Soak, now: float
) -> tuple[list[Snapshot], list[Snapshot], Neighbours]:
    """The siblings of the offer that got nothing since: how they were, how they are in the soak, how they fared.

    Each is judged by its own habit: that a sleeper boots when it wakes is nothing new, and while it sleeps as it always
    does it tells nothing.
    """
    listed = {row[0]: row for row in _listed(of)}
    touched = sa.exists().where(
        deployment.c.device_pk == device.c.pk,
        deployment.c.state.in_(ACTIVE) | (deployment.c.offered_at >= (of.offered_at or 0.0)),
    )
    query = sa.select(device.c.pk, device.c.state, device.c.recent).where(
        device.c.pk.in_(list(listed)), ~touched
    )
    before, after, fared = [], [], []
    for pk, state, recent in connection.execute(query.order_by(device.c.pk)) if listed else ():
        rounds = [each for each in map(_sample, recent) if each[0] >= soak.since]
        before.append(Snapshot(heap=listed[pk][1], signal=listed[pk][2]))
        after.append(Snapshot(heap=_middle(rounds, 2), signal=_middle(rounds, 3)))
        gone, silent = state not in AWAKE, _is_silent(recent, soak)
        every = _every(listed[pk])
        missed = now - (recent[-1][0] if recent else 0.0) > MISSED * every
        if not every:
            fared.append((gone, silent, _booted_since(rounds, soak.since), False))
        elif missed or not gone:
            fared.append((gone, silent and missed, False, True))
    return before, after, Neighbours(len(fared), *(sum(column) for column in zip(*fared, strict=True)))


def _every(listed: Sequence[Any]) -> float:
    """How far apart its boots were at the offer, 0 where they were none of its habits; older rows do not say."""
    return _number(listed[3]) or 0.0 if len(listed) > 3 else 0.0


def _listed(of: Deployment) -> list[list[Any]]:
    siblings = of.before.get("siblings")
    return siblings.get("each", []) if isinstance(siblings, dict) else []


def _is_silent(recent: Sequence[Sequence[float | None]], soak: Soak) -> bool:
    return not any((each[0] or 0.0) > max(soak.heard_at, soak.since) for each in recent)


def _booted_since(rounds: Sequence[Sample], since: float) -> bool:
    return any(uptime is not None and at - uptime > since for at, uptime, _, _ in rounds)


def of_soak(of: Deployment, soak: Soak, row: dict[str, Any], firmware_name: str) -> tuple[Snapshot, Snapshot]:
    """The device itself, before the offer and during its soak."""
    rounds = soak.samples[1:] or soak.samples  # the first one is told while it still starts
    nodes = of.before.get("nodes")
    before = Snapshot(
        heap=_number(of.before.get("heap")),
        signal=_number(of.before.get("signal")),
        nodes=tuple(nodes) if isinstance(nodes, list) else None,
        firmware=str(of.before.get("fw_name", "")),
    )
    after = Snapshot(_middle(rounds, 2), _middle(rounds, 3), announced(row), firmware_name)
    return before, after


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def row_of(connection: Connection, device_pk: int) -> dict[str, Any]:
    """The columns of a device that are looked at here."""
    return _row(connection, device_pk)


def boots_since(connection: Connection, device_pk: int, since: float) -> int:
    """How often the statistics of a device show that it booted since then."""
    rounds = [_sample(each) for each in _row(connection, device_pk)["recent"]]
    return sum(1 for old, new in pairwise(rounds) if new[0] >= since and _has_booted(old, new))
