"""The page of an administrator: who may come in, as what; and everybody's tokens.

Rule: a password that was made here is shown once, in the answer to the form that asked for it, and never again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import WrongUse
from homie_ota.store import accounts, people
from homie_ota.store.accounts import ROLES
from homie_ota.store.database import Connection
from homie_ota.web import people_actions
from homie_ota.web.actions import Actor, actor_of
from homie_ota.web.classic import form
from homie_ota.web.gate import person_of
from homie_ota.web.render import page, see
from homie_ota.web.shell import Shell, shell_of


async def show(request: Request, made: tuple[str, str] | None = None) -> Response:
    """`GET /people`; `made` is a name and its new password."""
    now = shell_of(request).clock()

    def read(conn: Connection) -> dict[str, Any]:
        return {"people": people.listing(conn, now), "tokens": accounts.tokens(conn, None)}

    found = await shell_of(request).database.read(read)
    return page(request, "people.html", roles=list(ROLES), made=made, **found)


async def change(request: Request) -> Response:
    """`POST /people`: `action` and `name`, with a `role` where it takes one."""
    fields = await form(request)
    shell, actor, action = shell_of(request), actor_of(request), fields.get("action", "")
    if action == "revoke":
        await people_actions.revoke_token(shell, actor, person_of(request), fields.get("digest", ""))
        return see(request, "/people")
    name = fields.get("name", "").strip()
    if action in _SHOWS_A_PASSWORD:
        password = await _SHOWS_A_PASSWORD[action](shell, actor, name, fields.get("role", ""))
        return await show(request, (name, password))
    if action not in _CHANGES:
        raise WrongUse("The form does not say what to do.")
    await _CHANGES[action](shell, actor, name, fields.get("role", ""))
    return see(request, "/people")


async def _reset(shell: Shell, actor: Actor, name: str, _role: str) -> str:
    return await people_actions.reset(shell, actor, name)


async def _disable(shell: Shell, actor: Actor, name: str, _role: str) -> None:
    await people_actions.disable(shell, actor, name)


async def _enable(shell: Shell, actor: Actor, name: str, _role: str) -> None:
    await people_actions.enable(shell, actor, name)


async def _remove(shell: Shell, actor: Actor, name: str, _role: str) -> None:
    await people_actions.remove(shell, actor, name)


async def _log_out(shell: Shell, actor: Actor, name: str, _role: str) -> None:
    await people_actions.end_sessions(shell, actor, name)


_SHOWS_A_PASSWORD: dict[str, Callable[[Shell, Actor, str, str], Awaitable[str]]] = {
    "add": people_actions.add,
    "reset": _reset,
}
_CHANGES: dict[str, Callable[[Shell, Actor, str, str], Awaitable[None]]] = {
    "role": people_actions.set_role,
    "disable": _disable,
    "enable": _enable,
    "remove": _remove,
    "logout": _log_out,
}
