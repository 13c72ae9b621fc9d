"""Strangers that ask for an update over HTTP, kept until a person adopts one or forgets it.

Rule: a stranger costs one row at most, and only so many are kept: a network that is full replaces its own oldest, and
when all is full the network with the most gives way. So one that floods pushes out nobody but itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.esp.request import UpdateRequest
from homie_ota.store.database import changed_one
from homie_ota.store.tables import knock

MOST = 1000
"""Rows in all."""
OF_A_NETWORK = 50
"""Rows of one IPv4 address or one /64; behind a proxy that is not trusted all devices come from one address."""
_LARGEST = 2**31 - 1
_ONE_MORE = sa.case((knock.c.count < _LARGEST, knock.c.count + 1), else_=knock.c.count)


@dataclass(frozen=True, slots=True)
class Knock:
    """What a stranger said when it asked last; `count` are the times that were noted, `mode` what it asked for."""

    mac: str
    network: str
    address: str
    ap_mac: str
    family: str
    mode: str
    version: str
    sdk: str
    free_space: int | None
    sketch_size: int | None
    chip_size: int | None
    md5: str
    sha256: str
    count: int
    first_at: float
    last_at: float


_COLUMNS = [knock.c[name] for name in Knock.__slots__]


def note(connection: Connection, asked: UpdateRequest, *, address: str, network: str, now: float) -> None:
    """Write down that a stranger asked; it has told a MAC."""
    values = {**_told(asked), "address": address[:64], "last_at": now}
    here = (knock.c.network == network[:64]) & (knock.c.mac == asked.mac)
    change = knock.update().where(here).values(count=_ONE_MORE, **values)
    if changed_one(connection.execute(change)):
        return
    _make_room(connection, network[:64])
    connection.execute(
        knock.insert().values(mac=asked.mac, network=network[:64], count=1, first_at=now, **values)
    )


def _told(asked: UpdateRequest) -> dict[str, object]:
    return {
        "ap_mac": asked.ap_mac,
        "family": asked.family,
        "mode": asked.mode,
        "version": asked.have,
        "sdk": asked.sdk,
        "free_space": _small(asked.free_space),
        "sketch_size": _small(asked.sketch_size),
        "chip_size": _small(asked.chip_size),
        "md5": asked.md5,
        "sha256": asked.sha256,
    }


def _small(number: int | None) -> int | None:
    return number if number is None or number <= _LARGEST else None


def _make_room(connection: Connection, network: str) -> None:
    """Take away the oldest of this network when it is full, else of the fullest one when all is full."""
    number = sa.func.count()
    query = sa.select(knock.c.network, number).group_by(knock.c.network).order_by(number.desc())
    counts = [(name, count) for name, count in connection.execute(query)]
    if dict(counts).get(network, 0) >= OF_A_NETWORK:
        _drop_oldest(connection, network)
    elif sum(count for _, count in counts) >= MOST:
        _drop_oldest(connection, counts[0][0])


def _drop_oldest(connection: Connection, network: str) -> None:
    mine = knock.c.network == network
    oldest = sa.select(knock.c.mac).where(mine).order_by(knock.c.last_at, knock.c.mac).limit(1)
    connection.execute(knock.delete().where(mine, knock.c.mac == oldest.scalar_subquery()))


def find(connection: Connection, *, limit: int = MOST, offset: int = 0) -> list[Knock]:
    """Who knocks, the latest first."""
    query = sa.select(*_COLUMNS).order_by(knock.c.last_at.desc(), knock.c.mac, knock.c.network)
    return [Knock(*row) for row in connection.execute(query.limit(limit).offset(offset))]


def count(connection: Connection) -> int:
    """How many are kept."""
    return connection.execute(sa.select(sa.func.count()).select_from(knock)).scalar() or 0


def latest(connection: Connection, mac: str) -> Knock | None:
    """What was last said under this MAC, from whichever network; None when nobody knocks so."""
    query = sa.select(*_COLUMNS).where(knock.c.mac == mac).order_by(knock.c.last_at.desc()).limit(1)
    row = connection.execute(query).first()
    return Knock(*row) if row else None


def networks(connection: Connection, mac: str) -> list[str]:
    """From where somebody knocks under this MAC; more than one: it moved, or somebody pretends."""
    query = sa.select(knock.c.address).where(knock.c.mac == mac).order_by(knock.c.last_at.desc())
    return list(connection.execute(query).scalars())


def forget(connection: Connection, mac: str) -> bool:
    """Take a stranger off the list; False when it is not there. It comes back when it asks again."""
    return connection.execute(knock.delete().where(knock.c.mac == mac)).rowcount > 0
