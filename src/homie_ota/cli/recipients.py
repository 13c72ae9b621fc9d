"""`recipients`: who elsewhere is told what happens, how that goes, and a test of it."""

from __future__ import annotations

import time
from typing import Annotated, Any

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import asked
from homie_ota.client import Api

Json = dict[str, Any]
Test = Annotated[bool, typer.Option("--test", help="send everybody a test, and wait for what comes of it")]

PATIENCE = 90.0
"""Seconds until a test has come to an end, or failed."""
LOOK = 0.5
FAILED = 1
_HEADS = ("WHO", "STATE", "TOLD LAST", "WAITING", "ERROR")


def recipients(ctx: typer.Context, test: Test = False) -> int:
    """List notifications and webhooks, and how it goes with each; no address is shown whole.

    With --test everybody is told something at once: exit status 1 when one of them was not told.
    """
    order = asked(ctx)
    api = order.api()
    found, number = api.recipients(), 0
    if test:
        before, number = [int(each.get("tries") or 0) for each in found], api.test_recipients()
        found = _after(api, number, before)
    if order.json:
        show.as_json(found)
    elif found:
        show.table(_HEADS, [_row(each) for each in found])
    else:
        show.line("Nobody is told: name somebody in [announce] of the settings (notify, webhooks).")
    return 0 if all(_was_told(each, number) for each in found) or not test else FAILED


def _after(api: Api, number: int, tries: list[int]) -> list[Json]:
    """As they stand when each has taken the event of this number, or has failed once more than `tries`."""
    end = time.monotonic() + PATIENCE
    while True:
        found = api.recipients()
        over = [
            _was_told(each, number) or int(each.get("tries") or 0) > before
            for each, before in zip(found, tries, strict=False)
        ]
        if all(over) or time.monotonic() > end:
            return found
        time.sleep(LOOK)


def _was_told(each: Json, number: int) -> bool:
    return not each.get("failing_since") and int(each.get("reached") or 0) >= number


def _row(each: Json) -> tuple[object, ...]:
    told = (each.get("label"), each.get("state"), show.moment(each.get("last_told_at")))
    return (*told, each.get("waiting"), each.get("last_error"))
