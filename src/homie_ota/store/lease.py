"""The lease: of several servers on one database, the one that moves updates.

Rule: whoever holds it has a token that only grows; the token is checked in the statement that offers an image, so that
a server which was held up and does not know that its time is over cannot offer anything any more.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.store.database import changed_one, upsert
from homie_ota.store.tables import lease

DISPATCH = "dispatch"
"""The name of the one lease there is: who offers images."""


def take(connection: Connection, name: str, holder: str, now: float, ttl: float) -> int | None:
    """Take the lease, or hold it longer: until `now + ttl`. Its token; None while somebody else holds it."""
    first = {"name": name, "holder": "", "token": 0, "expires_at": now}
    upsert(connection, lease, [first], ["name"], [])
    mine = (lease.c.name == name) & (lease.c.holder == holder) & (lease.c.expires_at > now)
    values = {"expires_at": now + ttl}
    if not changed_one(connection.execute(lease.update().where(mine).values(**values))):
        over = (lease.c.name == name) & (lease.c.expires_at <= now)
        taken = {**values, "holder": holder, "token": lease.c.token + 1}
        if not changed_one(connection.execute(lease.update().where(over).values(**taken))):
            return None
    return connection.execute(sa.select(lease.c.token).where(lease.c.name == name)).scalar()


def give_back(connection: Connection, name: str, holder: str) -> bool:
    """Let the next one have it at once; False when `holder` does not hold it."""
    mine = (lease.c.name == name) & (lease.c.holder == holder)
    return changed_one(connection.execute(lease.update().where(mine).values(expires_at=0.0)))


def holder_of(connection: Connection, name: str, now: float) -> str | None:
    """Who holds it, None when nobody does."""
    query = sa.select(lease.c.holder).where(lease.c.name == name, lease.c.expires_at > now)
    return connection.execute(query).scalar()


def holds(token: int) -> sa.Exists:
    """The condition that the lease for offering is still the one of this token."""
    return sa.exists().where(lease.c.name == DISPATCH, lease.c.token == token)
