"""Who needs a stored image, and why: the one place that says what may not be deleted.

Rule: an image is needed by whoever runs it, should run it or is being given it, and by whoever may have to go back to
it: what a device ran before its last update, and what it was last seen to run well. What a revert took off a device
nobody goes back to.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, DeploymentState, Outcome, Purpose
from homie_ota.rollout.course import ENDED
from homie_ota.store.tables import deployment, device, firmware, rollout, target

NAMED = 3
"""So many are named in a sentence; the others are counted."""


class Why(StrEnum):
    """What somebody needs an image for; the order is that of importance."""

    RUNS = "runs"
    TARGET = "target"
    GIVEN = "given"
    ROLLOUT = "rollout"
    BEFORE = "before"  # it ran before the last update
    GOOD = "good"  # the last one that was seen to run well


IN_USE = frozenset({Why.RUNS, Why.TARGET, Why.GIVEN})
"""What counts as “in use by n”."""

WAY_BACK = frozenset({Why.BEFORE, Why.GOOD})
"""What keeps an image for a device that may have to go back to it."""

_SENTENCES = {
    Why.RUNS: ("runs it", "run it"),
    Why.TARGET: ("should run it", "should run it"),
    Why.GIVEN: ("is being updated to it", "are being updated to it"),
    Why.ROLLOUT: ("brings it to devices", "bring it to devices"),
    Why.BEFORE: ("may need it to go back", "may need it to go back"),
    Why.GOOD: ("may need it to go back: it ran well there", "may need it to go back: it ran well there"),
}


class Need(NamedTuple):
    """`who` needs the image `sha256`; `device_pk` is None for a rollout."""

    sha256: str
    why: Why
    who: str
    device_pk: int | None


def find(
    conn: Connection, hashes: Sequence[str] | None = None, reasons: Collection[Why] = tuple(Why)
) -> list[Need]:
    """Every need of these images (of all: None) for these reasons, the most important first, then by name."""
    asked = [(why, query) for why, query in _queries() if why in reasons]
    found = {need for why, query in asked for need in _asked(conn, why, query, hashes)}
    order = list(Why)
    return sorted(found, key=lambda need: (order.index(need.why), need.who, need.device_pk or 0, need.sha256))


def _asked(conn: Connection, why: Why, query: sa.Select[Any], hashes: Sequence[str] | None) -> Iterator[Need]:
    sha256 = query.selected_columns[0]
    narrowed = query.where(sha256 != "") if hashes is None else query.where(sha256.in_(hashes))
    for found, who, pk in conn.execute(narrowed.distinct()):
        yield Need(found, why, who, pk)


def _queries() -> list[tuple[Why, sa.Select[Any]]]:
    """For each reason the statement that finds hash, name and device; a reason may have several."""
    given = _of_device(deployment, deployment.c.sha256).where(deployment.c.state.in_(sorted(ACTIVE)))
    return [
        (Why.RUNS, _running(device.c.md5 == firmware.c.md5)),
        (Why.RUNS, _running(_UNCHECKED)),
        (Why.TARGET, _of_device(target, target.c.sha256)),
        (Why.GIVEN, given),
        (Why.ROLLOUT, _rollouts()),
        *((why, _latest(sha256, also)) for why, sha256, also in LATEST),
    ]


def _succeeded(table: Any) -> Any:
    return table.c.state == DeploymentState.SUCCEEDED.value


def _verified(table: Any) -> Any:
    return table.c.outcome == Outcome.VERIFIED.value


def _reverts(table: Any) -> Any:
    return table.c.purpose == Purpose.REVERT.value


LATEST: tuple[tuple[Why, str, Callable[[Any], sa.ColumnElement[bool]]], ...] = (
    (Why.BEFORE, "previous_sha256", lambda d: _succeeded(d) & ~_reverts(d)),
    (Why.BEFORE, "previous_sha256", lambda d: d.c.offered_at.is_not(None) & ~_reverts(d)),
    (Why.GOOD, "sha256", _succeeded),
    (Why.GOOD, "sha256", lambda d: _verified(d) | (_succeeded(d) & _reverts(d))),
)
"""Of each device's latest deployment that is so, this image is needed; a row that is the latest has to be kept."""

# 1.5 and esp32-homie announce no checksum: of them name and version have to do. Asked apart: no index helps an OR.
_UNCHECKED = (
    (device.c.md5 == "") & (device.c.fw_name == firmware.c.name) & (device.c.fw_version == firmware.c.version)
)


def _running(same: Any) -> sa.Select[Any]:
    return sa.select(firmware.c.sha256, device.c.device_id, device.c.pk).join_from(firmware, device, same)


def _of_device(table: sa.Table, sha256: sa.ColumnElement[str]) -> sa.Select[Any]:
    who = (device.c.device_id, device.c.pk)
    return sa.select(sha256, *who).join_from(table, device, device.c.pk == table.c.device_pk)


def _rollouts() -> sa.Select[Any]:
    who = sa.literal("rollout ") + sa.cast(rollout.c.id, sa.String)
    running = rollout.c.state.not_in(sorted(ENDED))
    return sa.select(rollout.c.sha256, who, sa.null().label("pk")).where(running)


def _latest(sha256: str, also: Callable[[Any], Any]) -> sa.Select[Any]:
    """This hash of each device's latest deployment that is `also` so."""
    later = deployment.alias("later")
    same_device = (later.c.device_pk == deployment.c.device_pk) & (later.c.id > deployment.c.id)
    newer = sa.exists().where(same_device, also(later))
    return _of_device(deployment, deployment.c[sha256].label("sha256")).where(also(deployment), ~newer)


def hashes(conn: Connection, reasons: Collection[Why] = tuple(Why)) -> set[str]:
    """The images that somebody needs for one of these reasons, whoever it is."""
    found: set[str] = set()
    for why, query in _queries():
        if why in reasons:
            only = query.with_only_columns(query.selected_columns[0]).distinct()
            found.update(conn.execute(only).scalars())
    return found


# --- What follows from it -----------------------------------------------------------------------------------------


def in_use_counts(conn: Connection, hashes: Sequence[str]) -> dict[str, int]:
    """For each SHA-256 how many devices run it, have it as their target, or are being given it."""
    told = dict.fromkeys(hashes, 0)
    for query in (*_running_counts(), _bound_for_counts()):
        for sha256, number in conn.execute(query.where(firmware.c.sha256.in_(hashes))):
            told[sha256] += number
    return told


def _running_counts() -> Iterator[sa.Select[Any]]:
    """Who runs what; a device is in one of the two at most, and no name is read."""
    for same in (device.c.md5 == firmware.c.md5, _UNCHECKED):
        counted = sa.select(firmware.c.sha256, sa.func.count()).join_from(firmware, device, same)
        yield counted.group_by(firmware.c.sha256)


def _bound_for_counts() -> sa.Select[Any]:
    """Those that should run it or are being given it, and do not run it yet."""
    given = sa.select(deployment.c.sha256, deployment.c.device_pk).where(
        deployment.c.state.in_(sorted(ACTIVE))
    )
    bound = sa.union(sa.select(target.c.sha256, target.c.device_pk), given).subquery()
    runs = (device.c.md5 == firmware.c.md5) | _UNCHECKED
    counted = sa.select(firmware.c.sha256, sa.func.count()).join_from(
        firmware, bound, bound.c.sha256 == firmware.c.sha256
    )
    counted = counted.join(device, device.c.pk == bound.c.device_pk).where(~runs)
    return counted.group_by(firmware.c.sha256)


def counts(conn: Connection, hashes: Sequence[str], reasons: Collection[Why]) -> dict[str, int]:
    """For each SHA-256 how many need it for one of these reasons; who has two of them counts once."""
    asked = (query for why, query in _queries() if why in reasons)
    parts = (query.where(query.selected_columns[0].in_(hashes)) for query in asked)
    # `union` lets each row through once: hash, name and number of a device are one row for all its reasons.
    needs = sa.union(*parts).subquery()
    found = conn.execute(sa.select(needs.c.sha256, sa.func.count()).group_by(needs.c.sha256))
    told: dict[str, int] = {sha256: count for sha256, count in found}  # noqa: C416 - typed, unlike dict(rows)
    return {sha256: told.get(sha256, 0) for sha256 in hashes}


def in_use_by(conn: Connection, sha256: str) -> int:
    """How many devices run this image, have it as their target, or are being given it."""
    return in_use_counts(conn, [sha256])[sha256]


def sentence(needs: Sequence[Need]) -> str:
    """Who needs an image, in words: `hall-lamp runs it; attic may need it to go back`; empty where nobody does."""
    said: set[tuple[str, int | None]] = set()
    parts = []
    for why in Why:
        found = [each for each in needs if each.why is why and each[2:] not in said]
        said.update((each.who, each.device_pk) for each in found)
        if found:
            parts.append(f"{_listed([each.who for each in found])} {_SENTENCES[why][len(found) > 1]}")
    return "; ".join(parts)


def _listed(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    shown, more = list(names[:NAMED]), len(names) - NAMED
    last = f"{more} more" if more > 0 else shown.pop()
    return f"{', '.join(shown)} and {last}"
