"""The stream of what changes, as server-sent events: one JSON object each, for pages and for programs.

Rule: a notice is the state of now, read when it is sent; what changes many times in a moment is sent once. Nothing is
promised of what a listener missed while it was away: it loads again.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

from starlette.requests import Request
from starlette.responses import StreamingResponse

from homie_ota.bus import Notice
from homie_ota.errors import HomieOtaError
from homie_ota.store import deployments, naming
from homie_ota.store.database import Connection
from homie_ota.web.shell import Shell, shell_of

MOMENT = 0.25
"""Seconds in which changes of one thing become one notice."""
SILENCE = 15.0
"""Seconds until a sign of life, which also finds out who has gone."""
MOST = 200
"""Things in one moment; beyond that one notice says: all."""
LISTENERS = 200


class Busy(HomieOtaError):
    """There are as many listeners as we take."""

    code = "busy"
    status = 503
    exit_status = 5


_ALSO_TOLD = frozenset({"sha256", "connected", "state"})


async def stream(request: Request) -> StreamingResponse:
    """`GET /events`; ends when the listener goes, or when the bus says `stop`."""
    return answer(request, _lines(shell_of(request)))


def answer(request: Request, lines: AsyncIterator[str]) -> StreamingResponse:
    """These lines as a stream to one more listener; raises Busy."""
    listeners: set[object] = request.app.state.listeners
    if len(listeners) >= LISTENERS:
        raise Busy(f"There are {LISTENERS} listeners already. Try again later.")
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_counted(listeners, lines), media_type="text/event-stream", headers=headers)


async def _counted(listeners: set[object], lines: AsyncIterator[str]) -> AsyncIterator[str]:
    mark = object()
    listeners.add(mark)
    try:
        async for line in lines:
            yield line
    finally:
        listeners.discard(mark)


async def _lines(shell: Shell) -> AsyncIterator[str]:
    with shell.bus.listen() as listener:
        yield "retry: 2000\n\n"
        while True:
            notices = await listener.wait(SILENCE)
            if not notices:
                yield ":\n\n"
                continue
            await asyncio.sleep(MOMENT)
            notices += await listener.wait(0)
            if any(notice.kind == "stop" for notice in notices):
                return
            for told in await tell(shell, notices, missed=listener.missed):
                yield f"data: {json.dumps(told, ensure_ascii=True, separators=(',', ':'))}\n\n"
            listener.missed = False


async def tell(shell: Shell, notices: Iterable[Notice], *, missed: bool) -> list[dict[str, Any]]:
    """What these notices are about, as it is now."""
    found: dict[tuple[str, Any], Notice] = {}
    for notice in notices:
        about = notice.about
        found[notice.kind, about.get("id") or about.get("device_pk") or about.get("sha256")] = notice
    if missed or len(found) > MOST:
        return [{"kind": "all"}]
    return await shell.database.read(lambda conn: _read(conn, found))


def _read(conn: Connection, found: dict[tuple[str, Any], Notice]) -> list[dict[str, Any]]:
    about = [notice.about.get("device_pk") for notice in found.values()]
    names = naming.devices(conn, [pk for pk in about if pk is not None])
    told = [_one(conn, notice, names) for notice in found.values() if notice.kind != "order"]
    return [each for each in told if each is not None]


def _one(conn: Connection, notice: Notice, names: dict[int, tuple[str, str]]) -> dict[str, Any] | None:
    pk = notice.about.get("device_pk")
    told: dict[str, Any] = {"kind": notice.kind}
    if pk is not None:
        told |= {"device_pk": pk, "device": names.get(pk, ("", ""))[0]}
    if notice.kind == "deployment":
        attempt = deployments.get(conn, notice.about["id"])
        if attempt is None:
            return None
        shown = ("id", "sha256", "state", "reason", "attempt", "bytes_done", "bytes_total")
        return told | {name: getattr(attempt, name) for name in shown}
    return told | {name: value for name, value in notice.about.items() if name in _ALSO_TOLD}
