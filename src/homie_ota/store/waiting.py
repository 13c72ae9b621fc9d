"""Who is offered something next: of all that waits, the first whose device is awake and whom nothing holds back.

Rule: a look costs the same with ten that wait and with ten thousand: what waits is found by its turn, rollout by
rollout, and a rollout that may start nothing is left out whole. What holds a single one back is in `holds`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE, Address, Deployment, DeploymentState, Firmware, Purpose, Way
from homie_ota.rollout import starting
from homie_ota.rollout.plan import Limits, RolloutState
from homie_ota.rollout.why import Hold
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import deployments, flight, holds, rollouts, scene
from homie_ota.store import firmware as firmwares
from homie_ota.store.flight import Flight
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import deployment, device
from homie_ota.store.turns import QUEUED, Turn

AT_ONCE = 20
"""So many of one rollout are looked at; what could hold more of them back is part of the query."""


@dataclass(frozen=True, slots=True)
class Look:
    """When and with what limits is looked: `local` is `now` on the wall clock, for windows."""

    now: float
    local: LocalTime = LocalTime(0, 0)
    limits: Limits = Limits(parallel=1)


def local_time(now: float) -> LocalTime:
    """A moment as the clock on this machine's wall shows it."""
    wall = time.localtime(now)
    return LocalTime(wall.tm_wday, 60 * wall.tm_hour + wall.tm_min)


class Ready(NamedTuple):
    """A deployment that may be offered now, with what the offer needs."""

    deployment: Deployment
    firmware: Firmware
    address: Address
    way: Way
    fw_name: str
    fw_version: str


class Next(NamedTuple):
    """The next one, None when none may go; then `again_at` is when one may by time alone (None: not known)."""

    ready: Ready | None
    again_at: float | None = None


class _Found(NamedTuple):
    turn: int
    id: int


def next_ready(connection: Connection, look: Look) -> Next:
    """The next deployment to send something for: a second step first, else by turn."""
    found = _second_step(connection)
    if found is not None:
        return Next(_with_firmware(connection, found))
    return _first(connection, look, flight.now_flying(connection))


def _second_step(connection: Connection) -> int | None:
    return connection.execute(_TWO_STEP).scalar()


_TWO_STEP = (
    sa.select(deployment.c.id)
    .join(device, device.c.pk == deployment.c.device_pk)
    .where(device.c.way == Way.TWO_STEP.value, deployment.c.state == DeploymentState.TRANSFERRING.value)
    .where(deployment.c.image_at.is_(None))
    .order_by(deployment.c.id)
    .limit(1)
)


def _first(connection: Connection, look: Look, flying: Flight) -> Next:
    last = flight.last_start(connection, look.limits, look.now)
    everything = flying.everything._replace(last_start=last)
    full = starting.room(_widened(look.limits), everything, 0, woken=True, now=look.now)
    if full is not None:
        return Next(None, full.until)
    answers = [_of(connection, look, flying, everything, rollout) for rollout in _groups(connection)]
    found = [each for each in answers if isinstance(each, _Found)]
    if found:
        return Next(_with_firmware(connection, min(found).id))
    moments = [each.until for each in answers if isinstance(each, Hold) and each.until is not None]
    return Next(None, min(moments, default=None))


def _widened(limits: Limits) -> Limits:
    """One more slot is kept for devices that just woke: they will not be awake when the others are done (rule 20)."""
    return replace(limits, parallel=limits.parallel + 1) if limits.parallel else limits


def _groups(connection: Connection) -> Iterator[Rollout | None]:
    """What is ordered singly, and every rollout that may start something."""
    yield None
    yield from rollouts.find(connection, states=(RolloutState.RUNNING, RolloutState.REVERTING), limit=1000)


def _of(
    connection: Connection, look: Look, flying: Flight, everything: starting.InFlight, rollout: Rollout | None
) -> _Found | Hold | None:
    """The first of one rollout that may go, or what holds back the first that may not."""
    full = _is_full(rollout, flying, look.now) if rollout is not None else None
    if full is not None:
        return full  # nobody needs to be looked at
    reverting = rollout is not None and rollout.state is RolloutState.REVERTING
    query = _candidates(_Asked(rollout is None, reverting, flying.alone, everything.transfers > 0))
    if rollout is not None and rollout.plan.guards:
        query = query.where(*scene.guards(connection, rollout.plan, look.now))
    given = holds.at(look.now) if rollout is None else {**holds.at(look.now), "rollout": rollout.id}
    rows = [dict(row) for row in connection.execute(query, given).mappings()]
    if not rows:
        return None
    here = scene.look(connection, rollout, flying, look.now) if rollout is not None else None
    answers = [_answer(row, look, everything, here) for row in rows]
    return next((each for each in answers if isinstance(each, _Found)), answers[0])


def _is_full(rollout: Rollout, flying: Flight, now: float) -> Hold | None:
    """What the rollout's own limits hold back whoever it is; None while there is room for somebody."""
    mine = flying.of(rollout.id, rollout.lane)
    return starting.room(rollout.plan.limits, mine, 0, woken=True, now=now)


def _answer(
    row: dict[str, Any], look: Look, everything: starting.InFlight, here: scene.Scene | None
) -> _Found | Hold:
    woken = row["turn"] == Turn.WOKEN.value
    limits = _widened(look.limits) if woken else look.limits
    hold = starting.room(limits, everything, row["bytes_total"], woken=woken, now=look.now)
    if hold is None and here is not None:
        answer = here.may_start(row, look.local)
        hold = answer if isinstance(answer, Hold) else None
    return hold or _Found(row["turn"], row["id"])


class _Asked(NamedTuple):
    """What a look asks for: what is ordered singly or of a `rollout`, ways back only, and what the air allows."""

    singly: bool
    reverting: bool
    alone: bool
    busy: bool


@cache
def _candidates(asked: _Asked) -> sa.Select[Any]:
    """Made once, since it is asked with every look: to put it together takes longer than to run it."""
    number = sa.bindparam("rollout", type_=sa.Integer())
    mine = deployment.c.rollout_id.is_(None) if asked.singly else deployment.c.rollout_id == number
    columns = ("id", "turn", "bytes_total", "wave", "purpose")
    also = (
        (asked.reverting, deployment.c.purpose == Purpose.REVERT.value),
        (asked.alone, deployment.c.turn == Turn.WOKEN.value),
        (asked.busy, ~deployment.c.alone),
    )
    return (
        sa.select(*(deployment.c[name] for name in columns))
        .join(device, device.c.pk == deployment.c.device_pk)
        .where(QUEUED, mine, deployment.c.turn >= 0, device.c.state.in_(sorted(AWAKE)))
        .where(device.c.way != Way.ASKS.value)  # nothing is sent to it: it comes by itself (`holding`)
        .where(*holds.free(), *(each for is_so, each in also if is_so))
        .order_by(deployment.c.turn, deployment.c.id)
        .limit(AT_ONCE)
    )


def holding(connection: Connection, of: Deployment, look: Look) -> Hold | None:
    """What holds back this one, whose device is here now and cannot be told to come later; None: it is its turn.

    For the transaction that commits the offer.
    """
    told = holds.of(connection, of, look.local, look.now)
    if told or not may_still_go(connection, of, look.now):
        return told[0] if told else Hold("held", "It is held back.")
    flying = flight.now_flying(connection)
    if flying.everything.transfers and connection.execute(_ALONE, {"number": of.id}).scalar():
        return Hold("alone", "It goes out only while nothing else is on the air.")
    last = flight.last_start(connection, look.limits, look.now)
    everything = flying.everything._replace(last_start=last)
    return starting.room(_widened(look.limits), everything, of.bytes_total, woken=True, now=look.now)


_ALONE = sa.select(deployment.c.alone).where(deployment.c.id == sa.bindparam("number"))


def may_still_go(connection: Connection, of: Deployment, now: float) -> bool:
    """Whether nothing came between the look and the offer: its device left, was pinned, or a person paused its rollout.

    For the transaction that commits the offer.
    """
    if connection.execute(_free(), {**holds.at(now), "number": of.id}).first() is None:
        return False
    rollout = None if of.rollout_id is None else rollouts.get(connection, of.rollout_id)
    wanted = RolloutState.REVERTING if of.purpose == Purpose.REVERT else RolloutState.RUNNING
    return rollout is None or rollout.state is wanted


@cache
def _free() -> sa.Select[Any]:
    here = (deployment.c.id == sa.bindparam("number")) & device.c.state.in_(sorted(AWAKE))
    query = sa.select(deployment.c.id).join(device, device.c.pk == deployment.c.device_pk)
    return query.where(here, *holds.free())


def _with_firmware(connection: Connection, number: int) -> Ready | None:
    found = deployments.get(connection, number)
    if found is None:
        return None
    firmware = firmwares.get(connection, found.sha256)
    row = connection.execute(_DEVICE, {"device": found.device_pk}).one()
    if firmware is None:
        return None
    return Ready(found, firmware, Address(row.base, row.device_id), Way(row.way), row.fw_name, row.fw_version)


_DEVICE = sa.select(
    device.c.base, device.c.device_id, device.c.way, device.c.fw_name, device.c.fw_version
).where(device.c.pk == sa.bindparam("device"))


def lapsed(connection: Connection, now: float, *, limit: int = 200) -> list[Deployment]:
    """What waits longer than it was to wait."""
    query = sa.select(deployment.c.id).where(QUEUED, deployment.c.not_after < now).limit(limit)
    found = (deployments.get(connection, number) for number in connection.execute(query).scalars().all())
    return [each for each in found if each is not None]
