"""`fits`: for how many devices an image is, and why not for the others.

Rule: the server is asked, and what it says is what an order would be answered.
"""

from __future__ import annotations

from typing import Any

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import asked
from homie_ota.cli.firmware import choose
from homie_ota.cli.options import Firmware, Query
from homie_ota.errors import Conflict

Json = dict[str, Any]

_SHORT = 12
_SHOWN = 50
"""Refused devices that are listed one by one; `--json` has them all."""


def fits(ctx: typer.Context, firmware: Firmware, query: Query = "") -> int:
    """Say whom an image fits, and why not the others."""
    order = asked(ctx)
    api = order.api()
    images = choose(api.firmware(), firmware)
    if len(images) > 1:
        hashes = ", ".join(str(each["sha256"])[:_SHORT] for each in images)
        raise Conflict(f"{firmware} is {len(images)} images: {hashes}. Say which by its SHA-256.")
    verdict = "" if order.json else "no"
    found = api.fits(images[0]["sha256"], query, verdict=verdict)
    if order.json:
        show.as_json(found)
    else:
        _tell(found)
    return 0


def _tell(found: Json) -> None:
    refused = found["devices"]
    show.line(f"Fits {found['fits']} of {_count(found['of'])}{_warned(found)}.")
    if not refused:
        return
    show.line(f"Why not {'this one' if len(refused) == 1 else f'these {len(refused)}'}:")
    for each in refused[:_SHOWN]:
        show.line(f"  {each['device'].rpartition('~')[2]}: {_why(each)}")
    if len(refused) > _SHOWN:
        show.line(f"… and {len(refused) - _SHOWN} more; --json has them all.")


def _why(device: Json) -> str:
    return " ".join(_reason(each) for each in device["reasons"] if each["weight"] == "refuses")


def _reason(reason: Json) -> str:
    known = f" [{reason['evidence'].rstrip('.')}{_age(reason)}]" if reason.get("evidence") else ""
    return f"{reason['text']}{known}"


def _age(reason: Json) -> str:
    return f", {show.age(reason['at'])} ago" if reason.get("at") else ""


def _warned(found: Json) -> str:
    return f", {found['with_warnings']} of them with warnings" if found["with_warnings"] else ""


def _count(number: int) -> str:
    return "1 device" if number == 1 else f"{number} devices"
