"""What the clock and a restart leave to do with the queue: what waited too long, failures that nobody followed yet.

Rule: each is found again by the next look, however the last one ended; a row that is done is not found any more.
"""

from __future__ import annotations

from collections.abc import Callable

from homie_ota.bus import Bus
from homie_ota.model import Deployment
from homie_ota.rollout import reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import asking, attempts, deployments, quarantine, removed, turns, waiting
from homie_ota.store.database import Connection, Database

REPAIR_EVERY = 60.0
"""Seconds between two looks whether every turn fits the state of its device."""


class Upkeep:
    """Keeps the queue in order; `run` it with every look of the dispatch."""

    def __init__(self, database: Database, bus: Bus, clock: Callable[[], float]) -> None:
        self._database, self._bus, self._clock = database, bus, clock
        self._repaired = float("-inf")

    async def run(self) -> bool:
        """Do what is due; True when that changed what waits."""
        now = self._clock()
        lapsed, failed = await self._database.read(lambda conn: _due(conn, now))
        if lapsed or failed:
            for moved in await self._database.write(lambda conn: _do(conn, lapsed, failed, now), urgent=True):
                self._bus.say("deployment", id=moved.id, device_pk=moved.device_pk)
        return await self._repair(now) or bool(lapsed or failed)

    async def _repair(self, now: float) -> bool:
        if self._repaired <= now < self._repaired + REPAIR_EVERY:
            return False
        self._repaired = now
        for pk in await self._database.write(lambda conn: asking.missed(conn, now)):
            self._bus.say("device", device_pk=pk, state="lost")
        return await self._database.write(lambda conn: _repair(conn, now)) > 0


def _due(connection: Connection, now: float) -> tuple[list[Deployment], list[Deployment]]:
    return waiting.lapsed(connection, now), attempts.unfollowed(connection)


def _do(
    connection: Connection, lapsed: list[Deployment], failed: list[Deployment], now: float
) -> list[Deployment]:
    ended = [
        deployments.advance(connection, each, Event.LAPSE, now=now, reason=reasons.ABSENT) for each in lapsed
    ]
    queued = [attempts.follow(connection, each, now) for each in failed]
    return [each for each in (*ended, *queued) if each is not None]


def _repair(connection: Connection, now: float) -> int:
    quarantine.release_those_that_made_it(connection, now=now)
    removed.forget_old(connection, now)
    return turns.repair(connection)
