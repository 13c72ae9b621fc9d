"""`knocks` and `adopt`: sketches without Homie that ask for an update, and making one a device."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import asked

Json = dict[str, Any]
Mac = Annotated[str, typer.Argument(metavar="MAC", help="as `knocks` lists it")]
Name = Annotated[str, typer.Option("--name", metavar="TEXT", help="what the device is called here")]
Base = Annotated[str, typer.Option("--base", metavar="WORD", help="what stands before its id (arduino)")]
Forget = Annotated[str, typer.Option("--forget", metavar="MAC", help="take one off the list")]

_HEADS = ("MAC", "CHIP", "VERSION", "MD5", "FREE", "FROM", "TIMES", "LAST")


def knocks(ctx: typer.Context, forget: Forget = "") -> int:
    """List who asks for an update over HTTP and is not known here, the latest first."""
    order = asked(ctx)
    if forget:
        done = order.api().forget_knock(forget)
        show.as_json(done) if order.json else show.line(str(done.get("detail", "")))
        return 0
    found = order.api().knocks()
    if order.json:
        show.as_json(found)
    elif found:
        show.table(_HEADS, [_row(each) for each in found])
    else:
        show.line("Nobody knocks.")
    return 0


def _row(each: Json) -> tuple[object, ...]:
    told = (each.get("mac"), each.get("chip"), each.get("version"), str(each.get("md5") or "")[:8])
    where = (each.get("free_space"), each.get("address"), each.get("count"), show.moment(each.get("last_at")))
    return (*told, *where)


def adopt(ctx: typer.Context, mac: Mac, name: Name, base: Base = "") -> int:
    """Make one of those that knock a device."""
    order = asked(ctx)
    made = order.api().adopt(mac, name, base)
    if order.json:
        show.as_json(made)
    else:
        show.line(f"{made.get('name', '')} is the device {made.get('device', '')} now.")
    return 0
