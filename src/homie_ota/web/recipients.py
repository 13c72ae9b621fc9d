"""Who elsewhere is told what happens, as the page of the health, the API and the command line tell it; and their test.

Rule: whom there is to tell is in the settings, how it goes in rows; no address is shown, only which service or host.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from homie_ota.config import Settings
from homie_ota.errors import Conflict
from homie_ota.store import events, recipients, tail
from homie_ota.store.database import Connection
from homie_ota.store.recipients import Recipient
from homie_ota.web.actions import Actor, note
from homie_ota.web.shell import Shell

KIND = "test"


class Standing(StrEnum):
    """How it goes with one."""

    NEW = "new"  # not told anything yet
    WELL = "well"
    FAILING = "failing"  # it did not take the last message, and is tried again
    DEAD = "dead"  # given up


class Told(NamedTuple):
    """One recipient of the settings; `known` is None before the server that leads has begun with it."""

    kind: str
    label: str
    known: Recipient | None

    @property
    def standing(self) -> Standing:
        """In a word."""
        if self.known is None:
            return Standing.NEW
        if self.known.is_dead:
            return Standing.DEAD
        if self.known.failing_since is not None:
            return Standing.FAILING
        return Standing.WELL if self.known.last_ok is not None else Standing.NEW


def read(conn: Connection, settings: Settings) -> tuple[Told, ...]:
    """All of them, in the order of the settings."""
    rows = recipients.every(conn)
    return tuple(Told(each.kind, each.label, rows.get(each.name)) for each in settings.announce.recipients)


async def test(shell: Shell, actor: Actor) -> int:
    """Tell everybody something; the number of the event that they are told. Conflict where there is nobody."""
    if not shell.settings.announce.recipients:
        raise Conflict(
            "There is nobody to tell: name somebody in [announce] of the settings (notify, webhooks)."
        )
    now = shell.clock()

    def write(conn: Connection) -> int:
        text = f"{actor.name or 'Somebody'} asked for it. If you read this, you are told what needs a person."
        events.add(conn, KIND, at=now, actor=actor.name, data={"text": text})
        note(conn, actor, now, "tested who is told")
        return tail.newest(conn)

    return await shell.database.write(write, urgent=True)
