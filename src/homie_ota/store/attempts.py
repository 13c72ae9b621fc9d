"""What follows a failure, in rows: the next attempt queued, a quarantine, or nothing.

Rule: a failure is followed once, by compare-and-set, in the transaction that found it; what `rollout/attempts.py`
decides is only carried out here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Deployment, DeploymentState, Outcome, Purpose
from homie_ota.rollout import attempts
from homie_ota.rollout.attempts import Budget, Followed, Past, Quarantine, Retry
from homie_ota.rollout.plan import RolloutState
from homie_ota.store import deployments, devices, orders, quarantine, rollouts
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import changed_one
from homie_ota.store.giving_way import BY, NEVER
from homie_ota.store.quarantine import Held
from homie_ota.store.tables import deployment, event

BUDGET: dict[str, Budget] = {"budget": Budget()}
"""What the settings allow (`use_budget`)."""

CURE = "cure"
"""The kind of the event that says that a device was told to restart."""

_TRIED = (Outcome.UNHARMED, Outcome.HARMFUL)
_FAILED = deployment.c.state == DeploymentState.FAILED.value


def use_budget(budget: Budget) -> None:
    """Take the budget from the settings; called once, at start."""
    BUDGET["budget"] = budget


def unfollowed(connection: Connection, *, limit: int = 200) -> list[Deployment]:
    """Failures that nobody has followed yet: a server was killed in between, or they came on another way."""
    query = sa.select(deployment.c.id).where(_FAILED, deployment.c.followed == "").limit(limit)
    found = (deployments.get(connection, number) for number in connection.execute(query).scalars().all())
    return [each for each in found if each is not None]


def follow(connection: Connection, failed: Deployment, now: float) -> Deployment | None:
    """Do what follows this failure, once; the next attempt, when there is one. Nothing for what has not failed."""
    if failed.state is not DeploymentState.FAILED:
        return None
    step = _decide(connection, failed, now)
    decided = _FOLLOWED[type(step)] if not (isinstance(step, Retry) and step.cure) else Followed.CURE
    if not mark(connection, failed.id, "", decided):
        return None
    if isinstance(step, Quarantine):
        held = Held(failed.device_pk, failed.sha256, step.code, step.reason, now)
        quarantine.add(connection, held, deployment_id=failed.id)
    return _again(connection, failed, step, now) if isinstance(step, Retry) else None


_FOLLOWED: dict[type, Followed] = {
    Retry: Followed.RETRY,
    Quarantine: Followed.QUARANTINE,
    attempts.Nothing: Followed.NOTHING,
}


def mark(connection: Connection, number: int, old: str, new: Followed) -> bool:
    """Note what was decided after a failure, when it is still `old`; False when somebody else did."""
    mine = (deployment.c.id == number) & _FAILED & (deployment.c.followed == old)
    return changed_one(connection.execute(deployment.update().where(mine).values(followed=new.value)))


def _decide(connection: Connection, failed: Deployment, now: float) -> Retry | Quarantine | attempts.Nothing:
    if failed.purpose not in (Purpose.UPDATE, Purpose.REVERT):
        return attempts.Nothing()
    history = past(connection, failed.device_pk, failed.sha256)
    budget = _budget(connection, failed)
    step = attempts.next_step(
        history, now, budget or BUDGET["budget"], interrupted=_was_interrupted(connection, failed)
    )
    goes_on = budget is not None and not _has_later(connection, failed)
    return step if goes_on or not isinstance(step, Retry) else attempts.Nothing()


def past(connection: Connection, device_pk: int, sha256: str) -> list[Past]:
    """The failed attempts of an image on a device, oldest first, since it last ran it or was released."""
    mine = (deployment.c.device_pk == device_pk) & (deployment.c.sha256 == sha256)
    columns = (deployment.c.state_since, deployment.c.code, deployment.c.outcome, deployment.c.reason)
    rows = connection.execute(
        sa.select(*columns).where(mine, deployment.c.outcome != "").order_by(deployment.c.id)
    )
    since = _released_at(connection, device_pk, sha256)
    found: list[Past] = []
    for each in (Past(*row) for row in rows):
        if each.outcome in (Outcome.VERIFIED, Outcome.BOOTED):
            found.clear()
        elif each.outcome in _TRIED and each.at > since:
            found.append(each)
    return found


def _released_at(connection: Connection, device_pk: int, sha256: str) -> float:
    query = sa.select(sa.func.max(event.c.at)).where(
        event.c.device_pk == device_pk,
        event.c.kind == quarantine.KIND,
        event.c.data["event"].as_string() == "released",
        event.c.data["sha256"].as_string() == sha256,
    )
    return connection.execute(query).scalar() or 0.0


def _budget(connection: Connection, failed: Deployment) -> Budget | None:
    """The budget of this attempt's rollout, else of the settings; None when its rollout does not go on."""
    budget = BUDGET["budget"]
    if failed.rollout_id is None:
        return budget
    rollout = rollouts.get(connection, failed.rollout_id)
    goes_on = _GOES_ON[failed.purpose == Purpose.REVERT]
    if rollout is None or rollout.state not in goes_on:
        return None
    return replace(budget, attempts=rollout.plan.attempts)


_GOES_ON = {
    False: (RolloutState.RUNNING, RolloutState.PAUSED),
    True: (RolloutState.REVERTING,),
}
"""In which states of a rollout a failed attempt (False), or a failed way back (True), is tried again."""


def _has_later(connection: Connection, failed: Deployment) -> bool:
    later = (deployment.c.device_pk == failed.device_pk) & (deployment.c.id > failed.id)
    return connection.execute(sa.select(deployment.c.id).where(later).limit(1)).first() is not None


def _was_interrupted(connection: Connection, failed: Deployment) -> bool:
    """Whether a transfer to this device broke off since it was last cured, or updated."""
    mine = deployment.c.device_pk == failed.device_pk
    ends = sa.func.max(deployment.c.state_since)
    broken = sa.select(ends).where(
        mine, deployment.c.id < failed.id, deployment.c.code.in_(sorted(attempts.INTERRUPTED))
    )
    updated = sa.select(ends).where(mine, deployment.c.state == DeploymentState.SUCCEEDED.value)
    cured = sa.select(sa.func.max(event.c.at)).where(
        event.c.device_pk == failed.device_pk, event.c.kind == CURE
    )
    at, *since = (connection.execute(each).scalar() or 0.0 for each in (broken, updated, cured))
    return at > max(since)


def _again(connection: Connection, failed: Deployment, step: Retry, now: float) -> Deployment | None:
    """Queue the next attempt."""
    row, image = devices.row(connection, failed.device_pk), firmwares.get(connection, failed.sha256)
    if row is None or image is None:
        return None
    place: dict[str, Any] = {
        "rollout_id": failed.rollout_id,
        "wave": failed.wave,
        "purpose": Purpose(failed.purpose),
        "not_before": step.not_before,
        "not_after": failed.not_after,
    }
    made = orders.queue(connection, row, image, by=BY, now=now, override=failed.override, **place)
    fresh = NEVER if step.cure else (failed.offered_at or now) if step.fresh else None
    extra = {"fresh_after": fresh, "alone": step.alone}
    connection.execute(deployment.update().where(deployment.c.id == made.id).values(**extra))
    return deployments.get(connection, made.id)
