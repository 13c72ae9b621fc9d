"""The log, read from its end by any filter: of a million events a page takes a few milliseconds.

Rule: one index leads, that of the filter which leaves the fewest events; the other conditions are checked on what it
finds. Of the audit log at most LOOKED_THROUGH rows are searched for words, and whoever asks is told.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.store.matching import Condition
from homie_ota.store.tables import audit, event

SLACK = 86_400.0
"""Seconds by which an event may be written after its time and still be found by it: clocks are put right."""
LOOKED_THROUGH = 50_000
WORTH_COUNTING = 2000

Row = dict[str, Any]


class Wanted(NamedTuple):
    """Which events: empty and None are any. Times are Unix seconds, both included."""

    device_pk: int | None = None
    sha256: str = ""
    actor: str = ""
    kind: str = ""
    since: float | None = None
    until: float | None = None


def find(conn: Connection, wanted: Wanted, *, limit: int, before: int | None = None) -> list[Row]:
    """The newest of them first; `before` is the `seq` from which a further page goes on."""
    query = sa.select(event).where(*_conditions(conn, wanted), *_between(conn, wanted))
    if before is not None:
        query = query.where(event.c.seq < before)
    return [dict(row) for row in conn.execute(query.order_by(event.c.seq.desc()).limit(limit)).mappings()]


def _conditions(conn: Connection, wanted: Wanted) -> list[Condition]:
    """Only the one with the fewest events may use its index, or the wrong index could be taken."""
    told = (
        (event.c.device_pk, wanted.device_pk),
        (event.c.sha256, wanted.sha256 or None),
        (event.c.actor, wanted.actor or None),
        (event.c.kind, wanted.kind or None),
    )
    asked = [(column, value) for column, value in told if value is not None]
    if len(asked) > 1:
        asked.sort(key=lambda each: _few(conn, each[0] == each[1]))
    return [
        (column == value) if number == 0 else (sa.func.coalesce(column, column) == value)
        for number, (column, value) in enumerate(asked)
    ]


def _few(conn: Connection, where: Condition) -> int:
    """How many there are, as far as that is worth counting."""
    some = sa.select(event.c.seq).where(where).limit(WORTH_COUNTING).subquery()
    return conn.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()


def _between(conn: Connection, wanted: Wanted) -> list[Condition]:
    """The times, and the part of the log in which they are.

    An event is written at its time or up to SLACK later: so whatever is older than that was written before all that is
    looked for, and whatever is younger behind it; one such event on each side is found by the index of times.
    """
    found: list[Condition] = []
    at, seqs = sa.func.coalesce(event.c.at, 0.0), sa.select(event.c.seq)
    if wanted.since is not None:
        older = seqs.where(event.c.at < wanted.since - SLACK).order_by(event.c.at.desc())
        found += [at >= wanted.since, event.c.seq > (conn.execute(older.limit(1)).scalar() or 0)]
    if wanted.until is not None:
        younger = seqs.where(event.c.at > wanted.until + SLACK).order_by(event.c.at)
        found += [at <= wanted.until]
        found += [event.c.seq < number for number in conn.execute(younger.limit(1)).scalars()]
    return found


# --- Who did what ---------------------------------------------------------------------------------------------------


class Deeds(NamedTuple):
    """A page of the audit log, newest first; `looked_to` is the `seq` where the search ended, 0: at the beginning."""

    rows: list[Row]
    looked_to: int = 0


def deeds(conn: Connection, *, who: str = "", text: str = "", limit: int, before: int | None = None) -> Deeds:
    """What `who` did (anybody: empty), where every word of `text` is in what, why or from where."""
    query = sa.select(audit).order_by(audit.c.seq.desc()).limit(limit)
    query = query.where(audit.c.seq < before) if before is not None else query
    query = query.where(audit.c.who == who) if who else query
    words, end = text.replace("\0", "").split(), 0
    if words:
        newest = conn.execute(sa.select(sa.func.max(audit.c.seq))).scalar() or 0
        end = max(0, min(newest, before or newest) - LOOKED_THROUGH)
        query = query.where(audit.c.seq > end)
    for word in words:
        told = (audit.c.what, audit.c.why, audit.c.from_where, audit.c.who)
        query = query.where(sa.or_(*(column.icontains(word, autoescape=True) for column in told)))
    rows = [dict(row) for row in conn.execute(query).mappings()]
    return Deeds(rows, end if len(rows) < limit else 0)


def actors(conn: Connection, limit: int = 50) -> list[str]:
    """Some names by which the log can be filtered, by their alphabet: each found in one step through the index."""
    found: list[str] = []
    while len(found) < limit:
        after = event.c.actor > (found[-1] if found else "")
        name = conn.execute(sa.select(sa.func.min(event.c.actor)).where(after)).scalar()
        if name is None:
            break
        found.append(name)
    return found
