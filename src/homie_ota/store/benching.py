"""A bench device in a rollout: it takes the image first, and shows that it can be updated again.

Rule: the bench device goes old → new → old → new, as `rollout/bench.py` says from what its attempts came to; what it
showed is written to the image, and is the outcome of its member.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, Deployment, Firmware, Outcome, Purpose
from homie_ota.rollout import bench
from homie_ota.rollout.bench import DEAD_END, RENEWABLE, Proven, Send, Tried, Unproven
from homie_ota.rollout.members import RUNS_IT
from homie_ota.rollout.plan import MemberState
from homie_ota.store import deployments, devices, memberships, orders, rollouts
from homie_ota.store import firmware as firmwares
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import deployment, device, firmware, membership, tag

TAG = "bench"
"""The tag of a device on which images are tried first."""


def to_try(connection: Connection, image: Firmware) -> set[int]:
    """The bench devices that are to try this image, because none has yet; of which it could take the old one back."""
    stored = sa.select(firmware.c.md5)
    mine = (
        sa.select(tag.c.device_pk)
        .join(device, device.c.pk == tag.c.device_pk)
        .where(tag.c.tag == TAG, device.c.md5 != "", device.c.md5.in_(stored))
    )
    return set() if image.proven else set(connection.execute(mine).scalars())


def go_on(connection: Connection, of: Rollout, *, now: float) -> list[Deployment]:
    """Send each bench device its next image, or write what it showed; the attempts that were made."""
    made = [_next(connection, of, pk, now) for pk in _idle(connection, of)]
    return [each for each in made if each is not None]


def _idle(connection: Connection, of: Rollout) -> list[int]:
    """Members that are under way on the bench, with nothing under way."""
    other = deployment.alias("other")
    busy = sa.exists().where(other.c.device_pk == membership.c.device_pk, other.c.state.in_(sorted(ACTIVE)))
    query = (
        sa.select(membership.c.device_pk)
        .join(deployment, deployment.c.id == membership.c.deployment_id)
        .where(
            membership.c.rollout_id == of.id,
            membership.c.outcome == MemberState.RUNNING.value,
            deployment.c.purpose == Purpose.BENCH.value,
            ~busy,
        )
    )
    return list(connection.execute(query).scalars())


def _next(connection: Connection, of: Rollout, pk: int, now: float) -> Deployment | None:
    ended = _ended(connection, of, pk)
    old = ended[0].previous_sha256
    step = bench.next_step(old, of.sha256, [_tried(each) for each in ended])
    if isinstance(step, Send):
        return _send(connection, of, ended[-1], step, now)
    _write(connection, of, pk, step, now)
    return None


def _ended(connection: Connection, of: Rollout, pk: int) -> list[Deployment]:
    query = (
        sa.select(deployment.c.id)
        .where(
            deployment.c.rollout_id == of.id,
            deployment.c.device_pk == pk,
            deployment.c.purpose == Purpose.BENCH.value,
        )
        .order_by(deployment.c.id)
    )
    found = [deployments.get(connection, number) for number in connection.execute(query).scalars().all()]
    return [each for each in found if each is not None]


def _tried(ended: Deployment) -> Tried:
    """That it ran the image already is as good as a step made."""
    return Tried(ended.sha256, Outcome.BOOTED if ended.code in RUNS_IT else Outcome(ended.outcome))


def _send(connection: Connection, of: Rollout, last: Deployment, step: Send, now: float) -> Deployment | None:
    image, row = firmwares.get(connection, step.sha256), devices.row(connection, last.device_pk)
    if image is None or row is None:
        reason = "An image that the bench needs is no longer stored here."
        _write(connection, of, last.device_pk, Unproven(reason), now)
        return None
    return orders.queue(
        connection, row, image, by=of.created_by, now=now, rollout_id=of.id, wave=last.wave,
        purpose=Purpose.BENCH, override="The bench tries whether this image can be updated again.",
    )  # fmt: skip


def _write(connection: Connection, of: Rollout, pk: int, step: Proven | Unproven, now: float) -> None:
    outcome = MemberState.UNHARMED
    if isinstance(step, Proven):
        outcome = MemberState.VERIFIED if step.word == RENEWABLE else MemberState.HARMFUL
        connection.execute(firmware.update().where(firmware.c.sha256 == of.sha256).values(proven=step.word))
    memberships.change(connection, of.id, {pk: step.reason}, [MemberState.RUNNING], outcome, now=now)
    data: dict[str, Any] = {"event": "bench", "devices": [pk], "why": step.reason}
    rollouts.note(
        connection, of, data | {"dead_end": isinstance(step, Proven) and step.word == DEAD_END}, now=now
    )
