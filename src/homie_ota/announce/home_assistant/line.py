"""The line to Home Assistant over the server's own MQTT session: what comes from there, and what goes there.

Rule: a message of ours that comes back, and a press of Install that a broker kept, mean nothing; whatever is not for us
goes on to the ingest, untouched. Nothing is decided here, and a message costs a comparison.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from homie_ota.announce.home_assistant.topics import COMMANDS, OFFLINE, ONLINE, STATUS, birth, named_by
from homie_ota.bus import Notice
from homie_ota.errors import Unreachable
from homie_ota.model import Publish
from homie_ota.mqtt import NotSent, OnMessage

WILL = Publish(STATUS, OFFLINE, 1, True)
"""What the broker says for us when the connection breaks."""

PRESSED, BORN, DENIED = "pressed", "born", "denied"
"""Kinds of notices: Install was pressed, Home Assistant has started, somebody says that the server is not there."""

FAREWELL = 2.0
"""Seconds that the last word may take."""

Deliver = Callable[[Publish], Awaitable[None]]


class Line:
    """One server's line; it is there as long as the server, and `tell` is whoever works on what comes (None: nobody).

    Not `on`: it hears nothing and has no will; what it is told to send it still sends, for that may be to take back
    what was sent before.
    """

    def __init__(self, prefix: str, *, on: bool = True, read_only: bool = False) -> None:
        self.on = on
        self.tell: Callable[[Notice], None] | None = None
        self.said_online = False
        self._birth, self._read_only = birth(prefix), read_only
        self._deliver: Deliver | None = None
        self._is_open: Callable[[], bool] = lambda: False
        self._closed = False

    def join(self, deliver: Deliver, is_open: Callable[[], bool]) -> None:
        """Take the session, which is made after this line; `deliver` raises NotSent or Unreachable."""
        self._deliver, self._is_open = deliver, is_open

    @property
    def will(self) -> Publish | None:
        """What the broker is to say for us when the connection breaks."""
        return WILL if self.on else None

    @property
    def filters(self) -> list[str]:
        """What to subscribe to at every connect."""
        if not self.on:
            return []
        return [STATUS, self._birth, *([] if self._read_only else [COMMANDS])]

    def before(self, otherwise: OnMessage) -> OnMessage:
        """What takes in the session's messages: ours are kept here, all others go to `otherwise`."""
        if not self.on:
            return otherwise
        mine = (self._birth, "homie-ota/")

        def receive(topic: str, payload: bytes, qos: int, retain: bool) -> None:
            if not topic.startswith(mine) or not self._take(topic, payload, retain):
                otherwise(topic, payload, qos, retain)

        return receive

    def _take(self, topic: str, payload: bytes, retain: bool) -> bool:
        """Take in one message; False when it is not for us."""
        if topic == STATUS:
            if payload != ONLINE:
                self._notice(DENIED)
        elif topic == self._birth:
            # A retained one is from before we came, and we tell everything when we come.
            if payload == ONLINE and not retain:
                self._notice(BORN)
        elif (name := named_by(topic)) is not None:
            if not retain and not self._read_only:
                self._notice(PRESSED, name=name)
        else:
            return False
        return True

    def _notice(self, kind: str, **about: str) -> None:
        if self.tell is not None and not self._closed:
            self.tell(Notice(kind, dict(about)))

    @property
    def is_open(self) -> bool:
        """Whether something can be sent now."""
        return not self._closed and self._is_open()

    async def send(self, message: Publish) -> None:
        """Send one message and wait until the broker has it; NotSent, Unreachable."""
        if self._closed or self._deliver is None:
            raise NotSent("The line to Home Assistant is closed; nothing was sent.")
        await self._deliver(message)

    async def close(self) -> None:
        """Say that the server goes, where it said that it was there: no last will follows a polite end."""
        said, self._closed = self.said_online, True
        if not said or self._deliver is None or not self._is_open():
            return
        with contextlib.suppress(Unreachable, TimeoutError):
            async with asyncio.timeout(FAREWELL):
                await self._deliver(WILL)
