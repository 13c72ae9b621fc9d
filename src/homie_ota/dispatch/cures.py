"""The word that restarts a device which takes no update until it restarts (Homie 2.0.0 after a cut transfer).

Rule: one word for one interruption, committed before it is sent and never repeated; nothing is sent while anything else
is on its way to the device. The next attempt waits for the announce that follows.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from homie_ota.bus import Bus
from homie_ota.dispatch.offering import Sender
from homie_ota.errors import Unreachable
from homie_ota.model import Publish
from homie_ota.mqtt import NotSent
from homie_ota.store import cures
from homie_ota.store.cures import Cure
from homie_ota.store.database import Database

log = logging.getLogger(__name__)


class Cures:
    """Sends what is due; `run` it while the broker is connected."""

    def __init__(self, database: Database, bus: Bus, sender: Sender, clock: Callable[[], float]) -> None:
        self._database, self._bus, self._sender, self._clock = database, bus, sender, clock

    async def run(self, token: int) -> None:
        """Restart every device that needs it and is awake."""
        for cure in await self._database.read(cures.due):
            claim = partial(cures.claim, cure=cure, token=token, now=self._clock())
            mine = await self._database.write(claim, urgent=True, durable=True)
            if mine:
                await self._send(cure, mine)

    async def _send(self, cure: Cure, message: Publish) -> None:
        try:
            await self._sender.deliver(message)
        except NotSent:
            await self._database.write(lambda conn: cures.put_back(conn, cure), urgent=True)
        except Unreachable as error:
            # Whether it left is not known, so it is not sent again; when the device restarts, for this or for another
            # reason, the next attempt follows.
            log.warning("The restart of device %d: %s", cure.device_pk, error)
        else:
            log.info("%s was told to restart: it takes no update until then.", message.topic)
        self._bus.say("deployment", id=cure.deployment_id, device_pk=cure.device_pk)
