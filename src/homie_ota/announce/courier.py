"""Brings the events of the log to one recipient, in their order, each at least once.

Rule: it knows nothing of what a message is; how far it came is in rows, so that it goes on there after a restart. What
it was told is written soon after, not before: a message may come twice, and none is lost.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from homie_ota.announce import patience
from homie_ota.announce.around import Around
from homie_ota.store import recipients, tail, troubles
from homie_ota.store.database import Connection
from homie_ota.store.recipients import Recipient

log = logging.getLogger(__name__)

LOOK = 2.0
"""Seconds between two looks at the log."""
SAVE = 1.0
"""Seconds after which what was told is written down while there is more to tell."""
IDLE = 300.0
"""Seconds after which it is written down how far an idle recipient came."""
TEST = "test"
"""The kind of an event that a person makes to see whether it arrives; it is for everybody."""

DEAD = "recipient-dead"
"""The code of the trouble that one is given up."""

Row = dict[str, Any]


class Letter(NamedTuple):
    """What to send next: whatever the recipient's `send` takes, and up to which event it tells."""

    content: Any
    upto: int


class Addressee(Protocol):
    """One recipient: which events are for it, what of them is told in one message, and how that gets there."""

    name: str
    label: str
    wanted: tail.Wanted

    async def check(self) -> str:
        """Whether it can be told at all; else a sentence that says why not."""

    def read(self, conn: Connection, after: int, settled: int) -> tail.Part:
        """The next events behind a number that are for it, with whatever its `letter` needs."""

    def letter(self, rows: Sequence[Row], now: float) -> Letter | None:
        """The next message, of events that are for it; None: not now."""

    def loss(self, known: Recipient, now: float) -> Letter:
        """The message that says that some events were lost."""

    async def send(self, content: Any) -> str:
        """Send it; empty when it arrived, else a sentence without secrets."""


class Courier:
    """`run` brings everything to one recipient until it is cancelled."""

    def __init__(self, around: Around, to: Addressee) -> None:
        self._around, self._to = around, to
        self._settling = tail.Settling()
        self._known = self._saved = Recipient(to.name, 0)
        self._saved_at, self._tested = 0.0, 0

    async def run(self) -> None:
        """Tell it what happens."""
        database = self._around.database
        self._known = self._saved = await database.write(lambda conn: recipients.begin(conn, self._to.name))
        why = await self._to.check()
        if why:
            await self._refused(why)
        try:
            while True:
                if not await self.look():
                    await asyncio.sleep(LOOK)
        finally:
            # The loop may be ending: what is not written is told once more, which is what was promised.
            await asyncio.shield(self._save())

    async def look(self) -> bool:
        """Tell what there is now; whether there is more at once."""
        if not await self._may_try():
            return False
        part = await self._around.database.read(self._read)
        rows = list(part.rows)
        while rows or self._known.lost:
            letter = self._letter(rows)
            if letter is None:
                break
            if not await self._send(letter):
                return False
            rows = [row for row in rows if row["seq"] > letter.upto]
            await self._save(SAVE)
        if not rows:
            self._known = patience.passed(self._known, part.reached)
        await self._keep(len(rows))
        return part.is_full and not rows

    async def _may_try(self) -> bool:
        """Whether its pause is over, or ended by somebody who wants to know."""
        if patience.may_try(self._known, self._around.clock()):
            return True
        newest = await self._around.database.read(recipients.newest_test)
        is_new, self._tested = newest > max(self._tested, self._known.reached), newest
        return is_new

    def _read(self, conn: Connection) -> tail.Part:
        self._settling.look(conn, time.monotonic())
        return self._to.read(conn, self._known.reached, self._settling.upto)

    def _letter(self, rows: Sequence[Row]) -> Letter | None:
        now = self._around.clock()
        return self._to.loss(self._known, now) if self._known.lost else self._to.letter(rows, now)

    async def _send(self, letter: Letter) -> bool:
        try:
            why = await self._to.send(letter.content)
        except Exception:
            log.exception("A message to %s could not be made.", self._to.label)
            why = "The message could not be made; the log says why."
        if why:
            await self._refused(why)
            return False
        now, before = self._around.clock(), self._known
        self._known = patience.told(before, max(letter.upto, before.reached), now)
        if before.is_dead:
            await self._revived(before, now)
        return True

    async def _refused(self, why: str) -> None:
        now, before = self._around.clock(), self._known
        self._known = patience.refused(before, why, now, self._around.settings.announce.give_up_after)
        log.warning("%s was not told (try %d): %s", self._to.label, self._known.tries, why)
        await self._failed(before, now)

    async def _failed(self, before: Recipient, now: float) -> None:
        """Drop what is too old, once it is given up, and write down how it stands."""
        oldest = now - self._around.settings.announce.give_up_after

        def write(conn: Connection) -> Recipient:
            known = self._known
            if known.is_dead:
                upto = self._settling.upto
                gone = recipients.overdue(
                    conn, self._to.wanted, after=known.reached, upto=upto, before=oldest
                )
                known = patience.dropped(known, gone.many, gone.upto) if gone.many else known
            if known.is_dead and not before.is_dead:
                troubles.began(conn, self._key, self._text(known), now)
            known = known._replace(waiting=recipients.waiting(conn, self._to.wanted, known.reached))
            recipients.save(conn, known)
            return known

        self._known = self._saved = await self._around.database.write(write)

    @property
    def _key(self) -> troubles.Key:
        return troubles.Key(DEAD, self._to.name)

    def _text(self, known: Recipient) -> str:
        return (
            f"{self._to.label} could not be told anything for so long that it is given up: {known.last_error} It is "
            "tried once an hour; what gets too old is dropped. See [announce] in the settings."
        )

    async def _revived(self, before: Recipient, now: float) -> None:
        text = f"{self._to.label} takes messages again; {before.lost} events were not told."
        await self._around.database.write(partial(troubles.ended, key=self._key, text=text, now=now))

    async def _keep(self, waiting: int) -> None:
        """Write it down where somebody wants to know, or after a while."""
        self._known = self._known._replace(waiting=waiting)
        saved = self._saved
        is_news = (self._known.last_ok, waiting) != (saved.last_ok, saved.waiting)
        await self._save(0.0 if is_news else IDLE)

    async def _save(self, after: float = 0.0) -> None:
        known, now = self._known, time.monotonic()
        if known == self._saved or now - self._saved_at < after:
            return
        await self._around.database.write(partial(recipients.save, known=known))
        self._saved, self._saved_at = known, now
