"""Curves: looks at every device in turn, each some minutes after the last time, and has its new points written.

Rule: messages are not slowed by it and nothing is gathered: what is looked at is the fleet in memory. A crash costs
what happened since a device's last look; its latest statistics are in its row and are taken up after the start.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from homie_ota.errors import HomieOtaError
from homie_ota.fleet import Fleet, KnownDevice, curves
from homie_ota.fleet.curves import HOUR
from homie_ota.fleet.packed import Curves
from homie_ota.ingest.batch import Batch, Identity
from homie_ota.model import State
from homie_ota.store import pruning, series
from homie_ota.store.database import Connection, Database

log = logging.getLogger(__name__)

EVERY = 300
"""Seconds between two looks at one device: of the eight rounds that the fleet keeps none is missed at one a minute."""

TICK = 2.0
"""Seconds between two looks; each takes the devices whose turn it is."""

A_TURN = 24
"""Devices that one transaction writes, so that nobody waits long behind it."""


class Noted:
    """What of a device was written: until when, and the states of this hour."""

    __slots__ = ("hour", "sampled", "seen", "stats")

    def __init__(self) -> None:
        self.stats = self.sampled = 0.0
        self.hour = 0  # the hour up to which it is summed up
        self.seen = 0  # hour and bits


@dataclass
class Turn:
    """What one transaction writes."""

    now: float
    stats: dict[int, Curves] = field(default_factory=dict)
    values: dict[int, Curves] = field(default_factory=dict)
    life: dict[int, Curves] = field(default_factory=dict)
    over: list[int] = field(default_factory=list)  # an hour of theirs is over
    new: list[int] = field(default_factory=list)  # not looked at since the start


class Recorder:
    """Writes the curves of one ingest's fleet; `listening` tells whether what the fleet holds is so now."""

    def __init__(
        self,
        database: Database,
        fleet: Fleet,
        identity: Identity,
        *,
        clock: Callable[[], float],
        listening: Callable[[], bool],
    ) -> None:
        self._database, self._fleet, self._identity = database, fleet, identity
        self._clock, self._listening = clock, listening
        self._noted: dict[int, Noted] = {}
        self._passed: dict[int, int] = {}
        self._looked = float("-inf")

    def saw(self, batch: Batch) -> None:
        """States that devices took in a batch: a sleeper is awake for less than the time between two looks."""
        moved = {*batch.woken, *batch.left} if batch.watching else ()
        if moved:
            for row in batch.rows:
                if row["pk"] in moved:
                    bit = curves.bit_of(State(row["state"]))
                    self._passed[row["pk"]] = self._passed.get(row["pk"], 0) | bit

    async def run(self) -> None:
        """Look every few seconds until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(TICK)

    async def look(self) -> None:
        """Write what is new of the devices whose turn came since the last look."""
        now = self._clock()
        due = self._due(now)
        self._looked = now
        for start in range(0, len(due), A_TURN):
            turn = Turn(now)
            chosen = due[start : start + A_TURN]
            for pk, known in chosen:
                self._add(turn, pk, known)
            await self._write(turn, [pk for pk, _ in chosen])
        if len(self._noted) > len(self._identity.current):
            self._noted = {pk: each for pk, each in self._noted.items() if pk in self._identity.current}

    def _due(self, now: float) -> list[tuple[int, KnownDevice]]:
        current = self._identity.current
        if self._looked == float("-inf"):
            return []  # at the start everybody's turn comes within EVERY
        if not 0 <= now - self._looked < EVERY:  # the clock jumped, or the machine slept
            self._noted.clear()
            return list(current.items())
        slots = range(int(self._looked) + 1, int(now) + 1)
        return [(pk, current[pk]) for slot in slots for pk in self._of_slot(slot % EVERY) if pk in current]

    def _of_slot(self, slot: int) -> Iterator[int]:
        yield from range(slot, max(self._identity.current, default=0) + 1, EVERY)

    def _add(self, turn: Turn, pk: int, known: KnownDevice) -> None:
        noted = self._noted.get(pk)
        if noted is None:
            noted = self._noted[pk] = Noted()
            turn.new.append(pk)
        self._add_life(turn, pk, noted, known)
        if (told := curves.statistics(known, noted.stats, turn.now)) is not None:
            turn.stats[pk], noted.stats = told, float(told.times[-1]) + 0.999
        if turn.now - noted.sampled >= series.VALUES.resolution:
            if (sampled := curves.values(known, noted.sampled, turn.now)) is not None:
                turn.values[pk] = sampled
            noted.sampled = turn.now
        hour = int(turn.now) // HOUR
        if noted.hour != hour:
            turn.over.append(pk)
            noted.hour = hour

    def _add_life(self, turn: Turn, pk: int, noted: Noted, known: KnownDevice) -> None:
        bits = self._passed.pop(pk, 0)
        if self._listening():
            bits |= curves.bit_of(self._fleet.effective_state(known))
        hour = int(turn.now) // HOUR
        before = noted.seen if noted.seen >> 4 == hour else hour << 4
        if before | bits != before:
            turn.life[pk] = Curves([int(turn.now)], {curves.SEEN: [float(bits)]})
        noted.seen = before | bits

    async def _write(self, turn: Turn, pks: list[int]) -> None:
        if not (turn.stats or turn.values or turn.life or turn.over):
            return
        try:
            await self._database.write(
                lambda connection: write_turn(connection, turn, pruning.SETTINGS["keep"].series_days)
            )
        except HomieOtaError as error:
            log.error("Curves of %d devices were not stored: %s", len(pks), error)
            for pk in pks:
                self._noted.pop(pk, None)


def write_turn(connection: Connection, turn: Turn, keep_days: int) -> None:
    """Append the new points; make hours of those that are over, and forget what is too old."""
    series.append(connection, series.STATS, turn.stats)
    series.append(connection, series.VALUES, turn.values)
    series.append(connection, series.LIFE, turn.life)
    until = int(turn.now) // HOUR * HOUR
    new = set(turn.new)
    for pks, since in (
        (new, until - series.FINE_DAYS * series.DAY),
        (set(turn.over) - new, until - 2 * HOUR),
    ):
        if pks:
            series.sum_up(connection, pks, since, until)
            series.forget(connection, pks, turn.now, keep_days)
