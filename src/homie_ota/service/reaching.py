"""What people do to devices through the broker, as the pages are given it: forget one, put it back, set a property.

Rule: nothing is decided here; without a connection each says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from homie_ota.errors import Unreachable
from homie_ota.homie.removal import LONGEST
from homie_ota.ingest import Ingest
from homie_ota.ingest.removing import Removing
from homie_ota.model import Publish
from homie_ota.mqtt import Kept, Session, scan
from homie_ota.store.removed import Removed


class Reaching:
    """The way from the pages to the broker; `session` is the one that there is now, None before the start."""

    def __init__(self, ingest: Ingest, session: Callable[[], Session | None]) -> None:
        self._session = session
        self._removing = Removing(ingest, self._look)
        self.topics = self._removing.topics

    def _open(self) -> Session:
        session = self._session()
        if session is None or not session.connected:
            raise Unreachable(
                "There is no connection to the broker. Nothing was changed; try again when it is back."
            )
        return session

    async def _look(self, filters: Sequence[str]) -> list[Kept] | None:
        return await scan(self._open().broker, filters, head=LONGEST, patience=5.0, most=16 << 20)

    async def forget(self, pk: int, by: str, where: str) -> int:
        """Clear a device's retained topics on the broker, and its rows; returns how many topics were cleared."""
        return await self._removing.forget(self._open(), pk, by=by, where=where)

    async def put_back(self, pk: int, by: str, where: str) -> Removed:
        """The device as it was, on the broker too."""
        return await self._removing.put_back(self._open(), pk, by=by, where=where)

    async def set_property(self, message: Publish) -> None:
        """Send one command; it does not wait behind an image that is on its way to another device."""
        self._open().send(message)
