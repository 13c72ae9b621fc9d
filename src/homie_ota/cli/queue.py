"""`release` and `leftovers`: what was set aside, and what lies on the broker that should not."""

from __future__ import annotations

import time
from argparse import Namespace

from homie_ota.cli import show
from homie_ota.client import Api

LOOKS = 3.0
"""Seconds after which a look at the broker that was asked for is usually done."""


def release(arguments: Namespace) -> int:
    """Release a device from quarantine."""
    done = Api(arguments.server, arguments.token).release(arguments.device, arguments.firmware)
    if arguments.json:
        show.as_json(done)
    else:
        show.line(str(done.get("detail") or "Released."))
    return 0


def leftovers(arguments: Namespace) -> int:
    """List leftovers, or have one cleared."""
    api = Api(arguments.server, arguments.token)
    if arguments.clear:
        asked = api.clear_leftover(arguments.clear)
        if arguments.json:
            show.as_json(asked)
        else:
            show.line(f"{asked.get('topic')} is cleared as soon as its device takes in no image.")
        return 0
    if arguments.look:
        api.look_for_leftovers()
        time.sleep(LOOKS)
    found = api.leftovers()
    if arguments.json:
        show.as_json(found)
    elif not found:
        show.line("Nothing is kept on the broker that devices would act on.")
    for each in [] if arguments.json else found:
        show.line(f"{each.get('topic')}: {each.get('detail')}")
    return 0
