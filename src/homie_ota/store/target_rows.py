"""What each device should run: one row a device, with who set it.

Rule: a target says who set it, and only that one takes it away again; whoever sets another one writes over it. What a
person ordered for one device is its target like what a rollout brings, until it is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Deployment, DeploymentState, Purpose
from homie_ota.store.database import changed_one, upsert
from homie_ota.store.tables import deployment, rollout, target

ORDERED = "order"
"""Who set the target of a device that was updated by itself (`source`)."""


def put(
    connection: Connection, pks: Sequence[int], sha256: str, *, source: str, until: float | None = None
) -> None:
    """These devices should run this image; what was wanted of them before is forgotten."""
    rows = [{"device_pk": pk, "sha256": sha256, "source": source[:64], "until": until} for pk in pks]
    upsert(connection, target, rows, ["device_pk"], ["sha256", "source", "until"])


def drop(connection: Connection, pks: Sequence[int], *, source: str) -> None:
    """Nothing is wanted of these devices any more, as far as `source` is concerned."""
    mine = target.c.device_pk.in_(list(pks)) & (target.c.source == source)
    connection.execute(target.delete().where(mine))


def note(connection: Connection, moved: Deployment) -> None:
    """An order that was taken back wants nothing any more: what was wanted before it counts again.

    What came of any other deployment leaves the target as it is.
    """
    if moved.state is not DeploymentState.CANCELLED or moved.rollout_id is not None:
        return
    mine = (target.c.device_pk == moved.device_pk) & (target.c.source == ORDERED)
    if changed_one(connection.execute(target.delete().where(mine, target.c.sha256 == moved.sha256))):
        before = connection.execute(_BEFORE, {"device": moved.device_pk, "number": moved.id}).first()
        if before is not None:
            source = f"rollout {before.rollout_id}" if before.rollout_id else ORDERED
            put(connection, [moved.device_pk], before.sha256, source=source)


_WANTING = sorted([Purpose.UPDATE, Purpose.REVERT, Purpose.OUTSIDE])
_BEFORE = (
    sa.select(
        # Over stepping stones it is the image of the rollout that is wanted, not the one that went out.
        sa.case(
            (
                deployment.c.purpose == Purpose.UPDATE.value,
                sa.func.coalesce(rollout.c.sha256, deployment.c.sha256),
            ),
            else_=deployment.c.sha256,
        ).label("sha256"),
        deployment.c.rollout_id,
    )
    .outerjoin(rollout, rollout.c.id == deployment.c.rollout_id)
    .where(
        deployment.c.device_pk == sa.bindparam("device"),
        deployment.c.id < sa.bindparam("number"),
        deployment.c.state != DeploymentState.CANCELLED.value,
        deployment.c.purpose.in_(_WANTING),
    )
    .order_by(deployment.c.id.desc())
    .limit(1)
)
