"""A press of Install: the same order as from page or API, by “home assistant”, and a refusal that people get to see.

Rule: what is ordered is what was shown. Home Assistant hears of a refusal only that nothing has begun, so the reason
becomes an event of the device.
"""

from __future__ import annotations

import logging
from functools import partial

from homie_ota.bus import Bus
from homie_ota.errors import HomieOtaError, NotEligible, NotFound
from homie_ota.model import Deployment
from homie_ota.store import events, naming
from homie_ota.store.database import Connection, Database
from homie_ota.store.placing import Order, place

log = logging.getLogger(__name__)

WHO = "home assistant"
"""Who ordered it, in the history and the audit log."""
WHERE = "Install in Home Assistant"
KIND = "refused"
"""The kind of the event of a refusal."""


async def install(database: Database, bus: Bus, pk: int, sha256: str, now: float) -> bool:
    """Order this image for the device; False when it was refused. `sha256` empty: nothing newer was shown."""
    try:
        made = await database.write(partial(_order, pk=pk, sha256=sha256, now=now), urgent=True, durable=True)
    except HomieOtaError as error:
        await _refuse(database, bus, pk, str(error), now)
        return False
    bus.say("deployment", id=made.id, device_pk=pk)
    bus.say("order", device_pk=pk)
    return True


def _order(conn: Connection, *, pk: int, sha256: str, now: float) -> Deployment:
    if not sha256:
        raise NotEligible("There is no newer image that this device may take.")
    found = naming.devices(conn, [pk])
    if not found:
        raise NotFound("This device is not known any more.")
    return place(conn, Order(found[pk][0], sha256, WHO, WHERE), now)


async def _refuse(database: Database, bus: Bus, pk: int, why: str, now: float) -> None:
    text = f"Install in Home Assistant was refused: {why}"
    log.warning("%s (device %d)", text, pk)

    def write(conn: Connection) -> None:
        events.add(conn, KIND, at=now, device_pk=pk, actor=WHO, data={"event": "refused", "text": text})

    await database.write(write)
    bus.say("device", device_pk=pk)
