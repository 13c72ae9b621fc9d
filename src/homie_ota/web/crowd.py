"""Who is known here, as it was a moment ago: so that a stranger who asks for an image costs nothing.

Rule: it is asked to save work, never to refuse: who is not in it may have come in the meantime.
"""

from __future__ import annotations

import asyncio

from homie_ota.esp.request import UpdateRequest
from homie_ota.store import naming
from homie_ota.store.database import Database

A_MOMENT = 1.0


class Crowd:
    """The ids and MACs of all devices, read again when somebody asks a moment later; the clock is an argument."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._reading = asyncio.Lock()
        self._at = 0.0
        self._ids: frozenset[str] = frozenset()
        self._macs: frozenset[str] = frozenset()

    async def has(self, asked: UpdateRequest, now: float) -> bool:
        """Whether a device that asks seems to be known."""
        if not 0 <= now - self._at < A_MOMENT:
            async with self._reading:
                if not 0 <= now - self._at < A_MOMENT:
                    self._ids, self._macs = await self._database.read(naming.marks)
                    self._at = now
        # An id with a slash names its base too; that is for the store to take apart.
        spelled_out = "/" in asked.device_id or "~" in asked.device_id
        return spelled_out or asked.device_id in self._ids or asked.mac in self._macs
