"""What people do here: update, cancel, forget; the same for pages, API and the old routes.

Rule: each action is one function that leaves a row in the audit log in the same transaction and tells the bus; how it
was asked for, and how the answer looks, is the business of the routes.
"""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import Request

from homie_ota.esp.image import clean
from homie_ota.model import Deployment
from homie_ota.store import audit, deployments, devices, removed
from homie_ota.store.database import Connection
from homie_ota.store.placing import Order, place
from homie_ota.web.gate import person_of
from homie_ota.web.people import address
from homie_ota.web.shell import Shell


class Actor(NamedTuple):
    """Who acts, and from where, as the audit log has it."""

    name: str
    where: str


def actor_of(request: Request) -> Actor:
    """Who asks for an action."""
    return Actor(person_of(request).name, address(request))


def note(conn: Connection, actor: Actor, now: float, what: str, why: str = "") -> None:
    """Leave a row in the audit log."""
    audit.add(conn, at=now, who=actor.name, what=what, why=why, from_where=actor.where)


# --- Deployments --------------------------------------------------------------------------------------------------


async def order(
    shell: Shell, actor: Actor, device: str, firmware: str, override: str = "", until: float | None = None
) -> Deployment:
    """Queue a firmware for a device; see `placing.place`."""
    now, asked = shell.clock(), Order(device, firmware, actor.name, actor.where, override, until)
    made = await shell.database.write(lambda conn: place(conn, asked, now), urgent=True, durable=True)
    _say(shell, made)
    return made


async def cancel(shell: Shell, actor: Actor, number: int) -> Deployment:
    """Take back a queued deployment; NotFound, Conflict."""
    now = shell.clock()

    def write(conn: Connection) -> Deployment:
        note(conn, actor, now, "cancelled an update", f"deployment {number}")
        return deployments.cancel(conn, number, by=actor.name, now=now)

    cancelled = await shell.database.write(write, urgent=True)
    _say(shell, cancelled)
    return cancelled


def _say(shell: Shell, deployment: Deployment) -> None:
    shell.bus.say("deployment", id=deployment.id, device_pk=deployment.device_pk)
    shell.bus.say("order", device_pk=deployment.device_pk)


# --- Devices ------------------------------------------------------------------------------------------------------


async def delete_device(shell: Shell, actor: Actor, device: str) -> str:
    """Forget a device and clear its retained topics; the sentence that says so. NotFound, Conflict, Unreachable."""
    now = shell.clock()
    pk = await shell.database.read(lambda conn: devices.resolve(conn, device))
    cleared = 0
    if shell.forget is not None:
        cleared = await shell.forget(pk, actor.name, actor.where)
    else:
        await shell.database.write(
            lambda conn: removed.take(conn, pk, by=actor.name, now=now, where=actor.where), urgent=True
        )
    shell.bus.say("device", device_pk=pk)
    return f"{clean(device)} is forgotten here; {cleared} retained topics were cleared on the broker."
