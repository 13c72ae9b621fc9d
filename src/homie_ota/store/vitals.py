"""How the database and the engine are, as rows and the database itself tell: its size, who moves updates, the clock.

Rule: each number is one quick statement.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, DeploymentState
from homie_ota.store import lease, migrations
from homie_ota.store.tables import deployment, device, event, leftover, quarantine

AHEAD = 120.0
"""Seconds by which an event may seem to be in the future: clocks are put right a little."""
VERSION_DAY = 1_780_000_000.0
"""A day before which this version was not there (May 2026): a clock before it is wrong."""


class Vitals(NamedTuple):
    """`engine` is the database's name and version, `bytes` its size; `leader` who moves updates, None: nobody.

    `newest` is the time of the newest event: later than now, the clock was put back. `oldest_queued` is since when the
    first of what is queued waits.
    """

    engine: str
    bytes: int
    schema: str
    leader: str | None
    newest: float
    queued: int
    active: int
    oldest_queued: float | None
    quarantined: int
    leftovers: int
    devices: int


def read(conn: Connection, now: float) -> Vitals:
    """All of it, as it is now."""
    waits = deployment.c.state == DeploymentState.QUEUED.value
    runs = deployment.c.state.in_(sorted(ACTIVE - {DeploymentState.QUEUED}))
    engine, size = _engine(conn)
    return Vitals(
        engine=engine,
        bytes=size,
        schema=migrations.HEAD,
        leader=lease.holder_of(conn, lease.DISPATCH, now),
        newest=newest_event(conn),
        queued=_count(conn, deployment, waits),
        active=_count(conn, deployment, runs),
        oldest_queued=conn.execute(sa.select(sa.func.min(deployment.c.created_at)).where(waits)).scalar(),
        quarantined=_count(conn, quarantine),
        leftovers=_count(conn, leftover),
        devices=_count(conn, device),
    )


def newest_event(conn: Connection) -> float:
    """The time of the newest event; 0 where there is none."""
    return conn.execute(sa.select(sa.func.max(event.c.at))).scalar() or 0.0


def _count(conn: Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    return conn.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar_one()


def _engine(conn: Connection) -> tuple[str, int]:
    if conn.dialect.name == "sqlite":
        version = conn.exec_driver_sql("SELECT sqlite_version()").scalar()
        pages, size = (
            conn.exec_driver_sql(f"PRAGMA {word}").scalar() or 0 for word in ("page_count", "page_size")
        )
        return f"SQLite {version}", int(pages) * int(size)
    version = conn.exec_driver_sql("SHOW server_version").scalar()
    size = conn.exec_driver_sql("SELECT pg_database_size(current_database())").scalar() or 0
    return f"PostgreSQL {version}", int(size)
