"""Notes where devices ask for their images: which host, port and path, and whether that was the right place.

Rule: a device that asks elsewhere is answered as anybody is there; only where it asked is written down, for a known
device of Homie 1.5, and at most once a minute.
"""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import Message, Scope, Send

from homie_ota.esp import place
from homie_ota.esp import request as esp
from homie_ota.esp.request import UpdateRequest
from homie_ota.store import moved
from homie_ota.store.database import Connection
from homie_ota.web import asked
from homie_ota.web.crowd import Crowd
from homie_ota.web.recent import Recent
from homie_ota.web.shell import Shell

ONCE = 60.0
"""Seconds until the same place of the same device is written down again."""
SERVED = (200, 206, 304)
_MARKS = (b"x-esp8266-", b"x-esp32-")


class Whereabouts:
    """The memory of one server; `right_path` is where it answers devices."""

    def __init__(self, shell: Shell, right_path: str, crowd: Crowd) -> None:
        self._shell, self._right_path, self._crowd = shell, right_path, crowd
        self._written: Recent[str] = Recent(seconds=ONCE, most=10_000)

    def watching(self, scope: Scope, send: Send) -> Send:
        """What passes an answer on, and notes a device that got none at this path."""
        if scope["type"] != "http" or not any(name.startswith(_MARKS) for name, _ in scope["headers"]):
            return send

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] not in SERVED:
                await self.note(scope, self._right_path)
            await send(message)

        return watched

    async def note(self, scope: Scope, right_path: str = "") -> None:
        """Write down where the device of this request asked; with `right_path` it was the wrong place."""
        headers = Headers(scope=scope)
        where = place.asked_at(headers.get("host", ""), scope["path"])
        device = esp.read(headers.items())
        if where is None or device is None or not device.device_id or device.mode == "version":
            return  # a plain sketch has the address in its source, and may ask every minute
        now, key = self._shell.clock(), (device.device_id, device.mac)
        if self._written.get(key, now) == str(where) or not await self._crowd.has(device, now):
            return
        self._written.put(key, str(where), now)
        await self._shell.database.write(lambda conn: _write(conn, device, str(where), right_path, now))


def _write(conn: Connection, device: UpdateRequest, where: str, right_path: str, now: float) -> None:
    pk = asked.device_of(conn, device)
    if pk is not None:
        moved.note(conn, pk, where, now=now, right_path=right_path)
