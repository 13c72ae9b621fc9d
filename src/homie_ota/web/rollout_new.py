"""Making a rollout: what is asked for, what it would do, and one button; the same for all devices of a firmware's name.

Rule: a preview writes nothing; what is started is judged once more, wave by wave. What has no meaning is said on the
form, which keeps what was typed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import HomieOtaError, NotFound
from homie_ota.rollout import wishes
from homie_ota.rollout.simulation import Played
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.store.previews import Line, Preview
from homie_ota.web import actions, rollout_actions, rollout_views, views
from homie_ota.web.classic import form
from homie_ota.web.render import page_later, see
from homie_ota.web.rollout_actions import Wanted
from homie_ota.web.rollout_words import plan_words
from homie_ota.web.shell import Shell, shell_of

LISTED = 50
"""Devices of one wave, or left out for one reason, that a preview names."""
REASONS = 50
"""Reasons that are told."""
STEPS = 40
"""Decisions of a simulation that are shown."""
FIELDS = ("query", "firmware", "name", *wishes.FIELDS, "standing", "follow", "simulate")


class LeftOut(NamedTuple):
    """Devices that are left out for the same reason: their ids, and the reason without them."""

    names: list[str]
    reason: str


async def ask_rollout(request: Request) -> Response:
    """`GET /rollouts/new?query=…&firmware=…`: the form, and what it would do where that can be said."""
    fields = {name: request.query_params.get(name, "") for name in FIELDS}
    return await _show(request, fields)


async def _show(request: Request, fields: Mapping[str, str]) -> Response:
    shell = shell_of(request)
    seen, played, failed = None, None, None
    if fields["firmware"]:  # a query alone is a form that somebody began
        try:
            seen = await rollout_actions.preview(shell, wanted(fields))
            played = await rollout_actions.simulate(shell, seen) if fields["simulate"] else None
        except HomieOtaError as error:
            failed = error
    images = await shell.database.read(lambda conn: firmwares.find(conn, sort="name"))
    values = {
        "fields": fields,
        "images": images,
        "twins": views.twins(images),
        "chosen": seen.firmware.sha256 if seen else fields["firmware"],
        "options": any(fields[name] for name in (*wishes.FIELDS, "name", "standing", "follow")),
        "sentence": str(failed) if failed else "",
        "p": seen,
        **(_told(seen) if seen else {}),
        "played": _played(seen, played) if seen and played else None,
    }
    return await page_later(request, "rollout_new.html", values, status=failed.status if failed else 200)


def _told(seen: Preview) -> dict[str, Any]:
    first = next((line.judged.row["device_id"] for wave in seen.waves for line in wave), "")
    return {
        "first": first,
        "left_out": _left_out(seen.left_out),
        "plan_words": plan_words(seen.plan),
        "listed": LISTED,
    }


def _left_out(lines: Sequence[Line]) -> list[LeftOut]:
    """Those who are left out, the most first; who is left out for the same but a number is told with the first."""
    found: dict[str, LeftOut] = {}
    for line in lines:
        name = line.judged.row["device_id"]
        reason = line.judged.reason.removeprefix(f"{name} ")
        found.setdefault(_NUMBER.sub("0", reason), LeftOut([], reason)).names.append(name)
    return sorted(found.values(), key=lambda each: -len(each.names))[:REASONS]


_NUMBER = re.compile(r"\d+")


def _played(seen: Preview, played: Played) -> dict[str, Any]:
    lane = played.waves[-1].number
    return {
        "state": played.state,
        "reason": played.reason,
        "ended_at": played.ended_at,
        "waves": played.waves,
        "lane": lane,
        "peak": played.figures.peak,
        "sent": played.figures.sent,
        "story": [(at, rollout_views.action_text(action, lane)) for at, action in played.story[:STEPS]],
        "members": seen.members,
    }


async def make_rollout(request: Request) -> Response:
    """`POST /rollouts` (`action=start` or `keep`): store it, and start it."""
    given = await form(request)
    fields = {name: given.get(name, "") for name in FIELDS}
    asked = wanted(fields, start=given.get("action") == "start")
    made = await rollout_actions.create(shell_of(request), actions.actor_of(request), asked)
    return see(request, "/rollouts", str(made.rollout.id))


def wanted(fields: Mapping[str, str], *, start: bool = False) -> Wanted:
    """What the form asks for; WrongUse."""
    return Wanted(
        fields["query"],
        fields["firmware"],
        wishes.read_plan(fields),
        name=fields["name"],
        standing=bool(fields["standing"] or fields["follow"].strip()),
        follow=fields["follow"],
        start=start,
    )


# --- All devices of one name ---------------------------------------------------------------------------------------


async def ask_update_all(request: Request) -> Response:
    """`GET /update-all?firmware=…`: what a rollout to all devices of its name would do."""
    image = await _image(shell_of(request), request.query_params.get("firmware", ""))
    fields = dict.fromkeys(FIELDS, "") | {"query": named(image.name), "firmware": image.sha256}
    return await _show(request, fields)


async def update_all(request: Request) -> Response:
    """`POST /update-all`: the one device is updated, several get a rollout."""
    fields, shell, actor = await form(request), shell_of(request), actions.actor_of(request)
    image = await _image(shell, fields.get("firmware", ""))
    asked = Wanted(named(image.name), image.sha256, start=True)
    seen = await rollout_actions.preview(shell, asked)
    if not seen.members and not seen.left_out:
        raise NotFound(f"No device runs {image.name}.")
    if seen.members == 1:
        made = await actions.order(shell, actor, seen.waves[0][0].judged.key, image.sha256)
        return see(request, "/deployment", str(made.id))
    created = await rollout_actions.create(shell, actor, asked)
    return see(request, "/rollouts", str(created.rollout.id))


async def _image(shell: Shell, text: str) -> Any:
    def read(conn: Connection) -> Any:
        return firmwares.resolve(conn, text)

    return await shell.database.read(read)


def named(name: str) -> str:
    """The query for all devices that run a firmware of this name."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'fw:"{escaped}"'
