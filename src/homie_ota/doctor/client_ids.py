"""Whether clients throw each other off the broker: two of one client id do, again and again.

Rule: it is seen by connecting with ids of our own and watching; the server's id is taken only while it does not run,
else its own word for the connection is compared.
"""

from __future__ import annotations

import asyncio
from typing import Any

from homie_ota.doctor.asking import health
from homie_ota.doctor.line import Line, line
from homie_ota.doctor.nouns import BAD, GOOD, Finding, Patient
from homie_ota.errors import Unreachable
from homie_ota.mqtt import Broker

WATCH = 3.0
"""Seconds to watch: who was thrown off comes back within a second or two."""


async def ids(broker: Broker, patient: Patient) -> list[Finding]:
    """Connections with ids of our own, and the server's."""
    own, before = patient.settings.mqtt.client_id, await health(patient)
    async with line(broker) as first, line(broker) as second:
        thrown = await _thrown_off(broker, own) if own and before is None else False
        await first.until(lambda: first.lost or second.lost, 0.0 if thrown else WATCH)
        lost = first.lost or second.lost
    if own and before is not None:
        thrown = _links(before) != _links(await health(patient) or {})
    found = [*([_by_user(broker)] if lost else []), *([_ours(own)] if thrown else [])]
    return found or [Finding("client ids", GOOD, "Nobody was thrown off by another client of the same id.")]


def _links(told: dict[str, Any]) -> tuple[object, object]:
    """Whether the running server is connected, and since when: another one while we watched, it was thrown off."""
    link = told.get("broker", {})
    return link.get("connected") is True, link.get("since")


async def _thrown_off(broker: Broker, client_id: str) -> bool:
    try:
        async with line(broker, client_id) as mine:
            return await _lost(mine)
    except Unreachable:
        return False


async def _lost(mine: Line) -> bool:
    try:
        async with asyncio.timeout(WATCH):
            await mine.connection.lost.wait()
    except TimeoutError:
        return False
    return True


def _by_user(broker: Broker) -> Finding:
    said = (
        "Two connections with different client ids threw each other off: the broker takes the user name "
        f"{broker.username or '(none)'} for the client id, so that each user can be connected only once."
    )
    return Finding(
        "client ids", BAD, said, "use_username_as_clientid false in mosquitto.conf (or remove the line)"
    )


def _ours(client_id: str) -> Finding:
    said = f"Another client has the id {client_id}, which is this server's: the two throw each other off for ever."
    return Finding("client ids", BAD, said, 'client_id = "" in [mqtt], for a new one at each start')
