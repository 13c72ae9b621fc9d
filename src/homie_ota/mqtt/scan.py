"""A short look at what a broker keeps on some filters, on a connection of its own.

Rule: bytes are counted, and only the first of each payload kept; what is not retained is somebody's live message, and
ends the look, so that no image is taken in behind a device's back and nothing waits behind this one.
"""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from typing import NamedTuple

from homie_ota.model import Publish
from homie_ota.mqtt.address import Broker
from homie_ota.mqtt.connection import Connection

HEAD = 64
"""Bytes of a payload that are kept."""

QUIET = 0.2
"""Seconds without a message after the last one that was asked for: some brokers answer in several threads."""


class Kept(NamedTuple):
    """One retained message: its size, and its first bytes."""

    topic: str
    size: int
    head: bytes


class _Ear:
    def __init__(self, marker: str, head: int) -> None:
        self.kept: dict[str, Kept] = {}
        self.bytes = self.heard = 0
        self.marker, self.head = marker, head
        self.is_through, self.disturbed = asyncio.Event(), asyncio.Event()

    def hear(self, topic: str, payload: bytes, _qos: int, retain: bool) -> None:
        self.heard += 1
        if topic == self.marker:
            self.is_through.set()
        elif retain:
            self.bytes += len(payload)
            self.kept[topic] = Kept(topic, len(payload), bytes(payload[: self.head]))
        else:
            self.disturbed.set()


async def scan(
    broker: Broker,
    filters: Sequence[str],
    *,
    head: int = HEAD,
    patience: float = 20.0,
    most: int = 256 << 20,
) -> list[Kept] | None:
    """What the broker keeps on these filters; None when it was disturbed, or not through in time or `most` bytes.

    Of each payload the first `head` bytes are kept.

    Raises Unreachable when there is no connection.
    """
    ear = _Ear(f"homie-ota/marker/{secrets.token_hex(6)}", head)
    client_id = f"homie-ota-look-{secrets.token_hex(4)}"
    connection = await Connection.open(broker, client_id=client_id, on_message=ear.hear)
    try:
        connection.subscribe([ear.marker])
        connection.subscribe(filters)
        connection.send(Publish(ear.marker, b"", qos=0))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                return await _listen(connection, ear, most)
        return None
    finally:
        # Cut and not closed: what a broker still has for us is not waited for.
        connection.abort()


async def _listen(connection: Connection, ear: _Ear, most: int) -> list[Kept] | None:
    last = -1
    while not (ear.is_through.is_set() and ear.heard == last):
        if ear.disturbed.is_set() or connection.lost.is_set() or ear.bytes > most:
            return None
        last = ear.heard
        await asyncio.sleep(QUIET)
    return list(ear.kept.values())
