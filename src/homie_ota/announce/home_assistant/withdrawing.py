"""Takes everything out of Home Assistant that stands there, once, after it was switched off in the settings.

Rule: what is not there costs one look at a small table.
"""

from __future__ import annotations

import asyncio
import logging
from functools import partial

from homie_ota.announce.home_assistant import messages
from homie_ota.announce.home_assistant.line import Line
from homie_ota.announce.home_assistant.telling import A_BATCH, CLOSED, RATE
from homie_ota.announce.home_assistant.topics import STATUS
from homie_ota.errors import Unreachable
from homie_ota.model import Publish
from homie_ota.store import announced
from homie_ota.store.database import Database

log = logging.getLogger(__name__)


async def withdraw(database: Database, line: Line) -> None:
    """Take it away, then wait until cancelled."""
    rows = await database.read(announced.load)
    if rows:
        log.info("home_assistant is off: %d devices are taken out of Home Assistant.", len(rows))
    while rows:
        some = [(row.object_id, row.prefix) for row in rows[:A_BATCH]]
        # The status goes last, with the last of them.
        last = [Publish(STATUS, b"", 1, True)] if len(some) == len(rows) else []
        clearing = [each for name, prefix in some for each in messages.removal(name, prefix)]
        if await _sent(line, clearing + last):
            await database.write(partial(announced.forget, some=some))
            rows = rows[A_BATCH:]
    await asyncio.Event().wait()


async def _sent(line: Line, clearing: list[Publish]) -> bool:
    """Send these; False, after a while, when they are to be sent again: the broker was not there for all of them."""
    if line.is_open:
        try:
            for message in clearing:
                await line.send(message)
                await asyncio.sleep(1 / RATE)
        except Unreachable as error:
            log.info("Home Assistant is not cleared for now: %s", error)
        else:
            return True
    await asyncio.sleep(CLOSED)
    return False
