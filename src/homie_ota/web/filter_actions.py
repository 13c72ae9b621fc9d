"""Filters with a name are kept and forgotten, with their row in the audit log: the same for the page and the API."""

from __future__ import annotations

from homie_ota.store import saved
from homie_ota.store.database import Connection
from homie_ota.store.saved import Filter
from homie_ota.web.actions import Actor, note
from homie_ota.web.shell import Shell


async def keep(shell: Shell, actor: Actor, wanted: Filter) -> Filter:
    """Keep a filter, or replace the one of this name; WrongUse, Conflict."""
    now = shell.clock()

    def write(conn: Connection) -> Filter:
        kept = saved.save(conn, wanted, by=actor.name, now=now)
        note(conn, actor, now, "saved a filter", f"{kept.name}: {kept.query}")
        return kept

    return await shell.database.write(write, urgent=True)


async def forget(shell: Shell, actor: Actor, name: str) -> None:
    """Forget the filter of this name; NotFound."""
    now = shell.clock()

    def write(conn: Connection) -> None:
        saved.remove(conn, name)
        note(conn, actor, now, "deleted a filter", name)

    await shell.database.write(write, urgent=True)
