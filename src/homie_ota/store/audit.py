"""Who did what, why and from where: a log that shows when somebody changed it.

Rule: rows are only ever added, and each one's hash covers the hash before it (`chain`). The database itself refuses to
change or delete a row, and remembers how many there are, so that rows cut off the end are missed, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.store.chain import START, Findings, Head, digest, follow
from homie_ota.store.tables import audit, audit_head

MACHINE = "command line"
"""From where, for what is done on the server's own machine."""
_LOCK = 0x401E07A  # any number of our own: PostgreSQL's name for "one at a time at the end of the chain"


def add(
    conn: Connection, *, at: float, who: str, what: str, why: str = "", from_where: str = ""
) -> dict[str, Any]:
    """Add one row to the end of the chain and return it; texts are cut to what the columns hold."""
    if conn.dialect.name == "postgresql":
        # SQLite has one writer; here two could take the same end for theirs.
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
    row["hash"] = digest(row)
    conn.execute(sa.insert(audit).values(row))
    _remember(conn, str(row["hash"]))
    return row


def _remember(conn: Connection, hash_: str) -> None:
    moved = sa.update(audit_head).values(rows=audit_head.c.rows + 1, hash=hash_)
    if conn.execute(moved).rowcount == 0:
        conn.execute(sa.insert(audit_head).values(one=1, rows=1, hash=hash_))


def recent(conn: Connection, *, limit: int = 200, before: int | None = None) -> list[dict[str, Any]]:
    """The latest rows, newest first; `before` is the `seq` of the last one already shown."""
    rows = sa.select(audit).order_by(audit.c.seq.desc()).limit(limit)
    if before is not None:
        rows = rows.where(audit.c.seq < before)
    return [dict(row) for row in conn.execute(rows).mappings()]


def everything(conn: Connection, after: int = 0, limit: int | None = None) -> Iterator[dict[str, Any]]:
    """Every row behind the `seq` of one, oldest first."""
    rows = sa.select(audit).where(audit.c.seq > after).order_by(audit.c.seq).limit(limit)
    for row in conn.execution_options(yield_per=1000).execute(rows).mappings():
        yield dict(row)


def head(conn: Connection) -> Head:
    """How many rows were written, and the hash of the last; to be kept elsewhere."""
    row = conn.execute(sa.select(audit_head)).first()
    return Head(0, START) if row is None else Head(row.rows, row.hash)


def verify(conn: Connection, kept: Collection[str] = ()) -> Findings:
    """Follow the whole chain; `kept` are hashes that somebody wrote down and that have to be in it."""
    return follow(everything(conn), end=head(conn), kept=kept)
