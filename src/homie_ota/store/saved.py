"""Filters that people gave a name, one list for the whole installation.

Rule: what is saved was read as a query first, so a saved filter always means something to the version that saved it;
the name is one line of text, and saving under a known name replaces what it was.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound, WrongUse
from homie_ota.query import parse
from homie_ota.store.database import upsert
from homie_ota.store.tables import saved_filter

LONGEST_NAME = 64
MOST = 50
"""Filters that an installation keeps: they are shown in one line."""


class Filter(NamedTuple):
    """A filter with its name; `sort` and `columns` as lists take them, empty: as usual."""

    name: str
    query: str
    sort: str = ""
    columns: str = ""


def every(connection: Connection) -> list[Filter]:
    """All of them, by name."""
    columns = [saved_filter.c[name] for name in Filter._fields]
    return [Filter(*row) for row in connection.execute(sa.select(*columns).order_by(saved_filter.c.name))]


def save(connection: Connection, wanted: Filter, *, by: str, now: float) -> Filter:
    """Keep a filter; WrongUse for a name or a query that is none, Conflict when there are too many."""
    name = " ".join(wanted.name.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise WrongUse(f"A filter needs a name of 1 to {LONGEST_NAME} characters.")
    parse(wanted.query)
    others = sa.select(sa.func.count()).select_from(saved_filter).where(saved_filter.c.name != name)
    if (connection.execute(others).scalar() or 0) >= MOST:
        raise Conflict(f"There are {MOST} saved filters already. Delete one first.")
    kept = wanted._replace(name=name, query=wanted.query.strip(), sort=wanted.sort[:32])
    row = {**kept._asdict(), "columns": kept.columns[:255], "saved_at": now, "saved_by": by[:64]}
    upsert(connection, saved_filter, [row], ["name"], ["query", "sort", "columns", "saved_at", "saved_by"])
    return kept


def remove(connection: Connection, name: str) -> None:
    """Forget a filter; NotFound."""
    if not connection.execute(saved_filter.delete().where(saved_filter.c.name == name)).rowcount:
        raise NotFound(f"There is no saved filter {name[:70]!r}.")
