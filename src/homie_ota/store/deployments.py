"""Rows of deployments: making one, moving it by compare-and-set, and the history that each move leaves.

Rule: a state changes in `advance` and nowhere else, from the state that the caller saw, as the table of
`rollout/lifecycle.py` says; a move that another process made first is a move that did not happen here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound
from homie_ota.model import ACTIVE, ENDED, Deployment, DeploymentState, Purpose
from homie_ota.rollout import lifecycle, moves, proof
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import CANCELLED, Reason
from homie_ota.store import events, learned, lease, memberships, pace, snapshots, target_rows, turns
from homie_ota.store.database import changed_one
from homie_ota.store.tables import deployment
from homie_ota.store.tables import event as event_table

LIMITS: dict[str, float] = {"offered": 90.0, "transferring": 120.0, "rebooting": 240.0, "verifying": 180.0}
"""Seconds without news before a state ends, by state; settings may change them (`use_limits`)."""

_FIELDS = {field.name for field in dataclasses.fields(Deployment)}
_COLUMNS = [column for column in deployment.columns if column.name in _FIELDS]

# Made once, as all that is asked with every message is: to put a statement together takes longer than to run it.
ALL = sa.select(*_COLUMNS)
_GET = ALL.where(deployment.c.id == sa.bindparam("number"))
_ACTIVE_OF = ALL.where(deployment.c.device_pk == sa.bindparam("device"), deployment.c.state.in_(ACTIVE))
_INSERT = deployment.insert().returning(*_COLUMNS)
# SQLite gives the number of a row that is gone again; the history of a device that was deleted keeps its numbers.
_USED = sa.func.max(
    sa.func.coalesce(sa.select(sa.func.max(deployment.c.id)).scalar_subquery(), 0),
    sa.func.coalesce(sa.select(sa.func.max(event_table.c.deployment_id)).scalar_subquery(), 0),
)
_INSERTS = {"sqlite": deployment.insert().values(id=_USED + 1).returning(*_COLUMNS)}
_COUNT = sa.select(sa.func.count()).where(
    deployment.c.device_pk == sa.bindparam("device"), deployment.c.sha256 == sa.bindparam("image")
)


def use_limits(limits: Mapping[str, float]) -> None:
    """Take the deadlines from the settings; called once, at start."""
    LIMITS.update(limits)


def read(row: Any) -> Deployment:
    """A deployment from its row, as ALL finds it."""
    values = dict(row)
    return Deployment(**{**values, "state": DeploymentState(values["state"])})


def get(connection: Connection, number: int) -> Deployment | None:
    """One deployment, None when there is none of this number."""
    found = connection.execute(_GET, {"number": number}).mappings().first()
    return read(found) if found else None


def find(
    connection: Connection,
    *,
    device_pk: int | None = None,
    state: str | None = None,
    sha256: str | None = None,
    outcome: str | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[Deployment]:
    """Deployments, the newest first; `before` is the id from which a further page goes on."""
    query = sa.select(*_COLUMNS).order_by(deployment.c.id.desc()).limit(limit)
    for column, wanted in (
        (deployment.c.device_pk, device_pk),
        (deployment.c.state, state),
        (deployment.c.sha256, sha256),
        (deployment.c.outcome, outcome),
    ):
        query = query if wanted is None else query.where(column == wanted)
    query = query if before is None else query.where(deployment.c.id < before)
    return [read(row) for row in connection.execute(query).mappings()]


def active_of(connection: Connection, device_pk: int) -> Deployment | None:
    """The one deployment of this device that has not ended."""
    found = connection.execute(_ACTIVE_OF, {"device": device_pk}).mappings().first()
    return read(found) if found else None


def insert(
    connection: Connection,
    *,
    device_pk: int,
    sha256: str,
    size: int,
    previous_sha256: str,
    before: dict[str, object],
    by: str,
    now: float,
    override: str = "",
    rollout_id: int | None = None,
    wave: int | None = None,
    purpose: Purpose = Purpose.UPDATE,
    not_before: float | None = None,
    not_after: float | None = None,
) -> Deployment:
    """A new attempt, queued; raises Conflict when the device has one that has not ended.

    It is offered from `not_before` on and not later than `not_after`; None sets no such limit.
    """
    values = {
        "device_pk": device_pk,
        "sha256": sha256,
        "previous_sha256": previous_sha256,
        "attempt": _attempts(connection, device_pk, sha256) + 1,
        "state": DeploymentState.QUEUED.value,
        "state_since": now,
        "created_at": now,
        "bytes_total": size,
        "before": before,
        "override": override,
        "created_by": by[:64],
        "rollout_id": rollout_id,
        "wave": wave,
        "purpose": purpose.value,
        "not_before": not_before,
        "not_after": not_after,
    }
    _check_none_runs(connection, device_pk)
    made = read(connection.execute(_INSERTS.get(connection.dialect.name, _INSERT), values).mappings().one())
    data = {"state": made.state.value, "sha256": sha256, "override": override}
    of = {"device_pk": device_pk, "deployment_id": made.id}
    events.add(connection, "deployment", at=now, actor=by, data=data, **of)
    turns.join(connection, made.id)
    memberships.note(connection, made)
    return made


def _attempts(connection: Connection, device_pk: int, sha256: str) -> int:
    return connection.execute(_COUNT, {"device": device_pk, "image": sha256}).scalar() or 0


def _check_none_runs(connection: Connection, device_pk: int) -> None:
    running = active_of(connection, device_pk)
    if running is not None:
        raise Conflict(
            f"Deployment {running.id} of this device is {running.state}. Wait for its end"
            + (", or cancel it first." if running.state is DeploymentState.QUEUED else ".")
        )


def advance(
    connection: Connection,
    before: Deployment,
    event: Event,
    *,
    now: float,
    reason: Reason | None = None,
    done: int | None = None,
    note: str = "",
    actor: str = "",
    after: dict[str, object] | None = None,
    soak: dict[str, object] | None = None,
    token: int | None = None,
) -> Deployment | None:
    """Move `before` as the table says; None when the event means nothing in its state or somebody else moved it first.

    `done` are the bytes that the device has; `reason` belongs to a move that ends it, `note` to any; `after` and `soak`
    are stored as they are. With the `token` of a lease it moves only while that lease is held.
    """
    state = lifecycle.advance(before.state, event)
    if state is None:
        return None
    limits = pace.limits(connection, before, LIMITS)
    changes = moves.changes(before, state, event, now=now, reason=reason, note=note, limits=limits)
    given = {"bytes_done": done, "after": after, "soak": soak}
    changes |= {name: value for name, value in given.items() if value is not None}
    if event is Event.OFFER:
        # It may have waited for days: what counts is what the device runs now.
        changes["before"], changes["previous_sha256"] = snapshots.at_offer(connection, before.device_pk)
    change, seen = _MOVE, {"seen_id": before.id, "seen_state": before.state.value}
    if token is not None:
        changes["lease_token"] = token
        change = _MOVE.where(lease.holds(token))
    row = connection.execute(change, {**seen, **changes}).mappings().first()
    if row is None:
        return None
    moved = read(row)
    data: dict[str, object] = {"event": event.value, "from": before.state.value, "state": state.value}
    data |= {"reason": changes["reason"]} if changes["reason"] and (reason or note) else {}
    data |= {"code": reason.code} if reason else {}
    of = {"device_pk": before.device_pk, "deployment_id": before.id}
    events.add(connection, "deployment", at=now, actor=actor, data=data, **of)
    _follow(connection, before, event, moved, now)
    return moved


# Read back in the same statement: a device that is updated moves its deployment half a dozen times.
_MOVE = (
    deployment.update()
    .where(deployment.c.id == sa.bindparam("seen_id"), deployment.c.state == sa.bindparam("seen_state"))
    .returning(*_COLUMNS)
)


def _follow(connection: Connection, before: Deployment, event: Event, moved: Deployment, now: float) -> None:
    """What a move means for others: what is learned of the device, and its place in a rollout."""
    whole = event is Event.FLASH or proof.is_complete(before)
    pace.note(connection, before, moved.state, now=now, whole=whole)
    memberships.note(connection, moved)
    target_rows.note(connection, moved)
    learned.from_end(connection, moved, now)


def progress(connection: Connection, number: int, *, done: int, now: float) -> Deployment | None:
    """Note how far a transfer is, and that there was news; no move, so no event row. None when it is over."""
    of = get(connection, number)
    if of is None or of.state is not DeploymentState.TRANSFERRING:
        return None
    moving = (deployment.c.id == number) & (deployment.c.state == DeploymentState.TRANSFERRING.value)
    deadline = now + pace.limits(connection, of, LIMITS)[DeploymentState.TRANSFERRING]
    changed = connection.execute(deployment.update().where(moving).values(bytes_done=done, deadline=deadline))
    return dataclasses.replace(of, bytes_done=done, deadline=deadline) if changed_one(changed) else None


def claim_image(connection: Connection, number: int, *, now: float, token: int | None = None) -> bool:
    """True for the one who may send the image of this attempt; nobody may a second time, or without the lease."""
    unsent = (deployment.c.id == number) & deployment.c.image_at.is_(None)
    unsent = unsent if token is None else unsent & lease.holds(token)
    return changed_one(connection.execute(deployment.update().where(unsent).values(image_at=now)))


def overdue(connection: Connection, now: float) -> list[Deployment]:
    """Deployments whose deadline has passed."""
    query = sa.select(*_COLUMNS).where(
        deployment.c.state.in_(lifecycle.WAITS_FOR_NEWS), deployment.c.deadline < now
    )
    return [read(row) for row in connection.execute(query).mappings()]


def next_deadline(connection: Connection) -> float | None:
    """The earliest deadline of all deployments."""
    query = sa.select(sa.func.min(deployment.c.deadline)).where(
        deployment.c.state.in_(lifecycle.WAITS_FOR_NEWS)
    )
    return connection.execute(query).scalar()


def cancel(connection: Connection, number: int, *, by: str, now: float) -> Deployment:
    """Take a queued deployment back; raises Conflict later than that: an ESP cannot be told to stop."""
    found = get(connection, number)
    if found is None:
        raise NotFound(f"There is no deployment {number}.")
    moved = advance(connection, found, Event.CANCEL, now=now, reason=CANCELLED, actor=by)
    if moved is None and found.state in ENDED:
        raise Conflict(f"Deployment {number} has ended already: {found.state}.")
    if moved is None:
        raise Conflict(
            f"Deployment {number} is {found.state}: the offer has gone out, and a device cannot be told to stop. "
            "Only queued deployments can be cancelled."
        )
    return moved
