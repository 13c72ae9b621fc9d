"""`delete`, `removed` and `undo`: devices go, and come back.

Rule: a device that is deleted can be put back for a day; before it goes a person is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from homie_ota.cli import completion, show
from homie_ota.cli.answers import agreed, done
from homie_ota.cli.asked import asked
from homie_ota.cli.devices import bare
from homie_ota.cli.many import devices_of, each
from homie_ota.cli.options import Devices, Yes
from homie_ota.cli.plan import is_several
from homie_ota.errors import Conflict, NotFound

if TYPE_CHECKING:
    from homie_ota.client import Api

Json = dict[str, Any]
NOT_WANTED = 1
MOST_NAMED = 10
Which = Annotated[
    str,
    typer.Argument(
        metavar="DEVICE|NUMBER", help="as `homie-ota removed` lists it", autocompletion=completion.removed
    ),
]


def delete_device(ctx: typer.Context, device: Devices, yes: Yes = False) -> int:
    """Delete a device.

    The server forgets it and clears its retained topics on the broker; `homie-ota undo` puts it back for a day. Refused
    (4) while it is online or being updated.
    """
    order = asked(ctx)
    names = _names(order.api(), device)
    what = names if len(names) < MOST_NAMED else [*names[:MOST_NAMED], f"{len(names) - MOST_NAMED} more"]
    told = ", ".join(what)
    if not agreed(f"Delete {told}?", f"{told} would be deleted.", yes=yes, json=order.json):
        return NOT_WANTED
    return each(
        order,
        device,
        lambda api, key: {**api.delete_device(key), "device": key},
        lambda gone: (
            f"{gone.get('detail')} For a day `homie-ota undo {gone['device'].rpartition('~')[2]}` puts it back."
        ),
    )


def _names(api: Api, word: str) -> list[str]:
    if is_several(word):
        return [found.rpartition("~")[2] for found in devices_of(api, word)]
    found = api.device(word)
    return [f"{bare(found)} ({found.get('state')})"]


def removed(ctx: typer.Context) -> int:
    """List deleted devices."""
    order = asked(ctx)
    found = order.api().removed()
    if order.json:
        show.as_json(found)
        return 0
    rows = [
        (copy["number"], copy["device"], copy["name"], show.age(copy["deleted_at"]), copy["deleted_by"],
         show.moment(copy["kept_until"]))
        for copy in found
    ]  # fmt: skip
    show.table(("NUMBER", "DEVICE", "NAME", "DELETED", "BY", "KEPT UNTIL"), rows)
    return 0


def undo(ctx: typer.Context, which: Which) -> int:
    """Put a device back.

    With its values, history and marks; nothing that would start an update comes back.
    """
    order = asked(ctx)
    api = order.api()
    return done(order, api.put_back(_number(api, which)))


def _number(api: Api, word: str) -> int:
    """The copy that is meant: its own number, or the newest one of a device."""
    found = [copy for copy in api.removed() if _is_meant(copy, word)]
    if not found:
        raise NotFound(f"No deleted device {word!r} is kept. Look at the list with `homie-ota removed`.")
    if len({copy["device"] for copy in found}) > 1:
        names = ", ".join(copy["device"] for copy in found)
        raise Conflict(f"{word!r} is {len(found)} deleted devices: {names}. Say which one.")
    return int(found[0]["number"])


def _is_meant(copy: Json, word: str) -> bool:
    device = str(copy["device"])
    return word in (str(copy["number"]), device, device.rpartition("~")[2])
