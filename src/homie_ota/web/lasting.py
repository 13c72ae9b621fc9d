"""A long answer, such as a live stream, ends when whoever reads it may not read it any more.

Rule: it is asked again while something is sent, at most every EVERY seconds; who logged out, or may less now, sees
nothing of what comes after that.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from starlette.types import Message, Send

EVERY = 10.0
"""Seconds between two questions: streams give a sign of life every 15 s."""


def while_allowed(send: Send, still: Callable[[], Awaitable[bool]]) -> Send:
    """A `send` that ends the answer when `still` says no; what the application sends after that goes nowhere."""
    asked, over = time.monotonic(), False

    async def sender(message: Message) -> None:
        nonlocal asked, over
        if over:
            return
        goes_on = message["type"] == "http.response.body" and message.get("more_body", False)
        if goes_on and time.monotonic() - asked >= EVERY:
            asked = time.monotonic()
            over = not await still()
        await send({"type": "http.response.body", "body": b""} if over else message)

    return sender
