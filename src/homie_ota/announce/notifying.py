"""Notifications: what needs a person, to each address that the settings name.

Rule: each address has its own place in the log and its own pace; one that is dead holds no other.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from homie_ota.announce import Part
from homie_ota.announce.around import Around
from homie_ota.announce.courier import Courier, Letter, Row
from homie_ota.announce.notices import Notice, notice
from homie_ota.announce.ringing import Bell
from homie_ota.announce.tact import Dated, Message, due, message
from homie_ota.config.announcing import Named, person
from homie_ota.rollout.spelling import read_window
from homie_ota.rollout.windows import is_open
from homie_ota.store import notable, tail
from homie_ota.store.database import Connection
from homie_ota.store.recipients import Recipient
from homie_ota.store.waiting import local_time


class Person:
    """One address at which somebody is told."""

    wanted = notable.WANTED

    def __init__(self, around: Around, of: Named) -> None:
        self._around, self._bell = around, Bell(of.secret.get_secret_value())
        self.name, self.label = of.name, of.label
        self._sent: deque[float] = deque(maxlen=around.settings.announce.per_hour)
        window = read_window(around.settings.announce.quiet_hours)
        self._quiet = [window] if window else []

    async def check(self) -> str:
        """Whether it is an address at all."""
        return await self._bell.check()

    def read(self, conn: Connection, after: int, settled: int) -> tail.Part:
        """Only what makes a notice of a kind that is wanted, as `notice` in its row."""
        part = notable.read(conn, after=after, settled=settled)
        rows = [{**row, "notice": made} for row in part.rows if (made := notice(row)) and self._wants(made)]
        return part._replace(rows=rows)

    def _wants(self, made: Notice) -> bool:
        kinds = self._around.settings.announce.kinds
        return made.kind is None or not kinds or made.kind in kinds

    def letter(self, rows: Sequence[Row], now: float) -> Letter | None:
        """One notice, or several as one; None in quiet hours, and when the hour has had enough."""
        waiting = [Dated(row["seq"], row["at"], row["notice"]) for row in rows]
        found = due(
            waiting,
            self._sent,
            now,
            per_hour=self._around.settings.announce.per_hour,
            is_quiet=bool(self._quiet) and is_open(self._quiet, local_time(now)),
        )
        if not found:
            return None
        made = message(found, self._around.link)
        return Letter(made, made.upto)

    def loss(self, known: Recipient, now: float) -> Letter:  # noqa: ARG002 - whenever it is
        """It is told that it missed something."""
        text = "You could not be told for so long that some messages were dropped. Look at the log."
        body = f"{text}\n{self._around.link('/log')}"
        return Letter(
            Message("homie-ota: messages were dropped", body, "warning", known.reached), known.reached
        )

    async def send(self, content: Message) -> str:
        """By Apprise."""
        why = await self._bell.ring(content)
        if not why:
            self._sent.append(self._around.clock())
        return why


def parts(around: Around) -> dict[str, Part]:
    """A part for each address of the settings."""
    settings = around.settings.announce
    people = [Person(around, person(each, number)) for number, each in enumerate(settings.notify, 1)]
    return {each.name: Courier(around, each).run for each in people}
