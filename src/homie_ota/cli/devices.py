"""`devices`, `device` and `why`: what the server knows of devices."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Annotated, Any

import typer

from homie_ota.cli import completion, show
from homie_ota.cli.asked import asked
from homie_ota.cli.options import Device, Limit, Query
from homie_ota.errors import WrongUse

Json = dict[str, Any]

_HEADS = ("ID", "BASE", "STATE", "FIRMWARE", "VERSION", "HOMIE", "SIGNAL", "IP", "SEEN", "NAME")


def key(device: Json) -> str:
    """The id by which the API finds exactly this device: `homie~hall-lamp`."""
    found = str(device["id"])
    return found if "~" in found else (str(device.get("base", "")) + found).replace("/", "~")


def bare(device: Json) -> str:
    """The device id alone: `hall-lamp`."""
    base = str(device.get("base", "")).replace("/", "~")
    return key(device).removeprefix(base)


State = Annotated[
    str, typer.Option("--state", help="only those in this state", autocompletion=completion.states)
]
Sort = Annotated[
    str,
    typer.Option(
        "--sort",
        metavar="BY",
        help="id, name, state, fw, version, signal, heap, uptime, seen, needs; --sort=-id…",
    ),
]


Sheet = Annotated[bool, typer.Option("--csv", help="all of them as a sheet (CSV), with every column")]


def devices(
    ctx: typer.Context,
    query: Query = "",
    state: State = "",
    sort: Sort = "",
    limit: Limit = 0,
    csv: Sheet = False,
) -> int:
    """List devices."""
    order = asked(ctx)
    if csv:
        _sheet(order.api().sheet(query, state=state, sort=sort), limit=limit, json=order.json)
        return 0
    found = list(order.api().devices(query, state=state, sort=sort, limit=limit))
    if order.json:
        show.as_json(found)
    else:
        show.table(_HEADS, [_row(device) for device in found])
    if not found and not order.json:
        show.say(_nobody(query, state))
    return 0


def _nobody(query: str, state: str) -> str:
    if query or state:
        return f"No device fits {' '.join(word for word in (query, state) if word)!r}."
    return "No device was heard of yet. `homie-ota health` tells whether the broker is there."


def _sheet(pieces: Iterable[bytes], *, limit: int, json: bool) -> None:
    """The bytes of the server as they are: they are for a file, and for programs."""
    if json or limit:
        raise WrongUse("--csv gives all devices of a query as a sheet: without --json and --limit.")
    out = getattr(sys.stdout, "buffer", None)
    for piece in pieces:
        if out is None:
            sys.stdout.write(piece.decode())
        else:
            out.write(piece)


def _row(device: Json) -> tuple[object, ...]:
    firmware = device.get("firmware") or {}
    return (
        bare(device),
        device.get("base"),
        device.get("state"),
        firmware.get("name"),
        firmware.get("version"),
        device.get("homie"),
        _signal(device),
        device.get("ip"),
        show.age(device.get("last_seen")),
        device.get("name"),
    )


def _signal(device: Json) -> str:
    signal = device.get("signal")
    return "" if signal is None else f"{signal:.0f} %"


def device(ctx: typer.Context, device: Device) -> int:
    """Show one device, its readings and its latest deployments."""
    order = asked(ctx)
    api = order.api()
    found = api.device(device)
    readings, deployments = api.readings(key(found)), api.deployments(device=key(found))
    if order.json:
        show.as_json({**found, "readings": readings, "deployments": deployments})
        return 0
    show.line(str(api.verdict(key(found)).get("text") or ""))
    show.line()
    show.pairs(_facts(found))
    if readings:
        show.line()
        show.table(("PROPERTY", "VALUE"), [(_property(each), each.get("value")) for each in readings])
    if deployments:
        show.line()
        show.table(
            ("DEPLOYMENT", "STATE", "FIRMWARE", "BEGAN", "REASON"),
            [_deployment(each) for each in deployments],
        )
    return 0


def _facts(device: Json) -> dict[str, object]:
    firmware, ota, target = (device.get(name) or {} for name in ("firmware", "ota", "target"))
    return {
        "id": key(device),
        "name": device.get("name"),
        "state": device.get("state"),
        "seen": f"{show.age(device['last_seen'])} ago" if device.get("last_seen") else "",
        "homie": device.get("homie"),
        "implementation": device.get("implementation"),
        "updated by": f"{ota.get('way')}{', switched off' if ota.get('enabled') is False else ''}",
        "firmware": named(firmware),
        "md5": firmware.get("md5"),
        "target": named(target),
        "ip": device.get("ip"),
        "mac": device.get("mac"),
        "signal": _signal(device),
        "uptime": show.duration(device.get("uptime_s")),
        "tags": ", ".join(device.get("tags") or ()),
        "pinned until": _pin(device),
        "updating": _updating(device.get("deployment") or {}),
    }


def _pin(device: Json) -> str:
    reason = f" ({device['pin_reason']})" if device.get("pin_reason") else ""
    until = show.moment(device.get("pinned_until"))
    return f"{until}{reason}" if until else ""


def _updating(deployment: Json) -> str:
    share = show.percent(deployment.get("bytes_done"), deployment.get("bytes_total"))
    words = ("deployment", deployment.get("id"), deployment.get("state"), share)
    return " ".join(str(word) for word in words if word) if deployment else ""


def _property(reading: Json) -> str:
    return f"{reading.get('node')}/{reading.get('property')}"


def _deployment(deployment: Json) -> tuple[object, ...]:
    name = {"name": deployment.get("firmware_name"), "version": deployment.get("firmware_version")}
    return (
        deployment.get("id"),
        deployment.get("state"),
        named(name) or str(deployment.get("firmware", ""))[:12],
        show.age(deployment.get("created_at")),
        deployment.get("reason"),
    )


def named(firmware: Json | None) -> str:
    """Name and version of a firmware as far as they are known."""
    found = firmware or {}
    return f"{found.get('name') or ''} {found.get('version') or ''}".strip()


def why(ctx: typer.Context, device: Device) -> int:
    """Say why a device is, or is not, being updated."""
    order = asked(ctx)
    found = order.api().why(device)
    if order.json:
        show.as_json(found)
        return 0
    show.line(str(found.get("text") or found.get("code") or "Nothing is known about that."))
    steps = found.get("steps") or []
    if steps:
        show.line()
        rows = [(show.moment(each.get("at")), each.get("what"), each.get("reason")) for each in steps]
        show.table(("WHEN", "WHAT", "WHY"), rows)
    return 0
