"""Who did what, why and from where: a log that shows when somebody changed it.

Rule: rows are only ever added, and each one's hash covers the hash before it; a row that was altered, or taken out of
the middle, breaks the chain from there on. (Rows cut off the end leave no trace: keep a copy of the last hash.)
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.store.tables import audit

START = "0" * 64
_LOCK = 0x401E07A  # any number of our own: PostgreSQL's name for "one at a time at the end of the chain"


def add(
    conn: Connection, *, at: float, who: str, what: str, why: str = "", from_where: str = ""
) -> dict[str, Any]:
    """Add one row to the end of the chain and return it; texts are cut to what the columns hold."""
    if (
        conn.dialect.name == "postgresql"
    ):  # SQLite has one writer; here two could take the same end for theirs
        conn.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    last = conn.execute(sa.select(audit.c.hash).order_by(audit.c.seq.desc()).limit(1)).scalar()
    row = {
        "at": at,
        "who": who[:64],
        "what": what[:64],
        "why": why[:1000],
        "from_where": from_where[:64],
        "prev_hash": last or START,
    }
    row["hash"] = _hash(row)
    conn.execute(sa.insert(audit).values(row))
    return row


def recent(conn: Connection, *, limit: int = 200, before: int | None = None) -> list[dict[str, Any]]:
    """The latest rows, newest first; `before` is the `seq` of the last one already shown."""
    rows = sa.select(audit).order_by(audit.c.seq.desc()).limit(limit)
    if before is not None:
        rows = rows.where(audit.c.seq < before)
    return [dict(row) for row in conn.execute(rows).mappings()]


def verify(conn: Connection) -> int | None:
    """Follow the whole chain: the `seq` of the first row that does not fit, or None when all is well."""
    expected = START
    for row in conn.execute(sa.select(audit).order_by(audit.c.seq)).mappings():
        if row["prev_hash"] != expected or row["hash"] != _hash(dict(row)):
            return int(row["seq"])
        expected = row["hash"]
    return None


def _hash(row: dict[str, Any]) -> str:
    told = [row[name] for name in ("prev_hash", "at", "who", "what", "why", "from_where")]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
