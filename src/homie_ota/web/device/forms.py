"""`POST /device/<id>` and `POST /removed`: the forms of a device's page.

Rule: a form names its `action`; a browser is sent back to where the form was, a program gets one sentence.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from homie_ota.errors import WrongUse
from homie_ota.esp.image import clean
from homie_ota.web import actions, mark_actions, queue_actions
from homie_ota.web.actions import Actor
from homie_ota.web.classic import form
from homie_ota.web.device import acts
from homie_ota.web.people import is_browser
from homie_ota.web.render import link
from homie_ota.web.shell import Shell, shell_of
from homie_ota.web.texts import _


class Done(NamedTuple):
    """What was done, as a sentence, and where a browser goes: below the device's page, or to a page of its own."""

    sentence: str
    place: str = ""
    path: str = ""


Act = Callable[[Shell, Actor, str, Mapping[str, str]], Awaitable[Done]]


async def _delete(shell: Shell, actor: Actor, device: str, fields: Mapping[str, str]) -> Done:
    await shell.database.read(lambda conn: acts.check_typed(conn, device, fields.get("typed", "")))
    return Done(await actions.delete_device(shell, actor, device), path="/removed")


async def _set(shell: Shell, actor: Actor, device: str, fields: Mapping[str, str]) -> Done:
    node, prop = fields.get("node", ""), fields.get("prop", "")
    made = await acts.set_property(shell, actor, device, node, prop, fields.get("value", ""))
    told = {"value": clean(made.value, 80), "node": node, "prop": prop}
    sentence = _("%(value)s was sent to %(node)s/%(prop)s. The device answers with its new value.", **told)
    return Done(sentence, "values")


async def _pin(shell: Shell, actor: Actor, device: str, fields: Mapping[str, str]) -> Done:
    hours = fields.get("hours", "")
    if not hours.isdecimal() or not 0 < int(hours) <= 24 * 366:
        raise WrongUse("Say for how many hours it is to be held back: a number from 1 to 8784.")
    until = shell.clock() + 3600.0 * int(hours)
    await mark_actions.pin(shell, actor, device, until, fields.get("reason", ""))
    return Done(_("It is pinned."), "marks")


async def _unpin(shell: Shell, actor: Actor, device: str, _fields: Mapping[str, str]) -> Done:
    await mark_actions.unpin(shell, actor, device)
    return Done(_("It is pinned no more."), "marks")


async def _tag(shell: Shell, actor: Actor, device: str, fields: Mapping[str, str]) -> Done:
    await mark_actions.put_tag(shell, actor, device, fields.get("tag", "").strip())
    return Done(_("It has the tag."), "marks")


async def _untag(shell: Shell, actor: Actor, device: str, fields: Mapping[str, str]) -> Done:
    await mark_actions.take_tag(shell, actor, device, fields.get("tag", ""))
    return Done(_("The tag is gone."), "marks")


async def _release(shell: Shell, actor: Actor, device: str, _fields: Mapping[str, str]) -> Done:
    count = await queue_actions.release(shell, actor, device)
    return Done(_("It may have %(count)s images again.", count=count), "marks")


async def _clear(shell: Shell, actor: Actor, _device: str, fields: Mapping[str, str]) -> Done:
    await queue_actions.clear(shell, actor, fields.get("topic", ""))
    return Done(_("It will be cleared within some seconds."), "marks")


ACTS: dict[str, Act] = {
    "delete": _delete,
    "set": _set,
    "pin": _pin,
    "unpin": _unpin,
    "tag": _tag,
    "untag": _untag,
    "release": _release,
    "clear": _clear,
}


async def change(request: Request) -> Response:
    """`POST /device/<id>`: what the form's `action` says."""
    fields = await form(request)
    act = ACTS.get(fields.get("action", ""))
    if act is None:
        raise WrongUse("The form does not say what to do.")
    device = str(request.path_params["id"])
    done = await act(shell_of(request), actions.actor_of(request), device, fields)
    if not is_browser(request):
        return PlainTextResponse(done.sentence + "\n")
    if done.path:
        return RedirectResponse(link(request, done.path), 303)
    return RedirectResponse(link(request, "/device", device) + f"#{done.place}", 303)


async def change_removed(request: Request) -> Response:
    """`POST /removed` (`device_pk`): put a device back."""
    fields = await form(request)
    number = fields.get("device_pk", "")
    if not number.isdecimal() or len(number) > 15:
        raise WrongUse("The form does not say which device.")
    key = await acts.put_back(shell_of(request), actions.actor_of(request), int(number))
    if not is_browser(request):
        return PlainTextResponse(f"{key} is back.\n")
    return RedirectResponse(link(request, "/device", key), 303)
