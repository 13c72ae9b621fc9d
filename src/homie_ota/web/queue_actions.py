"""What people do about the queue: release a device, look at what failed, clear what is kept on the broker, look for it.

Rule: as in `actions`: each leaves a row in the audit log in the same transaction and tells the bus.
"""

from __future__ import annotations

from homie_ota.esp.image import clean
from homie_ota.store import devices, leftovers, looked, quarantine
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.store.leftovers import Leftover
from homie_ota.web.actions import Actor, note
from homie_ota.web.shell import Shell


async def release(shell: Shell, actor: Actor, device: str, firmware: str = "") -> int:
    """Let a device have what it was kept from, one image or all; how many those were. NotFound, Conflict."""
    now = shell.clock()

    def write(conn: Connection) -> tuple[int, int]:
        pk = devices.resolve(conn, device)
        sha256 = firmwares.resolve(conn, firmware).sha256 if firmware else ""
        count = quarantine.release(conn, pk, by=actor.name, now=now, sha256=sha256)
        note(conn, actor, now, "released a device", f"{clean(device)}, {count} images")
        return pk, count

    pk, count = await shell.database.write(write, urgent=True)
    shell.bus.say("device", device_pk=pk)
    shell.bus.say("order", device_pk=pk)
    return count


async def look_at_failure(shell: Shell, actor: Actor, device: str) -> int:
    """Note that a person has looked at a failed update of a device; its number. NotFound, Conflict."""
    now = shell.clock()

    def write(conn: Connection) -> tuple[int, int]:
        pk = devices.resolve(conn, device)
        number = looked.at(conn, pk, by=actor.name, now=now)
        note(conn, actor, now, "looked at a failed update", f"{clean(device)}, deployment {number}")
        return pk, number

    pk, number = await shell.database.write(write, urgent=True)
    shell.bus.say("deployment", id=number, device_pk=pk)
    return number


async def clear(shell: Shell, actor: Actor, topic: str) -> Leftover:
    """Have a leftover cleared by the server that holds the lease; NotFound, or Conflict when that cannot be now."""
    now = shell.clock()

    def write(conn: Connection) -> Leftover:
        asked = leftovers.ask(conn, topic, by=actor.name, now=now)
        note(conn, actor, now, "cleared a leftover", clean(asked.topic, 255))
        return asked

    asked = await shell.database.write(write, urgent=True)
    shell.bus.say("leftovers")
    return asked


def look(shell: Shell) -> None:
    """Look for leftovers as soon as no transfer runs; nothing is changed by it."""
    shell.bus.say("leftovers", look=True)
