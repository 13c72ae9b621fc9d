"""Message → observation → fleet → rows: the only reader of MQTT.

Rule: a message costs microseconds and never waits; what it changed is written in batches, the next one as soon as the
last is on the disk. State and news of updates go at once, readings at most once a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable

from homie_ota import homie
from homie_ota.bus import Bus
from homie_ota.errors import HomieOtaError
from homie_ota.fleet import Changed, Fleet, KnownDevice
from homie_ota.fleet.known import STATE_BIT
from homie_ota.homie.evidence import ASKS
from homie_ota.ingest.batch import Batch, Identity, write_batch
from homie_ota.ingest.hearing import append, may_tell, news_of
from homie_ota.ingest.pacing import PROGRESS_EVERY, Pacing
from homie_ota.ingest.recording import Recorder
from homie_ota.ingest.reread import Reread
from homie_ota.ingest.witness import Witness
from homie_ota.model import Address, Observation, State, StateSeen
from homie_ota.mqtt import Session
from homie_ota.rollout.proof import News
from homie_ota.store import devices, removed, transcript
from homie_ota.store.database import ROWS_A_BATCH, Database

log = logging.getLogger(__name__)

ANNOUNCING = 2.0
"""Seconds after a device came in which its readings are written with its row: an announce is shown whole."""

READINGS_EVERY = 1.0
"""Seconds between two writes of readings; what changes in between is written once."""

GATHER = 0.005
"""Seconds before a batch: an announce of twenty messages arrives in that, and a wake-up may take 100 ms in all."""


class Ingest:
    """Feeds one MQTT session's messages into the fleet and the fleet's changes into rows."""

    def __init__(
        self, database: Database, bus: Bus, bases: Iterable[str], *, clock: Callable[[], float] = time.time
    ) -> None:
        self.database, self.bus, self.clock = database, bus, clock
        self.reader = homie.Reader(bases)
        self.fleet = Fleet()
        self.identity = Identity()
        self.witness = Witness(bus, self.identity)
        self.reread = Reread(self.fleet, self.reader.bases, self._quiet_since)
        self.recorder = Recorder(
            database, self.fleet, self.identity, clock=clock, listening=lambda: self.reread.settled
        )
        self.messages = 0
        self._last_message = 0.0
        self._news: dict[Address, list[News]] = {}
        self._pacing = Pacing()
        self._requests: dict[Address, str] = {}
        self._something = asyncio.Event()
        self._readings_due = 0.0
        self._held_values: set[KnownDevice] = set()
        self._flushing = False
        self._began = self._took = 0.0

    @property
    def lag(self) -> float:
        """Seconds from a message to its rows: of the last batch, or of the present one when that takes longer."""
        return max(self._took, time.monotonic() - self._began if self._flushing else 0.0)

    @property
    def is_written(self) -> bool:
        """True when everything heard is in rows, readings included."""
        return not (self._flushing or self.fleet.dirty or self._news or self._held_values)

    async def restore(self) -> None:
        """Take the fleet from the rows, so that names and values are there before the broker answers."""
        stored = await self.database.read(devices.load)
        addresses = await self.database.read(devices.addresses)
        for each in stored:
            row = each.row
            if row["facts"].get(ASKS):  # it is nowhere on the broker, and what is heard there is not of it
                continue
            known = self.fleet.restore(
                Address(row["base"], row["device_id"]),
                pk=row["pk"],
                state=State(row["state"]),
                state_since=row["state_since"],
                facts=row["facts"],
                nodes=row["nodes"],
                readings=each.readings,
                first_seen=row["first_seen"],
                last_seen=row["last_seen"],
                recent=row["recent"],
            )
            self.identity.current[row["pk"]] = known
        self.identity.start(addresses, stored, await self.database.read(removed.taken))
        self.witness.watch(await self.database.read(transcript.running))

    def receive(self, topic: str, payload: bytes, _qos: int, retain: bool) -> None:
        """Take in one message; called by the MQTT session for each."""
        self.messages += 1
        self._last_message = time.monotonic()
        if self.reread.is_own(topic, payload):
            return
        observation = self.reader.read(topic, payload, retain)
        if observation is None:
            return
        changed = self.fleet.apply(observation, self.clock())
        if observation.device in self.witness.watched:
            self.witness.note(observation.device, topic, payload, retain, self.clock())
        self._notice(observation)
        if changed:
            self._something.set()

    def _notice(self, observation: Observation) -> None:
        """Keep what may move a deployment; most messages may not."""
        if not may_tell(observation):
            return
        known = self.fleet.get(observation.device)
        news = news_of(observation, known, self.clock()) if known else None
        if isinstance(news, str):
            self._requests[observation.device] = news
        elif news is not None:
            append(self._news.setdefault(observation.device, []), news)
        self._something.set()

    def _quiet_since(self) -> float:
        return self._last_message

    async def run(self) -> None:
        """Write batches until cancelled."""
        while True:
            # Bounded on both sides, for a clock that jumps.
            due = min(READINGS_EVERY, max(0.0, self._readings_due - self.clock()))
            timeout = due if self._held_values else None
            if self._news:
                timeout = min(PROGRESS_EVERY, READINGS_EVERY if timeout is None else timeout)
            try:
                async with asyncio.timeout(timeout):
                    await self._something.wait()
            except TimeoutError:
                pass
            if self.reread.bursting:
                # Writing now would slow the reading down, and what a broker cannot send in time it drops.
                await asyncio.sleep(GATHER)
                continue
            await asyncio.sleep(GATHER)
            self._something.clear()
            self._flushing = True
            try:
                await self._flush()
            finally:
                self._flushing = False

    async def write(self) -> None:
        """Write now what was heard, instead of soon: for whoever has a clock that stands still meanwhile."""
        while self.fleet.dirty or self._news:
            heard = len(self._news)
            await self._flush()
            if not self.fleet.dirty and len(self._news) == heard:
                return  # news of a device that has no row

    async def _flush(self) -> None:
        self._began = time.monotonic()
        dirty = self.fleet.take_dirty(ROWS_A_BATCH)
        if len(dirty) == ROWS_A_BATCH:
            self._something.set()
        batch = await self._batch(dirty)
        if batch.is_empty:
            return
        try:
            moved = await self.database.write(
                lambda connection: write_batch(connection, batch), urgent=batch.is_urgent
            )
        except HomieOtaError as error:
            # The fleet in memory stays right; what could not be written is written with its next change.
            log.error("A batch of %d devices was not stored: %s", len(batch.rows), error)
            self._take_back(dirty, batch)
            return
        self._took = time.monotonic() - self._began
        self.witness.ended(batch.unwatched)
        self.recorder.saw(batch)
        for deployment in moved:
            self.bus.say("deployment", id=deployment.id, device_pk=deployment.device_pk)
        for row in batch.rows:
            self.bus.say("device", device_pk=row["pk"], state=row["state"])
        for pk in batch.woken:
            self.bus.say("awake", device_pk=pk)

    def _take_back(self, dirty: list[KnownDevice], batch: Batch) -> None:
        for known in dirty:
            self.fleet.touch(known, Changed.FACT)
        for known in self.fleet.devices:
            if known.pk in batch.news:
                self._news[known.address] = batch.news[known.pk] + self._news.get(known.address, [])

    async def _batch(self, dirty: list[KnownDevice]) -> Batch:
        now = self.clock()
        news, self._news = self._news, {}
        requests, self._requests = self._requests, {}
        links = await self.identity.find(self.database, dirty, now)
        batch = Batch(now=now, links=links, watching=self.reread.settled)
        for known in dirty:
            batch.add_row(known, self.fleet, self.identity)
        for known in self._due(dirty, now):
            batch.add_readings(known, self.identity)
        waiting = {address for address, each in news.items() if not self._add_news(batch, address, each)}
        batch.said = self.witness.take(self.fleet.get, waiting=waiting)
        for address, wanted in requests.items():
            if not batch.add_request(self.fleet.get(address), wanted):
                self._requests.setdefault(address, wanted)
        return batch

    def _add_news(self, batch: Batch, address: Address, news: list[News]) -> bool:
        """Put news into the batch; False for what comes with a later one: progress, or a device without a row yet."""
        waits = self._pacing.may_wait(address, news, batch.now)
        if not waits and batch.add_news(self.fleet.get(address), news, self.fleet):
            return True
        # More may have come meanwhile, while the database was asked whose rows these are.
        self._news[address] = news + self._news.get(address, [])
        return False

    def _due(self, dirty: list[KnownDevice], now: float) -> Iterable[KnownDevice]:
        """Whose readings are written now: everybody's once a second, at once those of a device that just came."""
        self._held_values.update(dirty)
        if now >= self._readings_due or not self.reread.complete:
            self._readings_due = now + READINGS_EVERY
            due, self._held_values = self._held_values, set()
        else:
            due = {each for each in dirty if now - (each.live_since or 0.0) < ANNOUNCING}
            self._held_values -= due
        return due

    async def fill_gaps(self, session: Session) -> None:
        """After (re)connecting: read again what the broker did not deliver, then say which devices it forgot."""
        before = self.clock()
        await self.reread.run(session)
        for known in self.fleet.devices:
            if known.pk is not None and not known.heard & STATE_BIT:
                self.fleet.apply(StateSeen(known.address, State.UNKNOWN, True), before)
        self._readings_due = 0.0
        self._something.set()

    def forget_presence(self) -> None:
        """The connection is gone: from now on nothing in the fleet counts as heard."""
        self.fleet.listen_anew()
        self.reread.settled = False
