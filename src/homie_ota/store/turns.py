"""Whose turn it is among what waits, kept with each queued deployment: a wake-up looks at one row of ten thousand.

Rule: `turn` is None while the device is not awake; it changes in the transaction that writes the device's state. First
those that just woke, for they will not wait; a weak signal comes last, for a slow transfer ends itself
(homie-ota.md rule 21).
"""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE
from homie_ota.store.tables import deployment, device

QUEUED = deployment.c.state == sa.literal_column("'queued'")
"""As the partial indexes say it: a bound value would not let the database use them."""

WEAK = 30.0
"""Percent of signal below which a device goes last."""


class Turn(IntEnum):
    """The order in which what waits is offered; inside a turn the oldest first."""

    WOKEN = 0
    READY = 1
    WEAK = 2


_OF_DEVICE = sa.case(
    (device.c.state.not_in(sorted(AWAKE)), None),
    (device.c.signal < WEAK, Turn.WEAK.value),
    else_=Turn.READY.value,
)


def join(connection: Connection, number: int) -> None:
    """Give a deployment that was just queued its place."""
    connection.execute(_JOIN, {"number": number})


_MINE = sa.select(_OF_DEVICE).where(device.c.pk == deployment.c.device_pk).scalar_subquery()
_JOIN = deployment.update().where(deployment.c.id == sa.bindparam("number")).values(turn=_MINE)


def woke(connection: Connection, device_pks: Collection[int]) -> None:
    """What waits for these devices goes first: they are awake now."""
    _put(connection, device_pks, Turn.WOKEN)


def left(connection: Connection, device_pks: Collection[int]) -> None:
    """These devices are awake no more."""
    _put(connection, device_pks, None)


def _put(connection: Connection, device_pks: Collection[int], turn: Turn | None) -> None:
    if not device_pks:
        return
    mine = QUEUED & (deployment.c.device_pk == sa.bindparam("pk"))
    values = {"turn": None if turn is None else turn.value}
    connection.execute(deployment.update().where(mine).values(**values), [{"pk": pk} for pk in device_pks])


def repair(connection: Connection) -> int:
    """Put right what does not fit the devices' states, in one statement; returns how many did not.

    Where two processes write at the same time, an order may not see the wake-up that is being written.
    """
    is_awake = (
        sa.select(device.c.state.in_(sorted(AWAKE)))
        .where(device.c.pk == deployment.c.device_pk)
        .scalar_subquery()
    )
    wrong = QUEUED & (deployment.c.turn.is_not(None) != is_awake)
    return int(connection.execute(deployment.update().where(wrong).values(turn=_MINE)).rowcount)
