"""What each device should run: one row a device, with who set it.

Rule: a target says who set it, and only that one takes it away again; whoever sets another one writes over it. What a
person ordered for one device is its target like what a rollout brings, until it is taken back.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy.engine import Connection

from homie_ota.model import Deployment, DeploymentState
from homie_ota.store.database import upsert
from homie_ota.store.tables import target

ORDERED = "order"
"""Who set the target of a device that was updated by itself (`source`)."""


def put(
    connection: Connection, pks: Sequence[int], sha256: str, *, source: str, until: float | None = None
) -> None:
    """These devices should run this image; what was wanted of them before is forgotten."""
    rows = [{"device_pk": pk, "sha256": sha256, "source": source[:64], "until": until} for pk in pks]
    upsert(connection, target, rows, ["device_pk"], ["sha256", "source", "until"])


def drop(connection: Connection, pks: Sequence[int], *, source: str, sha256: str = "") -> None:
    """Nothing is wanted of these devices any more, as far as `source` (and this image of it) is concerned."""
    mine = target.c.device_pk.in_(list(pks)) & (target.c.source == source)
    connection.execute(target.delete().where(mine, *([target.c.sha256 == sha256] if sha256 else [])))


def note(connection: Connection, moved: Deployment) -> None:
    """An order that was taken back wants nothing any more; what came of any other leaves the target as it is."""
    if moved.state is DeploymentState.CANCELLED and moved.rollout_id is None:
        drop(connection, [moved.device_pk], source=ORDERED, sha256=moved.sha256)
