"""Tells Home Assistant of every device: at once what moves, one after another all the rest.

Rule: one message is under way at a time, and RATE of them a second, so that ten thousand devices are no storm for a
broker or for Home Assistant; who is updated just now, and a press of Install, never wait behind them.
"""

from __future__ import annotations

import asyncio
import logging
import zlib
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

from homie_ota.announce.home_assistant import messages
from homie_ota.announce.home_assistant.install import install
from homie_ota.announce.home_assistant.line import BORN, DENIED, PRESSED, Line
from homie_ota.announce.home_assistant.memory import Memory, Told
from homie_ota.announce.home_assistant.messages import Terms
from homie_ota.announce.home_assistant.topics import ONLINE, STATUS, object_id
from homie_ota.bus import Bus, Listener, Notice
from homie_ota.errors import Unreachable
from homie_ota.model import Publish
from homie_ota.store import announced, entities, newest
from homie_ota.store.announced import Announced
from homie_ota.store.database import Connection, Database
from homie_ota.store.entities import Entity, Image

log = logging.getLogger(__name__)

RATE = 200.0
"""Messages a second at most."""
A_BATCH = 25
"""Devices that are looked at together; the next look is then for what moves."""
LOOK_EVERY = 60.0
"""Seconds between two looks at what the fleet may take, when something was said that may change it."""
LOOK_AT_LEAST = 600.0
"""The same when nothing was said: pins end, and other processes change rows."""
DIAGNOSTICS_EVERY = 300.0
"""Seconds between two messages of one device's sensors."""
CLOSED = 1.0
"""Seconds between two looks whether the broker is there."""
AGAIN = 5.0
"""Seconds in which a second press of one button means nothing."""
REBORN_EVERY = 60.0
"""Seconds between two births of Home Assistant that are answered."""

_LOOK_FOR = frozenset({"firmware", "deployment", "order"})
"""Kinds of notices after which devices may take another image than before; a device's own row tells that itself."""


class Looked(NamedTuple):
    """What one look at the rows of some devices found; `newest` of those that had to be judged anew."""

    entities: dict[int, Entity]
    newest: dict[int, str]
    images: dict[str, Image]


class Telling:
    """`run` it as long as this server leads; it begins anew with all that it was told before."""

    def __init__(
        self, database: Database, bus: Bus, line: Line, terms: Terms, *, clock: Callable[[], float]
    ) -> None:
        self._database, self._bus, self._line, self._terms, self._clock = database, bus, line, terms, clock
        self._begin()

    def _begin(self) -> None:
        self._memory = Memory(self._terms.prefix)
        self._moving: dict[int, None] = {}
        self._rest: dict[int, None] = {}
        self._pressed: dict[int, None] = {}
        self._pressed_at: dict[int, float] = {}
        self._looked_at = self._born_at = float("-inf")
        self._look_due = True
        self._line.said_online = False

    async def run(self) -> None:
        """Tell until cancelled."""
        self._begin()
        self._memory.begin(await self._database.read(announced.load))
        with self._bus.listen() as listener:
            self._line.tell = listener.hear
            try:
                while True:
                    pause = await self._step()
                    self._hear(listener, await listener.wait(pause))
            finally:
                self._line.tell, self._line.said_online = None, False

    # --- What is heard ----------------------------------------------------------------------------------------------

    def _hear(self, listener: Listener, notices: Iterable[Notice]) -> None:
        for notice in notices:
            self._note(notice)
        if listener.missed:
            listener.missed, self._look_due = False, True  # of a new device, perhaps
            self._rest |= dict.fromkeys(self._memory.told)

    def _note(self, notice: Notice) -> None:
        kind, about = notice
        self._look_due = self._look_due or kind in _LOOK_FOR
        if kind in ("deployment", "order") and "device_pk" in about:
            self._moving[about["device_pk"]] = None
        elif kind == "device" and "device_pk" in about:
            self._changed(about["device_pk"], by_hand="state" not in about)
        elif kind == "firmware":
            self._looked_at = float("-inf")
            self._rest |= {
                pk: None for pk, each in self._memory.told.items() if each.newest == about.get("sha256")
            }
        elif kind == PRESSED:
            self._press(self._memory.named(about["name"]))
        elif kind == DENIED:
            self._line.said_online = False
        elif kind == BORN or (kind == "broker" and about.get("connected")):
            self._anew(kind)

    def _changed(self, pk: int, by_hand: bool) -> None:
        told = self._memory.told.get(pk)
        if by_hand and told is not None:
            told.judged_by = 0  # a pin or a quarantine, perhaps, which its row does not tell
        self._rest[pk] = None

    def _press(self, pk: int | None) -> None:
        now = self._clock()
        if pk is not None and not 0 <= now - self._pressed_at.get(pk, float("-inf")) < AGAIN:
            self._pressed_at[pk] = now
            self._pressed[pk] = None

    def _anew(self, kind: str) -> None:
        """Everything is told again: whoever is new there knows nothing."""
        now = self._clock()
        if kind == BORN and 0 <= now - self._born_at < REBORN_EVERY:
            return
        self._born_at = now if kind == BORN else self._born_at
        self._line.said_online = self._line.said_online and kind == BORN
        self._memory.forget_sent()
        self._rest |= dict.fromkeys(self._memory.told)

    # --- What is done -----------------------------------------------------------------------------------------------

    async def _step(self) -> float:
        """Do what is first in turn; the seconds until there is more to do."""
        if not self._line.is_open:
            return CLOSED
        try:
            await self._work()
        except Unreachable as error:
            log.info("Home Assistant is not told for now: %s", error)
            return CLOSED
        return 0.0 if self._rest or self._moving or self._pressed or self._memory.gone else LOOK_EVERY / 2

    async def _work(self) -> None:
        if not self._line.said_online:
            await self._send(Publish(STATUS, ONLINE, 1, True))
            self._line.said_online = True
        await self._install()
        await self._look()
        await self._clear()
        # What moves is told again between two batches of the rest.
        for some in (self._moving, self._rest):
            await self._tell(some)

    async def _send(self, message: Publish) -> None:
        await self._line.send(message)
        await asyncio.sleep(1 / RATE)

    async def _install(self) -> None:
        while self._pressed:
            pk = next(iter(self._pressed))
            del self._pressed[pk]
            told = self._memory.told.get(pk)
            if told is None or self._terms.read_only:
                continue
            if not await install(self._database, self._bus, pk, told.newest, self._clock()):
                told.sent.pop("state", None)  # whatever it shows now, it hears the truth
            self._moving[pk] = None

    async def _look(self) -> None:
        """Learn who there is and what each may take, where that may have changed."""
        now = self._clock()
        since = now - self._looked_at
        if 0 <= since < (LOOK_EVERY if self._look_due else LOOK_AT_LEAST):
            return
        everyone, allowed = await self._database.read(partial(_look_at_all, now=now))
        self._looked_at, self._look_due = now, False
        self._rest |= dict.fromkeys(self._memory.take(everyone, allowed))

    async def _clear(self) -> None:
        """Take away what is no more; a few at a time."""
        some = list(self._memory.gone)[:A_BATCH]
        for gone in some:
            removal = messages.removal(gone.name, gone.prefix)
            # A device that is told below another prefix now has its other topics still.
            for message in removal if self._memory.named(gone.name) is None else removal[:1]:
                await self._send(message)
        if some:
            await self._database.write(partial(announced.forget, some=some))
        for gone in some:
            self._memory.cleared(gone)

    async def _tell(self, waiting: dict[int, None]) -> None:
        """Tell of the first of those that wait; who could not be told waits on."""
        pks = list(waiting)[:A_BATCH]
        if not pks:
            return
        judged = {pk: told.judged_by for pk in pks if (told := self._memory.told.get(pk))}
        known = {pk: told.newest for pk in pks if (told := self._memory.told.get(pk))}
        looked = await self._database.read(
            partial(_look_at, pks=pks, judged=judged, known=known, now=self._clock())
        )
        for pk in pks:
            waiting.pop(pk, None)
        try:
            await self._tell_of(pks, looked)
        except Unreachable:
            waiting |= dict.fromkeys(pks)
            raise

    async def _tell_of(self, pks: list[int], looked: Looked) -> None:
        for pk in pks:
            if pk not in looked.entities:
                self._memory.drop(pk)
        told = {pk: self._learn(each, looked) for pk, each in looked.entities.items()}
        withdrawn = await self._note_rows(told)
        for pk, each in looked.entities.items():
            await self._tell_one(each, told[pk], looked, told[pk].name in withdrawn)

    def _learn(self, entity: Entity, looked: Looked) -> Told:
        told = self._memory.at(entity.pk, object_id(entity.address))
        told.newest, told.judged_by = looked.newest.get(entity.pk, ""), entity.judged_by
        return told

    async def _note_rows(self, told: dict[int, Told]) -> set[str]:
        """Remember what is about to be sent; the names of those whose sensors are taken away by it."""
        prefix, sensors, noted = self._terms.prefix, self._terms.diagnostics, self._memory.noted
        rows = [Announced(each.name, pk, prefix, sensors) for pk, each in told.items()]
        news = [row for row in rows if noted.get(row.object_id) != row]
        withdrawn = {row.object_id for row in news if not sensors and _had_sensors(noted.get(row.object_id))}
        if news:
            await self._database.write(partial(announced.note, some=news, now=self._clock()))
            noted |= {row.object_id: row for row in news}
        return withdrawn

    async def _tell_one(self, entity: Entity, told: Told, looked: Looked, withdrawn: bool) -> None:
        if withdrawn:
            await self._send(messages.discovery(entity, self._terms, withdrawn=True))
            await self._send(messages.removal(told.name, self._terms.prefix)[-1])
        # What is told of the device itself changes with its firmware, and that no sensor may get wrong for minutes.
        is_news = await self._send_new(told, "config", messages.discovery(entity, self._terms))
        sha256 = entity.moving.sha256 if entity.moving else told.newest
        await self._send_new(told, "state", messages.state(entity, looked.images.get(sha256), self._terms))
        now = self._clock()
        if self._terms.diagnostics and (is_news or not 0 <= now - told.diagnosed_at < DIAGNOSTICS_EVERY):
            told.diagnosed_at = now
            await self._send_new(told, "diagnostics", messages.diagnostics(entity, self._terms))

    async def _send_new(self, told: Told, kind: str, message: Publish) -> bool:
        """Send what does not stand there already; whether it was sent."""
        digest = zlib.crc32(message.payload)
        if told.sent.get(kind) == digest:
            return False
        await self._send(message)
        told.sent[kind] = digest
        return True


def _had_sensors(row: Announced | None) -> bool:
    return row is not None and row.diagnostics


def _look_at_all(conn: Connection, *, now: float) -> tuple[dict[int, entities.Standing], dict[int, str]]:
    return entities.everyone(conn, now=now), newest.of_all(conn, now=now)


def _look_at(
    conn: Connection, *, pks: list[int], judged: dict[int, int], known: dict[int, str], now: float
) -> Looked:
    """The rows of these devices; only those that are judged by something else than before are judged again."""
    found = entities.load(conn, pks, now=now)
    anew = [pk for pk, each in found.items() if judged.get(pk) != each.judged_by]
    best = {**known, **dict.fromkeys(anew, ""), **newest.of(conn, anew, now=now)}
    wanted = {each.moving.sha256 for each in found.values() if each.moving} | set(best.values()) - {""}
    return Looked(found, best, entities.images(conn, sorted(wanted)))
