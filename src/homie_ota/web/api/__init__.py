"""The API under `/api/v1`: FastAPI for what it is good at, a described and checked interface for programs.

Rule: the routes are thin: what they do is in `actions`, what they say in `shapes`; every error is a problem document.
"""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from homie_ota import __version__
from homie_ota.errors import HomieOtaError, WrongUse
from homie_ota.web.api import (
    audit,
    cases,
    description,
    docs,
    events,
    export,
    filters,
    firmware,
    fits,
    knocks,
    limits,
    marks,
    people,
    properties,
    queue,
    recipients,
    rollouts,
    routes,
    series,
    service,
    verdict,
)
from homie_ota.web.failures import fail
from homie_ota.web.words import clean

ABOUT = """Over-the-air updates for fleets of Homie devices.

Lists come in pages: give `next` back as `cursor` until it is null. Every error is `application/problem+json` with a
sentence for people and a stable `code` for programs. `docs/reference/api.md` tells what all of it has in common.
"""


def build(web: Starlette) -> FastAPI:
    """The API of a web application, which shares its shell."""
    prefix = web.state.shell.settings.http.base_path
    app = FastAPI(
        title="homie-ota",
        version=__version__,
        description=ABOUT,
        license_info={"name": "MIT", "identifier": "MIT"},
        docs_url=None,  # FastAPI's own page loads scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        redirect_slashes=False,
        servers=[{"url": f"{prefix}/api/v1"}],
        root_path_in_servers=False,
        generate_unique_id_function=lambda route: route.name,
        dependencies=[Depends(limits.known_only)],
        exception_handlers={
            RequestValidationError: _unreadable,
            **dict.fromkeys((HomieOtaError, HTTPException, ClientDisconnect, Exception), fail),
            405: _wrong_method,
        },
    )
    app.include_router(routes.router)
    app.include_router(audit.router)
    app.include_router(cases.router)
    app.include_router(events.router)
    app.include_router(export.router)
    app.include_router(filters.router)
    app.include_router(firmware.router)
    app.include_router(fits.router)
    app.include_router(knocks.router)
    app.include_router(marks.router)
    app.include_router(properties.router)
    app.include_router(people.router)
    app.include_router(queue.router)
    app.include_router(recipients.router)
    app.include_router(rollouts.router)
    app.include_router(series.router)
    app.include_router(service.router)
    app.include_router(verdict.router)
    app.add_middleware(limits.SmallBodies)
    app.openapi = description.completed(app, app.openapi)  # type: ignore[method-assign]
    app.add_api_route("/docs", docs.show, include_in_schema=False)
    for name in ("shell", "login", "listeners", "hub", "metrics"):
        setattr(app.state, name, getattr(web.state, name))
    return app


async def _unreadable(request: Request, error: Exception) -> Response:
    """The answer to a body or parameter of the wrong shape."""
    assert isinstance(error, RequestValidationError)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if (
        kind != "application/json"
        and not kind.endswith("+json")
        and any(_is_whole(each) for each in error.errors())
    ):
        sent = f"of the type {clean(kind, 80)}" if kind else "without a type"
        wrong = limits.WrongType(
            f"Send the body with Content-Type: application/json (curl --json); it came {sent}."
        )
        return await fail(request, wrong)
    return await fail(request, WrongUse("; ".join(_said(each) for each in error.errors()[:5]) + "."))


def _is_whole(wrong: dict[str, Any]) -> bool:
    """Whether it is the body as a whole that was not read, though there is one."""
    return tuple(wrong["loc"]) == ("body",) and wrong["type"] != "missing"


def _said(wrong: dict[str, Any]) -> str:
    place = ".".join(str(part) for part in wrong["loc"])
    return f"{place}: {wrong['msg'].removeprefix('Value error, ')}"


async def _wrong_method(request: Request, error: Exception) -> Response:
    """The answer to a method that an address does not take: it names those that it does."""
    answer = await fail(request, error)
    path = request.url.path.partition("/api/v1")[2]
    if known := limits.methods(request.app.openapi()["paths"], path):
        answer.headers["Allow"] = ", ".join(known)
    return answer
