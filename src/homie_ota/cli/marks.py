"""`pin`, `unpin`, `tag` and `untag`: what people put on a device."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import Asked, asked
from homie_ota.cli.options import Device
from homie_ota.errors import WrongUse
from homie_ota.rollout import spelling

Json = dict[str, Any]
Until = Annotated[str, typer.Option("--until", metavar="WHEN", help="2026-03-01, '2026-03-01 12:00', or 3d")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="why; others see it")]
Tag = Annotated[str, typer.Argument(metavar="TAG", help="one word; tag:WORD finds it")]


def pin(ctx: typer.Context, device: Device, until: Until, reason: Why) -> int:
    """Hold a device back until a moment."""
    order = asked(ctx)
    done = order.api().pin(device, moment(until, time.time()), reason)
    return _say(order, done, f"is pinned until {show.moment(done.get('pinned_until'))}")


def unpin(ctx: typer.Context, device: Device) -> int:
    """Let go of a device."""
    order = asked(ctx)
    return _say(order, order.api().unpin(device), "is not pinned any more")


def tag(ctx: typer.Context, device: Device, tag: Tag) -> int:
    """Give a device a tag."""
    order = asked(ctx)
    done = order.api().tag(device, tag)
    return _say(order, done, f"has the tags {', '.join(done.get('tags') or ())}")


def untag(ctx: typer.Context, device: Device, tag: Tag) -> int:
    """Take a tag away from a device."""
    order = asked(ctx)
    done = order.api().untag(device, tag)
    left = ", ".join(done.get("tags") or ())
    return _say(order, done, f"has the tags {left}" if left else "has no tags any more")


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


def _say(order: Asked, done: Json, sentence: str) -> int:
    if order.json:
        show.as_json(done)
    else:
        show.line(f"{str(done.get('device', '')).rpartition('~')[2]} {sentence}.")
    return 0
