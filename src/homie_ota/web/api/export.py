"""`GET /devices.csv`: the inventory as a sheet, all devices of a query, however many there are.

Rule: it goes out page by page, so that nobody's memory holds a fleet; a query without meaning is told before anything
goes out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import StreamingResponse

from homie_ota.store import nexts, search, waiting
from homie_ota.store.database import Connection
from homie_ota.store.search import Page
from homie_ota.web.api import sheet
from homie_ota.web.shell import Shell, shell_of

router = APIRouter()
AT_ONCE = 500
"""Devices of one transaction."""

_CSV = {
    "schema": {"type": "string"},
    "example": ",".join(sheet.COLUMNS) + "\r\nhomie~hall-lamp,homie/,hall-lamp,Hall,ready,lamp,2.0.0,…\r\n",
}
Mark = Annotated[
    bool, Query(description="Begin with the mark by which spreadsheets know UTF-8; programs do not want it.")
]


@router.get(
    "/devices.csv",
    summary="Devices that a query finds, as a sheet",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": _CSV}, "description": "A line for each device."}},
)
async def export_devices(
    request: Request, q: str = "", state: str = "", sort: str = "id", mark: Mark = False
) -> StreamingResponse:
    """All that the list of devices shows, in all its columns. A text that begins like a formula has a `'` before it."""
    shell = shell_of(request)
    first = await _page(shell, q, state, sort, None)
    headers = {"Content-Disposition": 'attachment; filename="devices.csv"'}
    body = _lines(shell, q, state, sort, first, sheet.MARK if mark else "")
    return StreamingResponse(body, media_type="text/csv; charset=utf-8", headers=headers)


async def _lines(shell: Shell, q: str, state: str, sort: str, page: Page, mark: str) -> AsyncIterator[str]:
    yield mark + sheet.head()
    while True:
        yield sheet.lines(page.items)
        if page.next is None:
            return
        page = await _page(shell, q, state, sort, page.next)


async def _page(shell: Shell, q: str, state: str, sort: str, cursor: str | None) -> Page:
    now = shell.clock()

    def read(conn: Connection) -> Page:
        found = search.find(
            conn, q, state=state or None, sort=sort, limit=AT_ONCE, cursor=cursor, now=now, whole=False
        )
        said = nexts.of(conn, found.items, waiting.local_time(now), now)
        return found._replace(items=[{**row, "next": said[row["pk"]]} for row in found.items])

    return await shell.database.read(read)
