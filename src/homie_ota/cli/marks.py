"""`pin`, `unpin`, `tag` and `untag`: what people put on a device."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated, Any

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import asked
from homie_ota.cli.many import each
from homie_ota.cli.options import Devices
from homie_ota.errors import WrongUse
from homie_ota.rollout import spelling

Json = dict[str, Any]
Until = Annotated[str, typer.Option("--until", metavar="WHEN", help="2026-03-01, '2026-03-01 12:00', or 3d")]
Why = Annotated[str, typer.Option("--reason", metavar="TEXT", help="why; others see it")]
Tag = Annotated[str, typer.Argument(metavar="TAG", help="one word; tag:WORD finds it")]


def pin(ctx: typer.Context, device: Devices, until: Until, reason: Why) -> int:
    """Hold a device back until a moment."""
    end = moment(until, time.time())
    return each(
        asked(ctx),
        device,
        lambda api, key: api.pin(key, end, reason),
        lambda done: _told(done, f"is pinned until {show.moment(done.get('pinned_until'))}"),
    )


def unpin(ctx: typer.Context, device: Devices) -> int:
    """Let go of a device."""
    return each(
        asked(ctx),
        device,
        lambda api, key: api.unpin(key),
        lambda done: _told(done, "is not pinned any more"),
    )


def tag(ctx: typer.Context, device: Devices, tag: Tag) -> int:
    """Give a device a tag."""
    return each(asked(ctx), device, lambda api, key: api.tag(key, tag), _tags)


def untag(ctx: typer.Context, device: Devices, tag: Tag) -> int:
    """Take a tag away from a device."""
    return each(asked(ctx), device, lambda api, key: api.untag(key, tag), _tags)


def _tags(done: Json) -> str:
    left = ", ".join(done.get("tags") or ())
    return _told(done, f"has the tags {left}" if left else "has no tags any more")


def _told(done: Json, sentence: str) -> str:
    return f"{str(done.get('device', '')).rpartition('~')[2]} {sentence}."


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
