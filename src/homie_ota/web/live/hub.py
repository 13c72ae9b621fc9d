"""The hub: gathers what is said on the bus, draws what it concerns, and sends what changed to who looks.

Rule: one loop, and a channel is read and drawn once a round, however many look at it. A round follows a notice at
once, the next one after a moment, or after three times what the last one cost: drawing never takes more than a quarter
of a core.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from homie_ota.bus import Notice
from homie_ota.errors import NotFound
from homie_ota.store.database import Connection
from homie_ota.web import texts
from homie_ota.web.live.channels import PAGES, Asked, Channel, Message, Sight, Values
from homie_ota.web.live.viewers import Viewer
from homie_ota.web.render import Render
from homie_ota.web.shell import Shell

log = logging.getLogger(__name__)

AT_ONCE = 0.05
"""Seconds that the first notice after a quiet time waits for others."""
MOMENT = 0.5
"""Seconds between two rounds at least."""
SHARE = 0.25
"""The most of a core that drawing may take."""
REFRESH = 30.0
"""Seconds after which a channel is drawn again without a notice: some things change by time alone."""
MOST = 1000
"""Different notices in one round; beyond that all channels are taken to be concerned."""
VIEWERS = 500


class Hub:
    """The live pages of one process. `number` counts what was said: two equal numbers, and nothing was said between."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self._channels: dict[Sight, tuple[Channel, set[Viewer]]] = {}
        self._heard: dict[tuple[str, object], Notice] = {}
        self._owed: set[Viewer] = set()
        self._something = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None
        self.number = int(time.time() * 1000)
        shell.bus.join(self)

    @property
    def viewers(self) -> int:
        """How many look now."""
        return sum(len(viewers) for _, viewers in self._channels.values())

    def hear(self, notice: Notice) -> None:
        """Take a notice of the bus; the next round looks whom it concerns."""
        self.number += 1
        if not self._channels:
            return
        if notice.kind == "stop":
            self.end()
            return
        about = notice.about
        key = about.get("id") or about.get("device_pk") or about.get("sha256") or about.get("rollout")
        self._heard[notice.kind, key] = notice
        self._something.set()

    def join(self, sight: Sight, *, seen: int, is_packed: bool) -> Viewer:
        """A new viewer, whose page was read when `number` was `seen`."""
        if sight not in self._channels:
            started = Channel(PAGES[sight.page], sight, drawn_at=asyncio.get_running_loop().time())
            self._channels[sight] = started, set()
        channel, viewers = self._channels[sight]
        viewer = Viewer(channel, is_packed=is_packed)
        viewers.add(viewer)
        # What this page shows may be older or newer than what was drawn last: only the next drawing is right for all.
        if seen != self.number or self._heard:
            self._owed.add(viewer)
            self._something.set()
        if self._loop is None or self._loop.done():
            self._loop = asyncio.create_task(self._live())
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """A viewer has gone; a channel without any is forgotten."""
        sight = viewer.channel.sight
        channel, viewers = self._channels.get(sight, (None, set()))
        viewers.discard(viewer)
        self._owed.discard(viewer)
        if channel is viewer.channel and not viewers:
            del self._channels[sight]

    def end(self) -> None:
        """Let all viewers go; their browsers will look for us again."""
        for _, viewers in self._channels.values():
            for viewer in viewers:
                viewer.end()

    async def _live(self) -> None:
        while self._channels:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(REFRESH / 4):
                    await self._something.wait()
            await asyncio.sleep(AT_ONCE)
            self._something.clear()
            spent = await self._round()
            await asyncio.sleep(pause_after(spent))

    async def _round(self) -> float:
        """Bring every channel that needs it up to date; the seconds of a core that it took."""
        heard, self._heard = self._heard, {}
        owed, self._owed = self._owed, set()
        late = {viewer.channel.sight for viewer in owed}
        notices, too_many = heard.values(), len(heard) > MOST
        now, spent = asyncio.get_running_loop().time(), 0.0
        for channel, viewers in list(self._channels.values()):
            is_due = too_many or channel.sight in late or now - channel.drawn_at > REFRESH
            if is_due or channel.is_touched(notices):
                spent += await self._bring(channel, viewers, now)
        for viewer in owed:
            viewer.catch_up()
        return spent

    async def _bring(self, channel: Channel, viewers: set[Viewer], now: float) -> float:
        try:
            values, parts, spent = await self._shell.database.read(self._drawing(channel))
        except NotFound as error:
            for viewer in viewers:
                viewer.end(str(error))
            return 0.0
        except Exception:
            log.exception("the live page %s could not be drawn", channel.page.name)
            channel.drawn_at = now
            return MOMENT
        message = channel.take(values, parts, now)
        if message is not None:
            _send(message, viewers)
        return spent

    def _drawing(self, channel: Channel) -> Callable[[Connection], tuple[Values, dict[str, str], float]]:
        sight, shell = channel.sight, self._shell
        asked = Asked(sight.key, dict(sight.query), shell.clock(), shell)
        render = Render(shell, sight.person, sight.prefix, sight.language)

        def work(conn: Connection) -> tuple[Values, dict[str, str], float]:
            began = time.thread_time()
            with texts.spoken(sight.language):
                values = channel.page.read(conn, asked)
            values.pop("http_status", None)
            parts = channel.page.draw(render, values)
            return values, parts, time.thread_time() - began

        return work


def pause_after(spent: float) -> float:
    """Seconds until the next round, after one that took `spent` seconds of a core."""
    return max(MOMENT, spent / SHARE - spent)


def _send(message: Message, viewers: set[Viewer]) -> None:
    for viewer in viewers:
        viewer.give(message)
