"""Rows + clock → how every rollout goes on: waves begun and ended, members queued, taken back and sent back.

Rule: what is done is decided by `strategy.decide` in the transaction that does it, so a look may be lost, doubled or
cut off anywhere: the next one goes on from the rows. Work is done in small pieces, for a device that just woke must
not wait behind them.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from homie_ota.bus import Bus, Listener
from homie_ota.dispatch.standing import Standing
from homie_ota.errors import HomieOtaError
from homie_ota.model import Deployment, Purpose
from homie_ota.rollout import strategy
from homie_ota.rollout.actions import Action
from homie_ota.rollout.plan import RolloutState
from homie_ota.rollout.reasons import Reason
from homie_ota.store import acting, benching, filling, holding, progress, returning, rollouts
from homie_ota.store.database import Connection, Database
from homie_ota.store.rollouts import Rollout
from homie_ota.store.waiting import local_time

log = logging.getLogger(__name__)

TICK = 5.0
"""Seconds after which the rows are looked at even when nobody said anything."""

REST = 0.1
"""Seconds between two looks at least: of a transfer comes a notice for each piece of an image."""

NOTE_EVERY = 60.0
"""Seconds at most between two looks at who is held back by what is not about time."""

NOTED = (RolloutState.RUNNING, RolloutState.REVERTING)
"""States of a rollout in which that is looked at."""

BUSY = 4.0
"""A look is followed by a rest of so many times as long as it took, however large the fleet is."""

CONCERNS = frozenset({"rollout", "deployment", "firmware", "broker"})
"""Kinds of notices after which a rollout may go on."""

MOVING = (RolloutState.RUNNING, RolloutState.PAUSED, RolloutState.DRAINING, RolloutState.REVERTING)

STOPPED = Reason("rollout-stopped", "The rollout does not go on, so this was not sent.", False)
ABSENT = Reason(
    "absent", "The device could not be reached in the time of the rollout. Nothing was sent.", False
)


class Look(NamedTuple):
    """What is to be done about one rollout, and when to look again by time alone."""

    actions: list[Action]
    next_at: float | None


class Rollouts:
    """Moves all rollouts of a server; `may` says whether this is the server that moves them."""

    def __init__(
        self,
        database: Database,
        bus: Bus,
        *,
        clock: Callable[[], float] = time.time,
        may: Callable[[], bool] = lambda: True,
    ) -> None:
        self._database, self._bus, self._clock, self._may = database, bus, clock, may
        self._standing = Standing(database, bus, clock)
        self._noted: dict[int, float] = {}

    async def run(self) -> None:
        """Work until cancelled; woken by the bus, by the end of a soak, or every few seconds."""
        with self._bus.listen() as listener:
            while True:
                began = time.monotonic()
                try:
                    pause = await self.step()
                except HomieOtaError as error:
                    log.error("The rollouts could not go on: %s", error)
                    pause = TICK
                rest = max(REST, BUSY * (time.monotonic() - began))
                await asyncio.sleep(rest)
                await _until_concerned(listener, pause - rest)

    async def step(self) -> float:
        """Do what is due; returns the seconds until the next look."""
        if not self._may():
            return TICK
        found = await self._database.read(_to_move)
        pauses = [await self._move(each) for each in found]
        pauses.append(await self._standing.step([each for each in found if each.standing]))
        return min([TICK, *pauses])

    async def _move(self, of: Rollout) -> float:
        """Decide and act until nothing changes, then do what that brought about; the seconds until the next look."""
        await self._note(of)
        while True:
            now = self._clock()
            look = await self._database.read(partial(_look, number=of.id, now=now))
            if not look.actions or not await self._act(of.id):
                break
        await self._work(of.id)
        return TICK if look.next_at is None else max(0.0, look.next_at - self._clock())

    async def _note(self, of: Rollout) -> None:
        """Now and then: who is held back, and who is no more. Needs no row: once more than needed does no harm."""
        now, last = self._clock(), self._noted.get(of.id, -math.inf)
        if of.state not in NOTED or last <= now < last + min(NOTE_EVERY, of.plan.absent_after / 4):
            return
        self._noted[of.id] = now
        ask = partial(holding.changes, of=of, local=local_time(now), now=now)
        for piece in (await self._database.read(ask)).pieces:
            await self._database.write(partial(holding.note, of=of, found=piece, now=now), urgent=True)

    async def _act(self, number: int) -> bool:
        now = self._clock()

        def write(connection: Connection) -> bool:
            look = _look(connection, number, now)
            return acting.act(connection, rollouts.require(connection, number), look.actions, now=now)

        changed = await self._database.write(write, urgent=True)
        if changed:
            self._bus.say("rollout", id=number)
        return changed

    async def _work(self, number: int) -> None:
        """Piece after piece, each in a transaction of its own, until nothing is left to do now."""
        while True:
            now = self._clock()
            piece = partial(_piece, number=number, now=now)
            done, made = await self._database.write(piece, urgent=True)
            if not done:
                return
            self._bus.say("rollout", id=number)
            for each in made:
                self._bus.say("deployment", id=each.id, device_pk=each.device_pk)
            if made:
                self._bus.say("order", rollout=number)


def _to_move(connection: Connection) -> list[Rollout]:
    """Rollouts that are not ended, oldest first, and ended ones of which something is still queued."""
    moving = rollouts.find(connection, states=MOVING, limit=1000)
    return sorted([*moving, *filling.left_behind(connection)], key=lambda each: each.id)


def _look(connection: Connection, number: int, now: float) -> Look:
    found = rollouts.require(connection, number)
    if found.state not in MOVING:
        return Look([], None)
    view = progress.view(connection, found)
    return Look(strategy.decide(view, now), strategy.next_look(view, now))


def _piece(connection: Connection, number: int, now: float) -> tuple[bool, list[Deployment]]:
    """One piece of work of a rollout: whether anything was done, and the attempts that were made."""
    of = rollouts.get(connection, number)
    return _WORK[of.state](connection, of, now) if of is not None else (False, [])


Piece = tuple[bool, list[Deployment]]


def _fill(connection: Connection, of: Rollout, now: float) -> Piece:
    filled = filling.fill(connection, of, now=now)
    tried = benching.go_on(connection, of, now=now)
    return filled.decided > 0 or bool(tried), [*filled.made, *tried]


def _go_back(connection: Connection, of: Rollout, now: float) -> Piece:
    taken = filling.take_back(connection, of, STOPPED, now=now, keep=[Purpose.REVERT])
    returned = returning.go_back(connection, of, now=now)
    return taken > 0 or returned.decided > 0, returned.made


def _take_back(connection: Connection, of: Rollout, now: float) -> Piece:
    reason = ABSENT if of.state is RolloutState.FINISHED else STOPPED
    return filling.take_back(connection, of, reason, now=now) > 0, []


def _nothing(_connection: Connection, _of: Rollout, _now: float) -> Piece:
    return False, []


_WORK: dict[RolloutState, Callable[[Connection, Rollout, float], Piece]] = {
    RolloutState.DRAFT: _nothing,
    RolloutState.RUNNING: _fill,
    RolloutState.PAUSED: _nothing,
    RolloutState.DRAINING: _take_back,
    RolloutState.REVERTING: _go_back,
    RolloutState.FINISHED: _take_back,
    RolloutState.ABORTED: _take_back,
}


async def _until_concerned(listener: Listener, pause: float) -> None:
    """Wait for something that may let a rollout go on, `pause` seconds at most."""
    end = time.monotonic() + pause
    while (left := end - time.monotonic()) > 0:
        if any(notice.kind in CONCERNS for notice in await listener.wait(left)) or listener.missed:
            listener.missed = False
            return
