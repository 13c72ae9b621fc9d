"""The end of the log as it grows: every event once, in the order of its number, from any number on.

Rule: a number that is missing may still be being written by another process, whose transaction has not ended: nothing
behind it is told before it is `settled` that it will not come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.store.tables import event

AT_ONCE = 500
"""Events read in one transaction."""


class Wanted(NamedTuple):
    """Which events: empty and None are any. `only` is a further condition on their columns."""

    device_pk: int | None = None
    kinds: Collection[str] = ()
    only: sa.ColumnElement[bool] | None = None

    def conditions(self) -> list[sa.ColumnElement[bool]]:
        """The same as conditions of a query."""
        found = [] if self.only is None else [self.only]
        if self.device_pk is not None:
            found.append(event.c.device_pk == self.device_pk)
        if self.kinds:
            found.append(event.c.kind.in_(sorted(self.kinds)))
        return found


class Part(NamedTuple):
    """Some events, oldest first; the number up to which all were looked at, and whether there may be more already."""

    rows: list[dict[str, Any]]
    reached: int
    is_full: bool


SETTLED = 5.0
"""Seconds after which a number that is missing will not come any more: no transaction takes that long."""


class Settling:
    """Up to which number none comes late; looked at again and again. Where one process writes, that is all of them."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()
        self.upto = self.newest = 0

    def look(self, conn: Connection, now: float) -> None:
        """Look at the end of the log; `now` is monotonic."""
        self.newest = newest(conn)
        if conn.dialect.name == "sqlite":
            self.upto = self.newest
            return
        self._seen.append((now, self.newest))
        while self._seen and now - self._seen[0][0] >= SETTLED:
            self.upto = self._seen.popleft()[1]


def newest(conn: Connection) -> int:
    """The highest number of an event; 0 where there is none."""
    return conn.execute(sa.select(sa.func.max(event.c.seq))).scalar() or 0


def missing(conn: Connection, after: int, upto: int) -> int:
    """How many numbers behind `after`, up to `upto`, are of no event (any more)."""
    between = sa.select(sa.func.count()).where(event.c.seq > after, event.c.seq <= upto)
    return max(0, upto - after - conn.execute(between).scalar_one())


def part(conn: Connection, wanted: Wanted, *, after: int, settled: int, limit: int = AT_ONCE) -> Part:
    """The next events behind `after`. Numbers up to `settled` that are missing will not come any more."""
    query = sa.select(event.c.seq).where(event.c.seq > after).order_by(event.c.seq).limit(limit)
    seqs = list(conn.execute(query).scalars())
    reached = after
    for seq in seqs:
        if seq > reached + 1 and seq - 1 > settled:
            break
        reached = seq
    chosen = sa.select(event).where(event.c.seq > after, event.c.seq <= reached, *wanted.conditions())
    rows = [dict(row) for row in conn.execute(chosen.order_by(event.c.seq)).mappings()]
    return Part(rows, reached, len(seqs) == limit and reached == seqs[-1])
