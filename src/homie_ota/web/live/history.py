"""The stream of events for programs: everything that happened since a number, then whatever happens, in one row.

Rule: there is no switch from what was to what is: one number goes forward over the rows of the log, so nothing is
missed or told twice; the bus only says that it is worth looking. What rows cannot tell any more is told as a gap.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import StreamingResponse

from homie_ota.bus import Listener, Notice
from homie_ota.store import tail, telling
from homie_ota.store.database import Connection
from homie_ota.web.live import notices
from homie_ota.web.shell import Shell, shell_of

LOOK = 2.0
"""Seconds until the log is looked at although nobody on this bus spoke: other processes write it, too."""


class Asked(NamedTuple):
    """What somebody listens to: from which number on (None: from now), which events, and whether only until now.

    `with_notices`: also what is no event, such as progress; it has no number and is told only as it is now.
    """

    since: int | None
    wanted: tail.Wanted
    with_notices: bool = True
    follow: bool = True


async def stream(request: Request, asked: Asked) -> StreamingResponse:
    """Server-sent events, whose `id` is the number of the event; ends when the listener goes, or the server stops."""
    return notices.answer(request, _lines(shell_of(request), asked))


async def _lines(shell: Shell, asked: Asked) -> AsyncIterator[str]:
    with shell.bus.listen() as listener:
        yield "retry: 2000\n\n"
        begin = await shell.database.read(lambda conn: _begin(conn, asked.since))
        if begin.gap is not None:
            yield _data(begin.gap)
        reading = Reading(shell, asked.wanted, begin.at)
        async for row in reading.all_by_now():
            yield _data(row, row["seq"])
        while asked.follow or not reading.has_settled:
            heard = await _heard(listener)
            if any(notice.kind == "stop" for notice in heard):
                return
            async for row in reading.all_by_now():
                yield _data(row, row["seq"])
            for notice in await _notices(shell, asked, heard, missed=listener.missed):
                yield _data(notice)
            listener.missed = False
            yield reading.sign_of_life(time.monotonic())


async def _heard(listener: Listener) -> list[Notice]:
    heard = await listener.wait(LOOK)
    if heard:
        await asyncio.sleep(notices.MOMENT)
        heard += await listener.wait(0)
    return heard


class _Begin(NamedTuple):
    at: int
    gap: dict[str, Any] | None


def _begin(conn: Connection, since: int | None) -> _Begin:
    """Where to begin, and what is to be said of events that are gone."""
    newest = tail.newest(conn)
    if since is None:
        return _Begin(newest, None)
    if since > newest:
        text = f"The log ends at {newest}: it is not the one that you know. Load everything again."
        return _Begin(newest, {"kind": "gap", "since": since, "missing": None, "text": text})
    gone = tail.missing(conn, since, newest)
    if not gone:
        return _Begin(since, None)
    text = f"{gone} events since {since} are not kept any more. Load what you need again."
    return _Begin(since, {"kind": "gap", "since": since, "missing": gone, "text": text})


class Reading:
    """One listener's way through the log. Where one process writes at a time, no number comes late."""

    def __init__(self, shell: Shell, wanted: tail.Wanted, at: int) -> None:
        self._shell, self._wanted, self.reached = shell, wanted, at
        self._settling = tail.Settling()
        self._lived_at = time.monotonic()

    @property
    def has_settled(self) -> bool:
        """Whether all that was there at the last look has been told."""
        return self.reached >= self._settling.newest

    async def all_by_now(self) -> AsyncIterator[dict[str, Any]]:
        """The events behind the last that was told, as they are told, up to the end of the log."""
        is_full = True
        while is_full:
            rows, is_full = await self._shell.database.read(lambda conn: self.step(conn, time.monotonic()))
            for row in rows:
                yield row

    def sign_of_life(self, now: float) -> str:
        """Now and then the number that was reached, so that who comes back goes on there; else nothing."""
        if now - self._lived_at < notices.SILENCE:
            return ""
        self._lived_at = now
        return f":\nid: {self.reached}\n\n"

    def step(self, conn: Connection, now: float) -> tuple[list[dict[str, Any]], bool]:
        """Some of them, and whether there are more already; `now` is monotonic."""
        self._settling.look(conn, now)
        found = tail.part(conn, self._wanted, after=self.reached, settled=self._settling.upto)
        self.reached = found.reached
        return [telling.as_json(row) for row in telling.complete(conn, found.rows)], found.is_full


async def _notices(
    shell: Shell, asked: Asked, heard: Sequence[Notice], *, missed: bool
) -> list[dict[str, Any]]:
    pk, kinds = asked.wanted.device_pk, asked.wanted.kinds
    about = [
        notice
        for notice in heard
        if (pk is None or notice.about.get("device_pk") == pk) and (not kinds or notice.kind in kinds)
    ]
    if not asked.with_notices or not (about or missed):
        return []
    return await notices.tell(shell, about, missed=missed)


def _data(told: dict[str, Any], number: int | None = None) -> str:
    text = json.dumps(told, ensure_ascii=True, separators=(",", ":"))
    return f"{f'id: {number}' + chr(10) if number is not None else ''}data: {text}\n\n"
