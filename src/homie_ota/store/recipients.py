"""Who elsewhere is told what happens, as rows: how far each is in the log, and how it went.

Rule: a recipient begins at the end of the log; its number only goes forward, and is written after it was told.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.store import tail
from homie_ota.store.database import upsert
from homie_ota.store.tables import event, recipient


class Recipient(NamedTuple):
    """One of them. `reached` is the number up to which it was told; `waiting` for how many events it has to be tried.

    `failing_since` is None while all is well; `tries` of the same message have failed, and the next is at `next_at`.
    `is_dead`: given up, for `lost` events behind `lost_after` got too old; it is still tried now and then.
    """

    name: str
    reached: int
    waiting: int = 0
    tries: int = 0
    failing_since: float | None = None
    next_at: float = 0.0
    last_ok: float | None = None
    last_error: str = ""
    is_dead: bool = False
    lost: int = 0
    lost_after: int = 0


_COLUMNS = [recipient.c[name] for name in Recipient._fields]


def begin(conn: Connection, name: str) -> Recipient:
    """The recipient of this name as it was left; a new one, and one of a longer log, begins at the end of this one."""
    newest = tail.newest(conn)
    found = conn.execute(sa.select(*_COLUMNS).where(recipient.c.name == name)).first()
    known = Recipient(*found) if found else Recipient(name, newest)
    known = known._replace(reached=newest) if known.reached > newest else known
    save(conn, known)
    return known


def save(conn: Connection, known: Recipient) -> None:
    """Write it as it is now."""
    upsert(conn, recipient, [known._asdict()], ["name"], [*Recipient._fields[1:]])


def every(conn: Connection) -> dict[str, Recipient]:
    """All of them by name, those of settings that have gone included."""
    return {row.name: Recipient(*row) for row in conn.execute(sa.select(*_COLUMNS))}


def forget_others(conn: Connection, names: Collection[str]) -> None:
    """Keep those of the settings only: who comes back some day begins at the end of the log then."""
    conn.execute(recipient.delete().where(recipient.c.name.not_in(sorted(names))))


class Overdue(NamedTuple):
    """How many wanted events are too old to be told, and the number of the last of them."""

    many: int
    upto: int


def overdue(conn: Connection, wanted: tail.Wanted, *, after: int, upto: int, before: float) -> Overdue:
    """The wanted events behind `after` and up to `upto` that are of a time earlier than `before`."""
    old = (event.c.seq > after, event.c.seq <= upto, event.c.at < before)
    query = sa.select(sa.func.count(), sa.func.max(event.c.seq)).where(*old, *wanted.conditions())
    count, last = conn.execute(query).one()
    return Overdue(count, last or after)


def newest_test(conn: Connection) -> int:
    """The number of the newest test; 0 where there is none."""
    found = sa.select(sa.func.max(event.c.seq)).where(event.c.kind == sa.literal_column("'test'"))
    return conn.execute(found).scalar() or 0


def waiting(conn: Connection, wanted: tail.Wanted, after: int) -> int:
    """How many wanted events are behind a number."""
    query = sa.select(sa.func.count()).select_from(event).where(event.c.seq > after, *wanted.conditions())
    return conn.execute(query).scalar_one()
