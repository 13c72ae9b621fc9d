"""`deployments`, `deployment`, `quarantine` and `looked`: attempts to update, what came of them, what was set aside."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from homie_ota.cli import completion, show
from homie_ota.cli.answers import done
from homie_ota.cli.asked import asked
from homie_ota.cli.devices import named
from homie_ota.cli.options import Device, Watch

Json = dict[str, Any]
FAILED = 1

Of = Annotated[
    str,
    typer.Option("--device", metavar="DEVICE", help="only of this device", autocompletion=completion.devices),
]
State = Annotated[str, typer.Option("--state", help="only those in this state: queued, failed …")]
Number = Annotated[int, typer.Argument(metavar="DEPLOYMENT", help="its number")]


def deployments(ctx: typer.Context, device: Of = "", state: State = "") -> int:
    """List deployments."""
    order = asked(ctx)
    found = order.api().deployments(device=device, state=state)
    if order.json:
        show.as_json(found)
    else:
        heads = ("DEPLOYMENT", "DEVICE", "FIRMWARE", "STATE", "ATTEMPT", "BEGAN", "REASON")
        show.table(heads, [_row(each) for each in found])
    return 0


def _row(of: Json) -> tuple[object, ...]:
    return (
        of.get("id"),
        str(of.get("device")).rpartition("~")[2],
        _image(of),
        of.get("state"),
        of.get("attempt"),
        show.age(of.get("created_at")),
        of.get("reason"),
    )


def _image(of: Json) -> str:
    name = {"name": of.get("firmware_name"), "version": of.get("firmware_version")}
    return named(name) or str(of.get("firmware", ""))[:12]


def deployment(ctx: typer.Context, number: Number, watch: Watch = False) -> int:
    """Show one deployment with its story.

    With --watch, as it goes on, also the attempts that follow; the exit status then is 1 when it did not succeed.
    """
    order = asked(ctx)
    api = order.api()
    found = api.deployment(number)
    if watch:
        from homie_ota.cli.following import watch_deployments

        return FAILED if watch_deployments(api, {found["device"]: found}, order.json) else 0
    if order.json:
        show.as_json(found)
        return 0
    show.pairs(_facts(found))
    show.line()
    rows = [
        (show.moment(each.get("at")), (each.get("data") or {}).get("state") or each.get("kind"),
         (each.get("data") or {}).get("reason"), each.get("actor"))
        for each in found.get("events") or ()
    ]  # fmt: skip
    show.table(("WHEN", "WHAT", "WHY", "BY"), rows)
    return 0


def _facts(of: Json) -> dict[str, object]:
    return {
        "deployment": of.get("id"),
        "device": of.get("device"),
        "firmware": _image(of),
        "sha256": of.get("firmware"),
        "state": of.get("state"),
        "reason": of.get("reason"),
        "attempt": of.get("attempt"),
        "sent": show.percent(of.get("bytes_done"), of.get("bytes_total")),
        "began": show.moment(of.get("created_at")),
        "rollout": of.get("rollout"),
        "override": of.get("override"),
    }


def quarantine(ctx: typer.Context) -> int:
    """List images that are kept from devices."""
    order = asked(ctx)
    found = order.api().quarantine()
    if order.json:
        show.as_json(found)
        return 0
    rows = [
        (str(each["device"]).rpartition("~")[2], f"{each['firmware_name']} {each['firmware_version']}".strip(),
         str(each["firmware"])[:12], show.age(each["since"]), each["reason"])
        for each in found
    ]  # fmt: skip
    show.table(("DEVICE", "FIRMWARE", "SHA256", "SINCE", "WHY"), rows)
    return 0


def looked(ctx: typer.Context, device: Device) -> int:
    """Say that you looked at a failed update.

    The device then is no longer among those that need somebody (`needs:you`).
    """
    order = asked(ctx)
    return done(order, order.api().look_at_failure(device))
