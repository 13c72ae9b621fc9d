"""Filters with a name: `POST /filters` keeps one, or forgets it."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import WrongUse
from homie_ota.store.saved import Filter
from homie_ota.web import filter_actions
from homie_ota.web.actions import actor_of
from homie_ota.web.classic import form
from homie_ota.web.inventory import columns
from homie_ota.web.render import see
from homie_ota.web.shell import shell_of


async def change(request: Request) -> Response:
    """`POST /filters` (`action=keep` or `forget`, `name`): then the list that the filter shows, or all."""
    fields = await form(request)
    how = {"keep": keep, "forget": forget}.get(fields.get("action", ""))
    if how is None:
        raise WrongUse("The form does not say what to do.")
    return await how(request, fields)


async def keep(request: Request, fields: dict[str, str]) -> Response:
    """Give the view of the fields a name."""
    view = columns.view_of(fields)
    wanted = Filter(fields.get("name", ""), view.q, view.address["sort"], view.address["cols"])
    kept = await filter_actions.keep(shell_of(request), actor_of(request), wanted)
    return see(request, "/", q=kept.query, sort=kept.sort, cols=kept.columns)


async def forget(request: Request, fields: dict[str, str]) -> Response:
    """Forget the filter of this name."""
    await filter_actions.forget(shell_of(request), actor_of(request), fields.get("name", ""))
    return see(request, "/")
