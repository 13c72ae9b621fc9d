"""`pin`, `unpin`, `tag` and `untag`: what people put on a device."""

from __future__ import annotations

import time
from argparse import Namespace
from datetime import datetime

from homie_ota.cli import show
from homie_ota.client import Api, Json
from homie_ota.errors import WrongUse
from homie_ota.rollout import spelling


def pin(arguments: Namespace) -> int:
    """Hold a device back until a moment."""
    until = moment(arguments.until, time.time())
    done = Api(arguments.server, arguments.token).pin(arguments.device, until, arguments.reason)
    return _say(arguments, done, f"is pinned until {show.moment(done.get('pinned_until'))}")


def unpin(arguments: Namespace) -> int:
    """Let go of a device."""
    return _say(
        arguments, Api(arguments.server, arguments.token).unpin(arguments.device), "is not pinned any more"
    )


def tag(arguments: Namespace) -> int:
    """Give a device a tag."""
    done = Api(arguments.server, arguments.token).tag(arguments.device, arguments.tag)
    return _say(arguments, done, f"has the tags {', '.join(done.get('tags') or ())}")


def untag(arguments: Namespace) -> int:
    """Take a tag away from a device."""
    done = Api(arguments.server, arguments.token).untag(arguments.device, arguments.tag)
    left = ", ".join(done.get("tags") or ())
    return _say(arguments, done, f"has the tags {left}" if left else "has no tags any more")


def moment(text: str, now: float) -> str:
    """A day, a moment in local time or a span from now, as the API takes it; WrongUse for anything else.

    A day means its end: who writes “until Friday” means Friday too.
    """
    span = spelling.read_span(text) if text.strip()[-1:].isalpha() else None
    if span is not None:
        return datetime.fromtimestamp(now + span).astimezone().isoformat(timespec="seconds")
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        raise WrongUse(
            f"--until: {text!r} is no moment; expected 2026-03-01, '2026-03-01 12:00', or a span such as 3d."
        ) from None
    if len(text.strip()) == len("2026-03-01"):
        found = found.replace(hour=23, minute=59, second=59)
    return found.astimezone().isoformat(timespec="seconds")


def _say(arguments: Namespace, done: Json, sentence: str) -> int:
    if arguments.json:
        show.as_json(done)
    else:
        show.line(f"{str(done.get('device', '')).rpartition('~')[2]} {sentence}.")
    return 0
