"""The pages of rollouts: the list, the preview before one starts, and one with its waves, members and buttons.

Rule: as in `pages`: a page reads in one transaction; forms answer with the way to a page.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import NotFound, WrongUse
from homie_ota.rollout import course, spelling
from homie_ota.rollout.course import Move
from homie_ota.rollout.plan import OnHarm, Plan, RolloutState
from homie_ota.store import firmware as firmwares
from homie_ota.store import holds, memberships, naming, progress, rollouts, waiting
from homie_ota.store.database import Connection
from homie_ota.web import actions, rollout_actions, rollout_views
from homie_ota.web.classic import form
from homie_ota.web.render import page, see
from homie_ota.web.rollout_actions import Wanted
from homie_ota.web.shell import shell_of

A_PAGE = 100
LISTED = 500
"""Devices that a preview names one by one."""


async def rollout_list(request: Request) -> Response:
    """`GET /rollouts`: all rollouts, and the form for a new one."""
    shell, asked = shell_of(request), request.query_params
    state, before = asked.get("state", ""), asked.get("before", "")
    if state and state not in set(RolloutState):
        raise WrongUse(f"There is no state {state[:40]!r}; it is one of {', '.join(RolloutState)}.")

    def read(conn: Connection) -> dict[str, Any]:
        items = rollouts.find(
            conn,
            states=[state] if state else (),
            limit=A_PAGE,
            before=int(before) if before.isdecimal() else None,
        )
        return {
            "items": items,
            "names": naming.images(conn, [each.sha256 for each in items]),
            "counts": memberships.totals(conn, [each.id for each in items]),
            "images": firmwares.find(conn, sort="name"),
            "next": items[-1].id if len(items) == A_PAGE else None,
        }

    told = await shell.database.read(read)
    asked_for = {name: asked.get(name, "") for name in ("query", "firmware")}
    return page(request, "rollouts.html", state=state, states=list(RolloutState), asked=asked_for, **told)


async def ask_rollout(request: Request) -> Response:
    """`GET /rollouts/new?query=…&firmware=…`: what it would do, before it does."""
    return await show_preview(request, _wanted(dict(request.query_params)))


async def show_preview(request: Request, wanted: Wanted) -> Response:
    """The page of a preview, with the button that starts it."""
    seen = await rollout_actions.preview(shell_of(request), wanted)
    fields = dict(request.query_params) | {"query": wanted.query, "firmware": seen.firmware.sha256}
    kept = {name: fields.get(name, "") for name in ("query", "firmware", "waves", "on_harm")}
    return page(request, "rollout_new.html", p=seen, fields=kept, most=LISTED)


async def make_rollout(request: Request) -> Response:
    """`POST /rollouts` (`action=start` or `keep`): store it, and start it."""
    fields = await form(request)
    wanted = _wanted(fields, start=fields.get("action") == "start")
    made = await rollout_actions.create(shell_of(request), actions.actor_of(request), wanted)
    return see(request, "/rollouts", str(made.rollout.id))


def _wanted(fields: dict[str, str], *, start: bool = False) -> Wanted:
    rules = spelling.read_waves(fields["waves"]) if fields.get("waves", "").strip() else ()
    if rules is None:
        raise WrongUse(f"{fields['waves'][:80]!r} are no waves; expected something like 1,10%,rest.")
    on_harm = fields.get("on_harm") or OnHarm.PAUSE
    if on_harm not in set(OnHarm):
        raise WrongUse(f"{on_harm[:40]!r}: after harm a rollout can {', '.join(OnHarm)}.")
    plan = Plan(rules, on_harm=OnHarm(on_harm))
    return Wanted(fields.get("query", ""), fields.get("firmware", ""), plan, start=start)


async def rollout(request: Request) -> Response:
    """`GET /rollouts/<id>`: waves with what their gates say, members page by page, and what happened."""
    shell, asked = shell_of(request), request.query_params
    number, now = rollout_views.number_of(request.path_params["id"]), shell.clock()
    outcome, after = asked.get("outcome", ""), asked.get("after", "")

    def read(conn: Connection) -> dict[str, Any]:
        found = rollouts.require(conn, number)
        members, following = memberships.page(
            conn, number, outcome=outcome[:20], limit=A_PAGE, after=int(after) if after.isdecimal() else 0
        )
        return {
            "r": found,
            "name": naming.images(conn, [found.sha256])[found.sha256],
            "can": course.possible(found.state),
            "waves": _waves(conn, number, now),
            "members": holds.told(conn, members, waiting.local_time(now), now),
            "counts": memberships.totals(conn, [number]).get(number, {}),
            "events": rollout_views.told(conn, number, A_PAGE),
            "next": following,
        }

    told = await shell.database.read(read)
    return page(request, "rollout.html", outcome=outcome, plan_words=_plan(told["r"].plan), **told)


def _waves(conn: Connection, number: int, now: float) -> list[dict[str, Any]]:
    found = rollouts.require(conn, number)
    seen = progress.view(conn, found)
    views = [*seen.waves, *([seen.lane] if seen.lane is not None else [])]
    return [
        {
            "row": row,
            "lane": view is seen.lane,
            "counts": {word: n for word, n in view.tally._asdict().items() if n and word != "members"},
            "size": view.tally.members,
            "gate": None if view is seen.lane else progress.gate(row, seen, view, now),
        }
        for row, view in zip(rollouts.waves(conn, number), views, strict=True)
    ]


def _plan(plan: Plan) -> list[tuple[str, str]]:
    """Label and value of what a plan says."""
    limits = plan.limits
    told = [
        ("waves", spelling.waves_text(plan.waves)),
        ("at a time", str(limits.parallel) if limits.parallel else "no limit"),
        ("bytes in flight", str(limits.bytes_in_flight or "")),
        ("starts a minute", f"{limits.starts_per_minute:g}" if limits.starts_per_minute else ""),
        ("windows", "; ".join(spelling.window_text(each) for each in plan.windows)),
        ("only while", "; ".join(plan.guards)),
        ("last", plan.last),
        ("on harm", plan.on_harm.value),
        ("attempts", str(plan.attempts)),
    ]
    return [(label, value) for label, value in told if value]


async def change_rollout(request: Request) -> Response:
    """`POST /rollouts/<id>` (`action=start`, `pause`, `resume`, `abort` or `revert`)."""
    fields, number = await form(request), rollout_views.number_of(request.path_params["id"])
    how = fields.get("action", "")
    if how not in course.BY_PEOPLE:
        raise WrongUse("The form does not say what to do.")
    await rollout_actions.steer(
        shell_of(request), actions.actor_of(request), number, Move(how), fields.get("reason", "")
    )
    return see(request, "/rollouts", str(number))


# --- All devices of one name ---------------------------------------------------------------------------------------


async def ask_update_all(request: Request) -> Response:
    """`GET /update-all?firmware=…`: what a rollout to all devices of its name would do."""
    text = request.query_params.get("firmware", "")
    image = await shell_of(request).database.read(lambda conn: firmwares.resolve(conn, text))
    return await show_preview(request, Wanted(named(image.name), image.sha256))


async def update_all(request: Request) -> Response:
    """`POST /update-all`: the one device is updated, several get a rollout."""
    fields, shell, actor = await form(request), shell_of(request), actions.actor_of(request)
    image = await shell.database.read(lambda conn: firmwares.resolve(conn, fields.get("firmware", "")))
    wanted = Wanted(named(image.name), image.sha256, start=True)
    seen = await rollout_actions.preview(shell, wanted)
    if not seen.members and not seen.left_out:
        raise NotFound(f"No device runs {image.name}.")
    if seen.members == 1:
        made = await actions.order(shell, actor, seen.waves[0][0].judged.key, image.sha256)
        return see(request, "/deployment", str(made.id))
    created = await rollout_actions.create(shell, actor, wanted)
    return see(request, "/rollouts", str(created.rollout.id))


def named(name: str) -> str:
    """The query for all devices that run a firmware of this name."""
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'fw:"{escaped}"'
