"""How many rows a list has in all, by the conditions of the list; counted only where a page does not show it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.store.tables import audit, deployment, membership, rollout


def deployments(conn: Connection, *, device_pk: int | None = None, state: str | None = None) -> int:
    """Deployments, of one device or in one state."""
    asked = ((deployment.c.device_pk, device_pk), (deployment.c.state, state))
    return _count(conn, deployment, [column == wanted for column, wanted in asked if wanted is not None])


def rollouts(conn: Connection, *, state: str = "") -> int:
    """Rollouts, in one state."""
    return _count(conn, rollout, [rollout.c.state == state] if state else [])


def members(conn: Connection, rollout_id: int, *, wave: int | None = None, outcome: str = "") -> int:
    """Members of a rollout, of one wave or with one outcome."""
    where = [membership.c.rollout_id == rollout_id]
    where += [] if wave is None else [membership.c.wave == wave]
    where += [membership.c.outcome == outcome] if outcome else []
    return _count(conn, membership, where)


def deeds(conn: Connection) -> int:
    """Rows of the audit log."""
    return _count(conn, audit, [])


def _count(conn: Connection, table: sa.Table, where: list[sa.ColumnElement[bool]]) -> int:
    return conn.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar_one()
