"""Curves of a device as columns, ready to be drawn: its statistics, and its numeric properties."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request

from homie_ota.errors import WrongUse
from homie_ota.fleet.curves import STATISTICS
from homie_ota.store import devices, series
from homie_ota.store.database import Connection
from homie_ota.web.api.asking import FAILS, Shape
from homie_ota.web.shell import shell_of

router = APIRouter()

Metric = Annotated[str, Query(max_length=600, examples=["signal", "heap", "uptime", "sensor/temperature"])]


class Span(StrEnum):
    """How far back a curve goes."""

    DAY = "day"
    MONTH = "month"


_SECONDS = {Span.DAY: 86_400, Span.MONTH: 31 * 86_400}


class Series(Shape):
    """One curve: `times` are Unix seconds, rising; `low` and `high` differ from `values` where a point is an hour."""

    metric: str
    span: Span
    since: int
    until: int
    times: list[int]
    values: list[float | None]
    low: list[float | None]
    high: list[float | None]


@router.get("/devices/{id}/series", summary="A curve of a device: statistics or a property", responses=FAILS)
async def get_series(
    request: Request,
    id: str,  # noqa: A002 - the name in the address
    metric: Metric,
    span: Span = Span.DAY,
) -> Series:
    """`metric` is `signal`, `heap`, `uptime` or `node/property`; empty lists where nothing was kept."""
    if metric not in STATISTICS and "/" not in metric:
        words = ", ".join(STATISTICS)
        raise WrongUse(
            f"There is no curve {metric[:80]!r}; it is one of {words}, or a property as node/property."
        )
    shell = shell_of(request)
    until = int(shell.clock())
    since = until - _SECONDS[span]

    def read(conn: Connection) -> series.Curve:
        return series.read(conn, devices.resolve(conn, id), metric, since, until + 1)

    found = await shell.database.read(read)
    return Series(metric=metric, span=span, since=since, until=until, **found._asdict())
