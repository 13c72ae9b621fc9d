"""A person orders an update while an attempt that nobody ordered waits: it gives way, or goes out at once.

Rule: what a person wants comes before what we would try again; an attempt of a rollout is the rollout's.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Deployment, DeploymentState
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.store import deployments, events
from homie_ota.store.database import changed_one
from homie_ota.store.tables import deployment

BY = "retry"
"""Who made an attempt that nobody ordered."""

NEVER = 1e18
"""A moment that does not come: it waits for something else than time, which an order does not change."""

GAVE_WAY = Reason("gave-way", "Another image was ordered for the device.", False)


class Wish(NamedTuple):
    """What a person orders: an image for a device, with a typed reason, and until when it may wait (None: for ever)."""

    device_pk: int
    sha256: str
    by: str
    override: str = ""
    not_after: float | None = None


def take_over(connection: Connection, wish: Wish, *, now: float) -> Deployment | None:
    """What a person orders while an attempt of ours waits: the same image goes out now, for another one ours gives way.

    The attempt, when it was the same image; None when a new one has to be made.
    """
    waiting = deployments.active_of(connection, wish.device_pk)
    if waiting is None or waiting.created_by != BY or waiting.state is not DeploymentState.QUEUED:
        return None
    if waiting.rollout_id is not None:
        return None
    if waiting.sha256 != wish.sha256:
        deployments.advance(connection, waiting, Event.CANCEL, now=now, reason=GAVE_WAY, actor=wish.by)
        return None
    fresh = sa.case((deployment.c.fresh_after >= NEVER, deployment.c.fresh_after), else_=None)
    values = {
        "not_before": None,
        "not_after": wish.not_after,
        "fresh_after": fresh,
        "created_by": wish.by[:64],
        "override": wish.override,
    }
    mine = (deployment.c.id == waiting.id) & (deployment.c.state == waiting.state.value)
    if not changed_one(connection.execute(deployment.update().where(mine).values(**values))):
        return None
    data = {"state": waiting.state.value, "sha256": wish.sha256, "override": wish.override}
    about = {"device_pk": wish.device_pk, "deployment_id": waiting.id}
    events.add(connection, "deployment", at=now, actor=wish.by, data=data, **about)
    return deployments.get(connection, waiting.id)
