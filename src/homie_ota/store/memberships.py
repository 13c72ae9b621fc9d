"""Rows of the members of rollouts: in which wave each is, and what became of it.

Rule: a member's outcome follows its deployments, in the transaction that moves them; what is taken back before it was
sent, or left out, is written here with its reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, Deployment, DeploymentState, Purpose
from homie_ota.rollout import members
from homie_ota.rollout.plan import MemberState
from homie_ota.store import naming
from homie_ota.store.database import upsert
from homie_ota.store.tables import device, membership, rollout

SKIPPED_WAVE = -1
"""The wave of who is left out."""


class Place(NamedTuple):
    """Where a device is put in a rollout: wave, position, and for one that is left out the outcome and why."""

    device_pk: int
    wave: int
    position: int
    outcome: MemberState = MemberState.WAITING
    reason: str = ""


class Member(NamedTuple):
    """One row of `membership`, with the device's address as people know it."""

    device_pk: int
    wave: int
    position: int
    outcome: MemberState
    reason: str
    since: float
    deployment_id: int | None
    revert_id: int | None
    base: str
    device_id: str


def insert(connection: Connection, rollout_id: int, places: Iterable[Place], *, now: float) -> None:
    """Add members to a rollout."""
    rows = [{**each._asdict(), "rollout_id": rollout_id, "since": now} for each in places]
    if rows:
        connection.execute(membership.insert(), rows)


def join(connection: Connection, rollout_id: int, places: Sequence[Place], *, now: float) -> None:
    """Add members to a rollout that runs; who was left out gets the new place."""
    rows = [{**each._asdict(), "rollout_id": rollout_id, "since": now} for each in places]
    upsert(
        connection,
        membership,
        rows,
        ["rollout_id", "device_pk"],
        ["wave", "position", "outcome", "reason", "since"],
    )


def note(connection: Connection, moved: Deployment) -> None:
    """Write what a deployment that moved, or was made, means for its member; nothing for one without a rollout."""
    # While it runs a member is RUNNING, whatever the device is at; the offer has said so.
    if moved.rollout_id is None or moved.state in _UNDER_WAY:
        return
    wanted = moved.sha256 if not moved.outcome else _wanted(connection, moved.rollout_id)
    outcome = members.after(moved, wanted)
    if outcome is None:
        return
    column = "revert_id" if moved.purpose == Purpose.REVERT else "deployment_id"
    # An older attempt that failed, or was taken back, says nothing when another one runs by now.
    is_latest = bool(moved.outcome) and outcome not in _ALWAYS
    mine = {"of_rollout": moved.rollout_id, "of_device": moved.device_pk}
    mine |= {"of_deployment": moved.id} if is_latest else {}
    reason = _not_reached(connection, moved) if outcome is MemberState.STRANDED else moved.reason
    values = {
        "outcome": outcome.value,
        "reason": reason,
        "since": moved.state_since,
        "held_since": None,
        column: moved.id,
    }
    connection.execute(_note(column, is_latest), {**mine, **values})


@cache
def _note(column: str, is_latest: bool) -> sa.Update:
    mine = membership.update().where(
        membership.c.rollout_id == sa.bindparam("of_rollout"),
        membership.c.device_pk == sa.bindparam("of_device"),
    )
    return mine.where(membership.c[column] == sa.bindparam("of_deployment")) if is_latest else mine


def _not_reached(connection: Connection, moved: Deployment) -> str:
    name = " ".join(naming.images(connection, [moved.sha256])[moved.sha256]).strip()
    return f"It did not get back to {name}. {moved.reason}".strip()


def _wanted(connection: Connection, rollout_id: int) -> str:
    query = sa.select(rollout.c.sha256).where(rollout.c.id == rollout_id)
    return connection.execute(query).scalar() or ""


_UNDER_WAY = ACTIVE - {DeploymentState.QUEUED, DeploymentState.OFFERED}
_ALWAYS = (*members.UPDATED, MemberState.REVERTED)


def tallies(connection: Connection, rollout_id: int) -> dict[int, dict[MemberState, int]]:
    """How many members of each wave are what."""
    query = (
        sa.select(membership.c.wave, membership.c.outcome, sa.func.count())
        .where(membership.c.rollout_id == rollout_id)
        .group_by(membership.c.wave, membership.c.outcome)
    )
    found: dict[int, dict[MemberState, int]] = {}
    for wave, outcome, count in connection.execute(query):
        found.setdefault(wave, {})[MemberState(outcome)] = count
    return found


def totals(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many members of each of these rollouts are what, over all waves."""
    query = (
        sa.select(membership.c.rollout_id, membership.c.outcome, sa.func.count())
        .where(membership.c.rollout_id.in_(list(numbers)))
        .group_by(membership.c.rollout_id, membership.c.outcome)
    )
    found: dict[int, dict[str, int]] = {}
    for number, outcome, count in connection.execute(query):
        found.setdefault(number, {})[outcome] = count
    return found


def pks(
    connection: Connection,
    rollout_id: int,
    outcomes: Sequence[MemberState],
    *,
    wave: int | None = None,
    before: float | None = None,
    limit: int | None = None,
) -> list[int]:
    """Devices of members that are one of `outcomes`, in their order; of one wave, or such since `before`."""
    query = _of(rollout_id, outcomes, sa.select(membership.c.device_pk))
    query = query if wave is None else query.where(membership.c.wave == wave)
    query = query if before is None else query.where(membership.c.since <= before)
    query = query.order_by(membership.c.wave, membership.c.position).limit(limit)
    return list(connection.execute(query).scalars())


def deployments_of(
    connection: Connection, rollout_id: int, outcomes: Sequence[MemberState], *, limit: int
) -> list[tuple[int, int]]:
    """Device and latest deployment (of either kind) of members that are one of `outcomes`."""
    latest = sa.func.coalesce(membership.c.revert_id, membership.c.deployment_id)
    query = _of(rollout_id, outcomes, sa.select(membership.c.device_pk, latest)).where(latest.is_not(None))
    return [(pk, number) for pk, number in connection.execute(query.limit(limit))]


def _of(rollout_id: int, outcomes: Sequence[MemberState], query: Any) -> Any:
    return query.where(
        membership.c.rollout_id == rollout_id, membership.c.outcome.in_([each.value for each in outcomes])
    )


def change(
    connection: Connection,
    rollout_id: int,
    reasons: Mapping[int, str],
    old: Sequence[MemberState],
    new: MemberState,
    *,
    now: float,
    wave: int | None = None,
) -> None:
    """Make these devices (each with its reason) `new` where they are one of `old`; `wave` moves them there."""
    values: dict[str, Any] = {"outcome": new.value, "since": now} | ({} if wave is None else {"wave": wave})
    for reason in set(reasons.values()):
        alike = [pk for pk, each in reasons.items() if each == reason]
        mine = _of(rollout_id, old, membership.update()).where(membership.c.device_pk.in_(alike))
        connection.execute(mine.values(**values, reason=reason))


def withdraw(connection: Connection, rollout_id: int, reason: str, *, now: float) -> int:
    """Take back everybody for whom nothing was queued yet; how many those were."""
    unasked = (MemberState.WAITING, MemberState.ABSENT)
    mine = _of(rollout_id, unasked, membership.update())
    values = {"outcome": MemberState.WITHDRAWN.value, "reason": reason, "since": now}
    return int(connection.execute(mine.values(**values)).rowcount)


def shift(connection: Connection, rollout_id: int, source: int, wave: int, limit: int) -> list[int]:
    """Move the first members that wait in wave `source` into `wave`; their devices."""
    moved = pks(connection, rollout_id, [MemberState.WAITING], wave=source, limit=limit)
    mine = (membership.c.rollout_id == rollout_id) & membership.c.device_pk.in_(moved)
    connection.execute(membership.update().where(mine).values(wave=wave))
    return moved


def page(
    connection: Connection,
    rollout_id: int,
    *,
    wave: int | None = None,
    outcome: str = "",
    limit: int = 100,
    after: int = 0,
) -> tuple[list[Member], int | None]:
    """Members by wave and position, and where the next page goes on (None: nowhere); `after` are so many before.

    `outcome` is one, or several with commas.
    """
    query = sa.select(*[membership.c[name] for name in Member._fields if name in membership.c])
    query = query.where(membership.c.rollout_id == rollout_id)
    query = query if wave is None else query.where(membership.c.wave == wave)
    query = query.where(membership.c.outcome.in_(outcome.split(","))) if outcome else query
    # The page first, then its devices: looking up ten thousand to sort them takes a while.
    some = query.order_by(*_by_place(membership)).offset(after).limit(limit + 1).subquery()
    named = (
        sa.select(some, device.c.base, device.c.device_id)
        .join(device, device.c.pk == some.c.device_pk)
        .order_by(*_by_place(some))
    )
    rows = [
        Member(**{**row, "outcome": MemberState(row["outcome"])})
        for row in connection.execute(named).mappings()
    ]
    return rows[:limit], after + limit if len(rows) > limit else None


def _by_place(of: Any) -> tuple[Any, ...]:
    """By wave and position; who is left out comes last."""
    return (of.c.wave < 0, of.c.wave, of.c.position, of.c.device_pk)
