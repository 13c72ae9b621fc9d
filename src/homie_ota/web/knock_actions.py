"""What people do about who knocks: adopt one, or take one off the list; the same for page, API and command line.

Rule: as in `actions`: each leaves a row in the audit log in the same transaction and tells the bus.
"""

from __future__ import annotations

from homie_ota.errors import NotFound
from homie_ota.esp.image import clean
from homie_ota.esp.request import read_mac
from homie_ota.model import Address
from homie_ota.store import adopting, devices, knocks
from homie_ota.store.database import Connection
from homie_ota.web.actions import Actor, note
from homie_ota.web.shell import Shell


async def adopt(shell: Shell, actor: Actor, mac: str, name: str, base: str = "") -> Address:
    """Make who knocks with this MAC a device; NotFound, Conflict, WrongUse."""
    now, known, taken = shell.clock(), read_mac(mac) or mac, shell.settings.mqtt.base_topics

    def write(conn: Connection) -> tuple[int, Address]:
        made = adopting.adopt(conn, known, name, base=base, taken=taken, by=actor.name, now=now)
        note(conn, actor, now, "adopted a device", f"{clean(name)}, {clean(known)}, as {made.topic}")
        return devices.resolve(conn, made.key), made

    pk, made = await shell.database.write(write, urgent=True)
    shell.bus.say("device", device_pk=pk)
    return made


async def forget(shell: Shell, actor: Actor, mac: str) -> str:
    """Take a MAC off the list; the sentence that says so. NotFound; it is back when it asks again."""
    now, known = shell.clock(), read_mac(mac) or mac

    def write(conn: Connection) -> None:
        if not knocks.forget(conn, known):
            raise NotFound(f"Nobody knocks with the MAC {clean(known)}.")
        note(conn, actor, now, "forgot a knock", clean(known))

    await shell.database.write(write, urgent=True)
    return f"{known} is off the list; it is back when it asks again."
