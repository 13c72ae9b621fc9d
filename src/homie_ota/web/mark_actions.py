"""Pins and tags of devices, as people put them there: one function each for page, API and command line.

Rule: as in `actions`: each leaves a row in the audit log in the same transaction and tells the bus.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from homie_ota.esp.image import clean
from homie_ota.store import devices, marks
from homie_ota.store.database import Connection
from homie_ota.store.marks import Pin
from homie_ota.web.actions import Actor, note
from homie_ota.web.shell import Shell

T = TypeVar("T")


async def pin(shell: Shell, actor: Actor, device: str, until: float, reason: str) -> Pin:
    """Hold a device back until a moment; NotFound, Conflict, WrongUse."""

    def act(conn: Connection, pk: int, now: float) -> Pin:
        return marks.pin(conn, pk, until, reason, by=actor.name, now=now)

    return await _change(shell, actor, device, ("pinned a device", reason.strip()), act)


async def unpin(shell: Shell, actor: Actor, device: str) -> None:
    """Let go of a device; NotFound when nothing holds it."""

    def act(conn: Connection, pk: int, now: float) -> None:
        marks.unpin(conn, pk, by=actor.name, now=now)

    await _change(shell, actor, device, ("unpinned a device", ""), act)


async def put_tag(shell: Shell, actor: Actor, device: str, word: str) -> None:
    """Give a device a tag; NotFound, Conflict, WrongUse."""

    def act(conn: Connection, pk: int, now: float) -> None:
        marks.put_tag(conn, pk, word, by=actor.name, now=now)

    await _change(shell, actor, device, ("tagged a device", word), act)


async def take_tag(shell: Shell, actor: Actor, device: str, word: str) -> None:
    """Take a tag away from a device; NotFound, Conflict."""

    def act(conn: Connection, pk: int, now: float) -> None:
        marks.take_tag(conn, pk, word, by=actor.name, now=now)

    await _change(shell, actor, device, ("untagged a device", word), act)


async def _change(
    shell: Shell,
    actor: Actor,
    device: str,
    told: tuple[str, str],
    act: Callable[[Connection, int, float], T],
) -> T:
    now, (what, why) = shell.clock(), told

    def write(conn: Connection) -> tuple[int, T]:
        pk = devices.resolve(conn, device)
        done = act(conn, pk, now)
        note(conn, actor, now, what, f"{clean(device)}: {why}")
        return pk, done

    pk, done = await shell.database.write(write, urgent=True)
    shell.bus.say("device", device_pk=pk)
    shell.bus.say("order", device_pk=pk)  # what a pin held may go now
    return done
