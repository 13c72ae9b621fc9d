"""`set`: a value for a property of a device, as its page sends it."""

from __future__ import annotations

from typing import Annotated

import typer

from homie_ota.cli import show
from homie_ota.cli.answers import done
from homie_ota.cli.asked import asked
from homie_ota.cli.options import Device
from homie_ota.errors import WrongUse

Property = Annotated[
    str, typer.Argument(metavar="NODE/PROPERTY", help="relay/on; `homie-ota device` lists them")
]
Value = Annotated[str, typer.Argument(metavar="VALUE", help="true, 21.5, 255,0,0 … as the property takes it")]


def set_value(ctx: typer.Context, device: Device, property_: Property, value: Value) -> int:
    """Set a property.

    The value is published to the property's `/set` topic; whether the device took it, its next reading says. Refused
    (4) while the device is not ready, or where the property cannot be set.
    """
    node, slash, prop = property_.partition("/")
    if not slash or not node or not prop:
        raise WrongUse(f"{property_!r} is no property: say NODE/PROPERTY, such as relay/on.")
    order = asked(ctx)
    sent = order.api().set_property(device, node, prop, value)
    name = str(sent.get("device")).rpartition("~")[2]
    return done(order, sent, f"{show.clean(value)} was sent to {name} {node}/{prop}.")
