"""The routes of the API about the audit log: to read it, and to take it whole, as it has to be checked elsewhere.

Rule: rows go out exactly as they were hashed, times as seconds since 1970, so that nobody has to trust this server.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import StreamingResponse

from homie_ota.store import audit, totals
from homie_ota.store.database import Connection
from homie_ota.web.api.asking import Cursor, Limit, Shape, cursor_number
from homie_ota.web.shell import Shell, shell_of

router = APIRouter()
AT_ONCE = 1000
"""Rows read in one transaction."""


class AuditRow(Shape):
    """Who did what, why and from where."""

    seq: int
    at: float = Field(description="seconds since 1970, as hashed")
    who: str
    what: str
    why: str
    from_where: str
    prev_hash: str
    hash: str


class AuditPage(Shape):
    """Rows of the audit log, newest first."""

    items: list[AuditRow]
    total: int
    next: str | None


class AuditState(Shape):
    """Whether the log is whole, and where it ends; keep the hash somewhere else."""

    whole: bool
    rows: int
    hash: str
    seq: int | None = Field(description="the first row that does not fit")
    fault: str | None


@router.get("/audit", summary="The audit log, newest first")
async def list_audit(request: Request, limit: Limit = 100, cursor: Cursor = "") -> AuditPage:
    """Who did what, why and from where; needs the right “admin”."""
    before = cursor_number(cursor)

    def read(conn: Connection) -> AuditPage:
        found = audit.recent(conn, limit=limit + 1, before=before)
        following = str(found[limit - 1]["seq"]) if len(found) > limit else None
        items = [AuditRow(**row) for row in found[:limit]]
        return AuditPage(items=items, total=totals.deeds(conn), next=following)

    return await shell_of(request).database.read(read)


@router.get("/audit/verify", summary="Whether the audit log is as it was written")
async def verify(request: Request, kept: str = "") -> AuditState:
    """Follows the whole chain; `kept` are hashes that were written down, with commas.

    `homie-ota audit verify` follows it itself, and so need not trust this answer.
    """
    hashes = [word for word in kept.split(",") if word]
    found = await shell_of(request).database.read(lambda conn: audit.verify(conn, hashes))
    seq, fault = found.fault or (None, None)
    return AuditState(whole=fault is None, rows=found.head.rows, hash=found.head.hash, seq=seq, fault=fault)


@router.get(
    "/audit/export",
    summary="The whole audit log as JSON lines",
    response_class=StreamingResponse,
    responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}}},
)
async def export(request: Request) -> StreamingResponse:
    """Oldest first, a row a line, and as the last line the end that the server remembers."""
    return StreamingResponse(_lines(shell_of(request)), media_type="application/x-ndjson")


async def _lines(shell: Shell) -> AsyncIterator[str]:
    end = await shell.database.read(audit.head)  # before the rows, which may grow meanwhile
    after, left = 0, end.rows
    while left > 0:
        rows = await shell.database.read(partial(_some, after=after, count=min(left, AT_ONCE)))
        if not rows:
            break
        yield "".join(json.dumps(row) + "\n" for row in rows)
        after, left = rows[-1]["seq"], left - len(rows)
    yield json.dumps({"end": {"rows": end.rows, "hash": end.hash}}) + "\n"


def _some(conn: Connection, *, after: int, count: int) -> list[dict[str, Any]]:
    return list(audit.everything(conn, after, count))
