"""What happened, a row each and never rewritten: deployments' moves, orders, what was found on the broker."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.store.tables import deployment, event


def add(
    connection: Connection,
    kind: str,
    *,
    at: float,
    device_pk: int | None = None,
    deployment_id: int | None = None,
    actor: str = "",
    data: dict[str, Any] | None = None,
) -> None:
    """Write one event; `kind` is a word like `deployment`, `order`, `device`, `broker`.

    The image that it is about is the one that `data` names, else that of the deployment.
    """
    row: dict[str, Any] = {
        "at": at,
        "kind": kind,
        "device_pk": device_pk,
        "deployment_id": deployment_id,
        "actor": actor[:64],
        "data": data or {},
    }
    sha256 = row["data"].get("sha256") or ""
    if deployment_id is not None and not sha256:
        connection.execute(_OF_DEPLOYMENT, {**row, "of": deployment_id})
    else:
        connection.execute(_INSERT, {**row, "sha256": sha256})


# Made once: an event is written with every move.
_INSERT = event.insert()
_SHA256 = sa.select(deployment.c.sha256).where(deployment.c.id == sa.bindparam("of")).scalar_subquery()
_OF_DEPLOYMENT = event.insert().values(sha256=sa.func.coalesce(_SHA256, ""))


def recent(
    connection: Connection, *, limit: int = 200, before: int | None = None, device_pk: int | None = None
) -> list[dict[str, Any]]:
    """The newest events first; `before` is the `seq` from which a further page goes on."""
    query = sa.select(event).order_by(event.c.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(event.c.seq < before)
    if device_pk is not None:
        query = query.where(event.c.device_pk == device_pk)
    return [dict(row) for row in connection.execute(query).mappings()]


def of_deployment(connection: Connection, deployment_id: int) -> list[dict[str, Any]]:
    """Every event of one deployment, oldest first."""
    query = sa.select(event).where(event.c.deployment_id == deployment_id).order_by(event.c.seq)
    return [dict(row) for row in connection.execute(query).mappings()]
