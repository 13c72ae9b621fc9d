"""A person has looked at a failed update and leaves it at that: the device needs nobody for it any more.

Rule: only the newest deployment of a device, and only where nothing follows it by itself; it leaves an event row.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound
from homie_ota.model import DeploymentState
from homie_ota.rollout.attempts import Followed
from homie_ota.store import attempts, events
from homie_ota.store.tables import deployment

OPEN = frozenset({"", Followed.NOTHING.value, Followed.QUARANTINE.value})


def at(connection: Connection, device_pk: int, *, by: str, now: float) -> int:
    """Note that somebody looked; the number of the deployment. NotFound when nothing failed, Conflict when it moved."""
    columns = (deployment.c.id, deployment.c.state, deployment.c.followed)
    query = sa.select(*columns).where(deployment.c.device_pk == device_pk).order_by(deployment.c.id.desc())
    newest = connection.execute(query.limit(1)).first()
    failed = newest is not None and newest.state == DeploymentState.FAILED.value
    if newest is None or not failed or newest.followed not in OPEN:
        raise NotFound("Its last update did not fail, or something follows it already.")
    if not attempts.mark(connection, newest.id, newest.followed, Followed.SEEN):
        raise Conflict("Something else happened to this update just now. Look again.")
    data = {"event": "looked at"}
    events.add(connection, "mark", at=now, device_pk=device_pk, deployment_id=newest.id, actor=by, data=data)
    return int(newest.id)
