"""`/act`: the strip about some devices at once, and what its buttons do.

Rule: each button is one function of the API and the command line, asked device by device; what could not be done with
one says so and does not keep the others from it. Several devices get an image as a rollout, canary first; one gets a
deployment.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import HomieOtaError, NotEligible, WrongUse
from homie_ota.web import actions, forms, mark_actions, queue_actions, rollout_actions
from homie_ota.web.actions import Actor, actor_of
from homie_ota.web.classic import fields_of
from homie_ota.web.inventory import strip
from homie_ota.web.inventory.strip import Chosen, Fields, first_of
from homie_ota.web.render import page, page_later, see
from homie_ota.web.rollout_actions import Wanted
from homie_ota.web.shell import Shell, shell_of
from homie_ota.web.texts import _

DAYS = {"1": 1, "7": 7, "28": 28, "365": 365}
"""How long a pin may last, in days."""


class Result(NamedTuple):
    """What became of one device: the id that people read, and why not (empty: it was done)."""

    key: str
    device: str
    error: str = ""


async def ask(request: Request) -> Response:
    """`GET /act?device=…&device=…&firmware=…`: the strip about these devices, as a page of its own."""
    shell, query = shell_of(request), request.query_params
    fields = {name: query.getlist(name) for name in query}
    values = await shell.database.read(lambda conn: strip.read(conn, fields, shell.clock()))
    return await page_later(request, "inventory_act.html", values)


async def act(request: Request) -> Response:
    """`POST /act` (`action`, `device` or `all` with `q`): do it, and tell what became of it."""
    fields, shell, actor = await fields_of(request), shell_of(request), actor_of(request)
    forms.check(request, first_of(fields, forms.FIELD))
    found = await shell.database.read(lambda conn: strip.chosen(conn, fields, shell.clock()))
    name = first_of(fields, "action")
    if name == "update":
        return await _update(request, found, first_of(fields, "firmware"))
    do = _ACTS.get(name)
    if do is None:
        raise WrongUse("The form does not say what to do.")
    if not found.devices:
        raise WrongUse(f"More than {strip.MOST} devices fit; this is done with at most {strip.MOST} at once.")
    check = _CHECKS.get(name)
    if check is not None:
        check(fields, found)
    results = [await _one(do, shell, actor, key, device, fields) for key, device in found.devices]
    told: dict[str, Any] = {
        "chosen": found,
        "done": results,
        "what": _done()[name],
        "kept": [],
        "undo": name == "delete",
    }
    return page(request, "inventory_act.html", **told)


async def _update(request: Request, found: Chosen, firmware: str) -> Response:
    """A rollout to them all; to the only one that changes a deployment."""
    shell, actor = shell_of(request), actor_of(request)
    wanted = Wanted(found.query, firmware, start=True)
    seen = await rollout_actions.preview(shell, wanted)
    if not seen.members:
        reasons = dict.fromkeys(line.place.reason for line in seen.left_out)
        raise NotEligible(f"None of them can get this image. {' '.join(list(reasons)[:3])}")
    if seen.members == 1:
        made = await actions.order(shell, actor, seen.waves[0][0].judged.key, seen.firmware.sha256)
        return see(request, "/deployment", str(made.id))
    created = await rollout_actions.create(shell, actor, wanted)
    return see(request, "/rollouts", str(created.rollout.id))


# --- Device by device -----------------------------------------------------------------------------------------------

Act = Callable[[Shell, Actor, str, Fields], Awaitable[object]]


async def _one(do: Act, shell: Shell, actor: Actor, key: str, device: str, fields: Fields) -> Result:
    try:
        await do(shell, actor, key, fields)
    except HomieOtaError as error:
        return Result(key, device, str(error))
    return Result(key, device)


async def _tag(shell: Shell, actor: Actor, key: str, fields: Fields) -> None:
    await mark_actions.put_tag(shell, actor, key, first_of(fields, "tag").strip())


async def _untag(shell: Shell, actor: Actor, key: str, fields: Fields) -> None:
    await mark_actions.take_tag(shell, actor, key, first_of(fields, "tag").strip())


async def _pin(shell: Shell, actor: Actor, key: str, fields: Fields) -> None:
    until = shell.clock() + 86400.0 * DAYS[first_of(fields, "days")]
    await mark_actions.pin(shell, actor, key, until, first_of(fields, "reason"))


async def _unpin(shell: Shell, actor: Actor, key: str, _fields: Fields) -> None:
    await mark_actions.unpin(shell, actor, key)


async def _release(shell: Shell, actor: Actor, key: str, _fields: Fields) -> None:
    await queue_actions.release(shell, actor, key)


async def _delete(shell: Shell, actor: Actor, key: str, _fields: Fields) -> None:
    await actions.delete_device(shell, actor, key)


async def _looked(shell: Shell, actor: Actor, key: str, _fields: Fields) -> None:
    await queue_actions.look_at_failure(shell, actor, key)


_ACTS: Mapping[str, Act] = {
    "tag": _tag,
    "untag": _untag,
    "pin": _pin,
    "unpin": _unpin,
    "looked": _looked,
    "release": _release,
    "delete": _delete,
}


def _done() -> dict[str, str]:
    """What was done, as its result begins."""
    return {
        "tag": _("Tagged"),
        "untag": _("Tag taken away"),
        "pin": _("Pinned"),
        "unpin": _("Unpinned"),
        "looked": _("Noted that you looked"),
        "release": _("Released"),
        "delete": _("Deleted"),
    }


def _check_days(fields: Fields, _found: Chosen) -> None:
    if first_of(fields, "days") not in DAYS:
        raise WrongUse("How long? A pin has an end: 1, 7, 28 or 365 days.")


def _check_count(fields: Fields, found: Chosen) -> None:
    """Deleting cannot be done by a slip: how many they are has to be typed."""
    if first_of(fields, "count").strip() != str(len(found.devices)):
        raise WrongUse(
            f"To delete {len(found.devices)} devices, type {len(found.devices)} into the field beside the button."
        )


_CHECKS: Mapping[str, Callable[[Fields, Chosen], None]] = {"pin": _check_days, "delete": _check_count}
