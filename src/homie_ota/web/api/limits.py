"""What a request of the API may bring, and by which methods: told as problems, as every other error.

Rule: a body of JSON is small, and is never read beyond what it may have; files go their own way, as they arrive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from homie_ota.errors import HomieOtaError, TooLarge, WrongUse
from homie_ota.web.failures import fail
from homie_ota.web.words import clean

LARGEST = 1 << 20
"""Bytes of a body that is no file: a plan with all its waves has some thousand."""


class WrongType(HomieOtaError):
    """The body is of a type that this address does not read."""

    code = "wrong-media-type"
    status = 415
    exit_status = 2


class SmallBodies:
    """Lets no body through that is larger than LARGEST, unless it is a form, which is read bit by bit."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive) if scope["type"] == "http" else None
        if request is None or request.headers.get("content-type", "").startswith("multipart/form-data"):
            await self._app(scope, receive, send)
            return
        body = await _body(request)
        if body is None:
            error = TooLarge(f"The body has more than {LARGEST} bytes. Files are sent as forms (curl -F).")
            await (await fail(request, error))(scope, receive, send)
            return
        await self._app(scope, _again(body, receive), send)


async def _body(request: Request) -> bytes | None:
    """The body of a request; None where it is too large."""
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > LARGEST:
        return None
    found = bytearray()
    async for chunk in request.stream():
        found += chunk
        if len(found) > LARGEST:
            return None
    return bytes(found)


def _again(body: bytes, receive: Receive) -> Receive:
    """What gives a body that was read already, then whatever comes behind it."""
    left = [body]

    async def give() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": False} if left else await receive()

    return give


def known_only(request: Request) -> None:
    """Refuse parameters that a route does not take: a misspelt filter would find everything. Raises WrongUse."""
    route = request.scope["route"]
    known = [each.alias for each in route.dependant.query_params]
    for name in request.query_params:
        if name in known:
            continue
        nearest = get_close_matches(name, known, 1, 0.0)
        hint = f'The nearest that it takes is "{nearest[0]}".' if nearest else "It takes none."
        raise WrongUse(f'This address does not take the parameter "{clean(name, 40)}". {hint}')


def methods(paths: Mapping[str, Mapping[str, Any]], path: str) -> list[str]:
    """The methods that an address takes, by `paths` of a description; of two that fit, the one with fewer blanks."""
    fitting = [each for each in paths if re.fullmatch(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(each)), path)]
    closest = min(fitting, key=lambda each: each.count("{"), default=None)
    return sorted(word.upper() for word in paths[closest]) if closest else []
