"""`release` and `leftovers`: what was set aside, and what lies on the broker that should not."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from homie_ota.cli import completion, show
from homie_ota.cli.asked import asked
from homie_ota.cli.many import each
from homie_ota.cli.options import WHICH, Devices

LOOKS = 3.0
"""Seconds after which a look at the broker that was asked for is usually done."""


Only = Annotated[
    str,
    typer.Option(
        "--firmware", metavar="FIRMWARE", help=f"only this one: {WHICH}", autocompletion=completion.firmware
    ),
]
Look = Annotated[bool, typer.Option("--look", help="look at the broker again first")]
Clear = Annotated[str, typer.Option("--clear", metavar="TOPIC", help="clear what is kept on this topic")]


def release(ctx: typer.Context, device: Devices, firmware: Only = "") -> int:
    """Release a device from quarantine."""
    return each(
        asked(ctx),
        device,
        lambda api, key: api.release(key, firmware),
        lambda done: str(done.get("detail") or "Released."),
    )


def leftovers(ctx: typer.Context, look: Look = False, clear: Clear = "") -> int:
    """List leftovers, or have one cleared."""
    order = asked(ctx)
    api = order.api()
    if clear:
        cleared = api.clear_leftover(clear)
        if order.json:
            show.as_json(cleared)
        else:
            show.line(f"{cleared.get('topic')} is cleared as soon as its device takes in no image.")
        return 0
    if look:
        asked_for = api.look_for_leftovers()
        show.say(str(asked_for.get("detail") or "The broker is looked at."))
        time.sleep(LOOKS)
    found = api.leftovers()
    if order.json:
        show.as_json(found)
    elif not found:
        show.line("At the last look nothing was kept on the broker that devices would act on.")
    for kept in [] if order.json else found:
        show.line(f"{kept.get('topic')}: {kept.get('detail')}")
    return 0
