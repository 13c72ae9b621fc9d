"""Members of a running wave → queued deployments, some at a time; and back, when a rollout does not go on.

Rule: who cannot get the image now is left out with the reason of this moment; who is being updated already is asked
again when that has ended. Nothing that was sent is ever taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict
from homie_ota.model import ACTIVE, Deployment, DeploymentState, Purpose
from homie_ota.rollout import course
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import MemberState, WaveState
from homie_ota.rollout.reasons import Reason
from homie_ota.store import benching, deployments, judging, memberships, orders, rollouts, target_rows
from homie_ota.store import firmware as firmwares
from homie_ota.store.judging import Judged
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import deployment, membership, rollout

CHUNK = 20
"""Members in one transaction: the writer must not keep a device that just woke waiting."""

REASON_TO_GO_BACK = "A person chose to go back."
"""What lifts a refusal that can be lifted: this device ran that very image."""


class Filled(NamedTuple):
    """Attempts that were queued, and of how many members it was decided."""

    made: list[Deployment]
    decided: int


def fill(connection: Connection, of: Rollout, *, now: float) -> Filled:
    """Queue the next members of the waves that run; none decided says that nobody is left who could be, now."""
    running = [each.number for each in rollouts.waves(connection, of.id) if each.state is WaveState.RUNNING]
    waiting = next_members(connection, of.id, running, CHUNK)
    firmware = firmwares.get(connection, of.sha256) if waiting else None
    if firmware is None:
        gone = dict.fromkeys(waiting, "The image is no longer stored here.")
        memberships.change(connection, of.id, gone, [MemberState.WAITING], MemberState.SKIPPED, now=now)
        return Filled([], len(waiting))
    made: list[Deployment] = []
    left_out: dict[MemberState, dict[int, str]] = {}
    bench = benching.to_try(connection, firmware)
    for each in judging.judge(connection, firmware, list(waiting), now=now):
        if each.code:
            state = MemberState.SAME if each.runs_it else MemberState.SKIPPED
            left_out.setdefault(state, {})[each.pk] = each.reason
        else:
            is_tried = each.pk in bench and each.image.sha256 == of.sha256
            purpose = Purpose.BENCH if is_tried else Purpose.UPDATE
            made.append(_queue(connection, of, each, waiting[each.pk], purpose, now))
    for state, reasons in left_out.items():
        memberships.change(connection, of.id, reasons, [MemberState.WAITING], state, now=now)
    target_rows.put(connection, [each.device_pk for each in made], of.sha256, source=source(of))
    return Filled(made, len(waiting))


def _queue(
    connection: Connection, of: Rollout, each: Judged, wave: int, purpose: Purpose, now: float
) -> Deployment:
    return orders.queue(
        connection, each.row, each.image, by=of.created_by, now=now, rollout_id=of.id, wave=wave, purpose=purpose
    )  # fmt: skip


def source(of: Rollout) -> str:
    """How a target says that this rollout set it."""
    return f"rollout {of.id}"


def next_members(connection: Connection, rollout_id: int, waves: list[int], limit: int) -> dict[int, int]:
    """Device and wave of the next members that wait in these waves and are not being updated just now."""
    # Asked once, not for each of ten thousand that wait.
    sent = sa.select(deployment.c.device_pk).where(
        deployment.c.state.in_(sorted(ACTIVE - {DeploymentState.QUEUED}))
    )
    query = (
        sa.select(membership.c.device_pk, membership.c.wave)
        .where(
            membership.c.rollout_id == rollout_id,
            membership.c.wave.in_(waves),
            membership.c.outcome == MemberState.WAITING.value,
            membership.c.device_pk.not_in(sent),
        )
        .order_by(membership.c.wave, membership.c.position)
        .limit(limit)
    )
    return {row.device_pk: row.wave for row in connection.execute(query)} if waves else {}


def take_back(
    connection: Connection,
    of: Rollout,
    reason: Reason,
    *,
    now: float,
    by: str = "",
    keep: Sequence[Purpose] = (),
    limit: int = CHUNK,
) -> int:
    """Cancel some of the deployments that this rollout queued, but those for `keep`; how many those were."""
    query = (
        sa.select(deployment.c.id)
        .where(
            deployment.c.rollout_id == of.id,
            deployment.c.state == DeploymentState.QUEUED.value,
            deployment.c.purpose.not_in([each.value for each in keep]),
        )
        .limit(limit)
    )
    count = 0
    for number in connection.execute(query).scalars().all():
        found = deployments.get(connection, number)
        if found is None:
            continue
        if deployments.advance(connection, found, Event.CANCEL, now=now, reason=reason, actor=by) is not None:
            target_rows.drop(connection, [found.device_pk], source=source(of))
            count += 1
    return count


def queued_back(connection: Connection, of: Rollout) -> int:
    """How many ways back of this rollout were not sent yet."""
    query = sa.select(sa.func.count()).where(
        deployment.c.rollout_id == of.id,
        deployment.c.state == DeploymentState.QUEUED.value,
        deployment.c.purpose == Purpose.REVERT.value,
    )
    return connection.execute(query).scalar() or 0


def left_behind(connection: Connection) -> list[Rollout]:
    """Rollouts that have ended, and of which deployments are still queued: a crash was quicker."""
    query = (
        sa.select(rollout.c.id)
        .join(deployment, deployment.c.rollout_id == rollout.c.id)
        # As the partial index says it.
        .where(deployment.c.state == sa.literal_column("'queued'"), rollout.c.state.in_(sorted(course.ENDED)))
        .distinct()
    )
    return [rollouts.require(connection, number) for number in connection.execute(query).scalars().all()]


def queue_back(
    connection: Connection, of: Rollout, row: judging.Row, sha256: str, *, now: float
) -> Deployment | None:
    """Queue the way back of one member; None when another deployment of the device runs."""
    image = firmwares.get(connection, sha256)
    if image is None:
        return None
    try:
        return orders.queue(
            connection, row, image, by=of.created_by, now=now, rollout_id=of.id, purpose=Purpose.REVERT,
            override=REASON_TO_GO_BACK,
        )  # fmt: skip
    except Conflict:
        return None
