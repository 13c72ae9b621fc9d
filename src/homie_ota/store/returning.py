"""The way back: members that run a rollout's image get the one that they ran before, once.

Rule: what each goes back to is what it ran before the rollout first touched it; `rollout/revert.py` decides, here are
the rows it asks for.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, Deployment, Firmware, Outcome, Purpose
from homie_ota.rollout import revert
from homie_ota.rollout.eligibility import Answer
from homie_ota.rollout.plan import MemberState
from homie_ota.rollout.revert import CONCERNED, Back, Case, Done, Stuck
from homie_ota.store import deployments, filling, memberships, orders, target_rows
from homie_ota.store import firmware as firmwares
from homie_ota.store.filling import CHUNK, REASON_TO_GO_BACK
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import deployment, device, firmware, membership


class Returned(NamedTuple):
    """What was done for some members: attempts queued, and of how many members it was decided."""

    made: list[Deployment]
    decided: int


def go_back(connection: Connection, of: Rollout, *, now: float) -> Returned:
    """Send the next members back; none decided says that nobody is left who could be, now."""
    made: list[Deployment] = []
    cases = _cases(connection, of)
    for row, case in cases:
        step = revert.step(case)
        if isinstance(step, Back):
            queued = filling.queue_back(connection, of, row, step.sha256, now=now)
            if queued is not None:
                made.append(queued)
                target_rows.put(connection, [row["pk"]], step.sha256, source=filling.source(of))
        elif isinstance(step, Done | Stuck):
            state = MemberState.REVERTED if isinstance(step, Done) else MemberState.STRANDED
            memberships.change(connection, of.id, {row["pk"]: step.reason}, list(CONCERNED), state, now=now)
    return Returned(made, len(cases))


def _cases(connection: Connection, of: Rollout) -> list[tuple[dict[str, Any], Case]]:
    found = []
    for row in connection.execute(_members(of)).mappings().all():
        old = _first(connection, of, row["pk"])
        previous = old.previous_sha256 if old is not None else ""
        image = firmwares.get(connection, previous) if previous else None
        verdict = _may_go_back(connection, row["pk"], image) if image else None
        before = str(old.before.get("md5", "")) if old is not None else ""
        case = Case(
            state=MemberState(row["outcome"]),
            previous=previous,
            stored=image is not None,
            runs=row["runs"] or "",
            runs_old=bool(before) and before == row["md5"],
            tried=row["revert_id"] is not None,
            refusal="" if verdict is None or verdict.allowed else verdict.sentence,
        )
        found.append((dict(row), case))
    return found


def _may_go_back(connection: Connection, pk: int, image: Firmware) -> Answer:
    return orders.verdict(connection, pk, image, REASON_TO_GO_BACK, purpose=Purpose.REVERT)


def _members(of: Rollout) -> sa.Select[Any]:
    """Members that may have to go back, with their devices, of whom nothing is under way."""
    busy = sa.exists().where(
        deployment.c.device_pk == membership.c.device_pk, deployment.c.state.in_(sorted(ACTIVE))
    )
    running = sa.select(firmware.c.sha256).where(firmware.c.md5 == device.c.md5, device.c.md5 != "").limit(1)
    columns = (membership.c.outcome, membership.c.revert_id, running.scalar_subquery().label("runs"))
    return (
        sa.select(device, *columns)
        .join(membership, membership.c.device_pk == device.c.pk)
        .where(
            membership.c.rollout_id == of.id,
            membership.c.outcome.in_([each.value for each in CONCERNED]),
            ~busy,
        )
        .order_by(membership.c.wave, membership.c.position)
        .limit(CHUNK)
    )


def _first(connection: Connection, of: Rollout, device_pk: int) -> Deployment | None:
    """The attempt by which the rollout first touched the device."""
    query = sa.select(sa.func.min(deployment.c.id)).where(
        deployment.c.rollout_id == of.id,
        deployment.c.device_pk == device_pk,
        deployment.c.purpose != Purpose.REVERT.value,  # a bench device is touched first by its trial
        deployment.c.offered_at.is_not(None),
    )
    number = connection.execute(query).scalar()
    return deployments.get(connection, number) if number is not None else None


# --- The story ------------------------------------------------------------------------------------------------------

NAMED = 3
"""Devices that the story names."""


def story(connection: Connection, of: Rollout) -> str:
    """Why a rollout went back, for its end: what harmed whom, and who did not get back; what is not so is left out."""
    stranded = (
        sa.select(device.c.device_id, membership.c.reason)
        .join(membership, membership.c.device_pk == device.c.pk)
        .where(membership.c.rollout_id == of.id, membership.c.outcome == MemberState.STRANDED.value)
        .order_by(membership.c.position)
    )
    told = [harm(connection, of), _listed("Not back", connection, stranded)]
    return " ".join(each for each in told if each)


def harm(connection: Connection, of: Rollout) -> str:
    """Which devices of a rollout took harm, and what it is; empty when none did."""
    harmed = (
        sa.select(device.c.device_id, deployment.c.reason)
        .join(deployment, deployment.c.device_pk == device.c.pk)
        .where(
            deployment.c.rollout_id == of.id,
            deployment.c.outcome == Outcome.HARMFUL.value,
            deployment.c.purpose != Purpose.REVERT.value,
        )
        .order_by(deployment.c.id)
    )
    return _listed("Harmed", connection, harmed)


def _listed(word: str, connection: Connection, query: sa.Select[Any]) -> str:
    rows = connection.execute(query).all()
    if not rows:
        return ""
    named = " ".join(f"{name}: {reason}" for name, reason in rows[:NAMED])
    more = f" And {len(rows) - NAMED} more." if len(rows) > NAMED else ""
    return f"{word}: {named}{more}"
