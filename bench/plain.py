"""The reference of (e): the same libraries loaded, one page, nothing behind it; `python -m bench.plain PORT`."""

from __future__ import annotations

import sys

import gmqtt  # noqa: F401 - loaded for its memory
import httptools  # noqa: F401
import jinja2  # noqa: F401
import pydantic_settings  # noqa: F401
import sqlalchemy  # noqa: F401
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def _page(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


if __name__ == "__main__":
    uvicorn.run(
        Starlette(routes=[Route("/", _page)]), host="127.0.0.1", port=int(sys.argv[1]), log_config=None,
        loop="uvloop", http="httptools", lifespan="off",
    )  # fmt: skip
