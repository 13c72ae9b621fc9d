"""What people do to a device on its page: set a property, put back what was deleted.

Rule: as in `actions`: each leaves a row in the audit log and an event, and tells the bus. A value goes out only to a
device that is ready, because nothing is kept for one that is not.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from homie_ota.errors import Conflict, NotFound, Unreachable, WrongUse
from homie_ota.esp.image import clean
from homie_ota.homie import setting
from homie_ota.model import AWAKE, Address, Publish
from homie_ota.store import devices, events, removed
from homie_ota.store.database import Connection
from homie_ota.web.actions import Actor, note
from homie_ota.web.shell import Shell


class Command(NamedTuple):
    """A value on its way to a property."""

    device_pk: int
    device: str
    node: str
    prop: str
    value: str
    message: Publish


async def set_property(shell: Shell, actor: Actor, device: str, node: str, prop: str, text: str) -> Command:
    """Send a value to a property of a device; the device tells by itself whether it took it.

    NotFound, WrongUse for a value that the property does not take, Conflict while the device cannot take any,
    Unreachable without a broker.
    """
    now = shell.clock()
    if shell.set_property is None:
        raise Unreachable("This server does not speak to the broker, so it cannot set anything.")
    if not shell.broker_status().connected:
        raise Unreachable(
            "There is no connection to the broker, so nothing was sent. Try again when it is back."
        )

    def write(conn: Connection) -> Command:
        made = command(conn, device, node, prop, text)
        what = f"{made.device}: {node}/{prop} to {clean(made.value, 200)}"
        note(conn, actor, now, "set a property", what)
        data = {"event": "set", "node": node, "prop": prop, "value": made.value[:200]}
        events.add(conn, "property", at=now, device_pk=made.device_pk, actor=actor.name, data=data)
        return made

    made = await shell.database.write(write, urgent=True)
    await shell.set_property(made.message)
    shell.bus.say("device", device_pk=made.device_pk)
    return made


def command(conn: Connection, device: str, node: str, prop: str, text: str) -> Command:
    """The message that sets a property; raises as `set_property` does."""
    row = devices.row(conn, devices.resolve(conn, device))
    if row is None:
        raise NotFound("This device is not known any more.")
    described = _described(conn, row, node, prop)
    address = Address(row["base"], row["device_id"])
    if row["state"] not in AWAKE:
        raise Conflict(
            f"{row['device_id']} is {row['state']}. A value reaches only a device that is ready: nothing is kept for "
            "it on the broker. Set it again when it is back."
        )
    value = setting.check(described, text)
    if value.problem:
        raise WrongUse(f"{node}/{prop} of {row['device_id']} was not set. {value.problem}")
    message = setting.message(address, row["homie"], node, prop, described, value.text)
    if message is None:
        raise WrongUse(f"Homie {row['homie'] or 'of an unknown version'} has no way to send an empty text.")
    return Command(row["pk"], address.key, node, prop, value.text, message)


def _described(conn: Connection, row: dict[str, Any], node: str, prop: str) -> setting.Property:
    """What is known of the property; NotFound where there is none, Conflict where it cannot be set."""
    told = ((row["nodes"] or {}).get(node) or {}).get("properties") or {}
    heard = any((node, prop) == each[:2] for each in devices.readings(conn, row["pk"]))
    if prop not in told and not heard:
        raise NotFound(f"{row['device_id']} has no property {clean(node, 60)}/{clean(prop, 60)}.")
    described = setting.describe(row["homie"], told.get(prop, {}), prop)
    if described.settable is False:
        raise Conflict(
            f"{clean(node, 60)}/{clean(prop, 60)} of {row['device_id']} cannot be set: the device announces it as "
            "something to read only."
        )
    return described


async def put_back(shell: Shell, actor: Actor, device_pk: int) -> str:
    """Take a deletion back; the key of the device. NotFound when its copy is gone, Conflict, Unreachable."""
    now = shell.clock()
    if shell.put_back is not None:
        found = await shell.put_back(device_pk, actor.name, actor.where)
    else:
        found = await shell.database.write(
            lambda conn: removed.put_back(conn, device_pk, by=actor.name, now=now, where=actor.where),
            urgent=True,
        )
    key = found.address.key
    shell.bus.say("device", device_pk=device_pk)
    return key


def check_typed(conn: Connection, device: str, typed: str) -> None:
    """Raise WrongUse unless a person typed the id of this very device: it is the last question before it is gone."""
    row = devices.row(conn, devices.resolve(conn, device))
    if row is not None and typed.strip() != row["device_id"]:
        raise WrongUse(
            f"Nothing was deleted: type {row['device_id']} to delete it, exactly as it is written there."
        )
