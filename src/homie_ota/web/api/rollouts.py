"""The routes of the API about rollouts: preview, make, look at, and steer them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import WrongUse
from homie_ota.rollout.course import Move
from homie_ota.rollout.plan import MemberState, RolloutState
from homie_ota.store import holds, memberships, naming, progress, rollouts, totals, waiting
from homie_ota.store.database import Connection
from homie_ota.store.rollouts import Rollout
from homie_ota.web import actions, rollout_actions, rollout_views
from homie_ota.web.api import preview_shapes as previewing
from homie_ota.web.api import rollout_shapes as shapes
from homie_ota.web.api.asking import FAILS, Cursor, Limit, cursor_number
from homie_ota.web.api.plan_shapes import plan_shape
from homie_ota.web.render import link
from homie_ota.web.shell import shell_of

router = APIRouter()


@router.post("/rollouts", status_code=201, summary="Make a rollout", responses=FAILS)
async def create(request: Request, body: shapes.RolloutOrder, response: Response) -> shapes.RolloutDetail:
    """Of one firmware to the devices that a query finds; `start` starts it at once."""
    shell = shell_of(request)
    made = await rollout_actions.create(shell, actions.actor_of(request), shapes.wanted(body))
    number = made.rollout.id
    response.headers["Location"] = link(request, f"/api/v1/rollouts/{number}")
    now = shell.clock()
    return await shell.database.read(lambda conn: _detail(conn, number, now))


@router.post("/rollouts/preview", summary="What a rollout would do", responses=FAILS)
async def preview(request: Request, body: shapes.PreviewOrder) -> previewing.PreviewShape:
    """Who is in which wave, who is left out and why, for how many there is a way back, how long it will take."""
    shell = shell_of(request)
    seen = await rollout_actions.preview(shell, shapes.wanted(body))
    told = previewing.preview(seen)
    if body.simulate:
        told.simulation = previewing.simulation(await rollout_actions.simulate(shell, seen))
    return told


@router.get("/rollouts", summary="Rollouts, the newest first")
async def list_rollouts(
    request: Request, state: str = "", limit: Limit = 100, cursor: Cursor = ""
) -> shapes.RolloutPage:
    """All, or those in one state."""
    if state and state not in set(RolloutState):
        raise WrongUse(f"There is no state {state[:40]!r}; it is one of {', '.join(RolloutState)}.")
    before = cursor_number(cursor)

    def read(conn: Connection) -> shapes.RolloutPage:
        found = rollouts.find(conn, states=[state] if state else (), limit=limit + 1, before=before)
        following = str(found[limit - 1].id) if len(found) > limit else None
        total = totals.rollouts(conn, state=state)
        return shapes.RolloutPage(items=_rows(conn, found[:limit]), total=total, next=following)

    return await shell_of(request).database.read(read)


@router.get("/rollouts/{id}", summary="One rollout with its waves and members", responses=FAILS)
async def get_rollout(
    request: Request,
    id: str,  # noqa: A002 - the name in the address
    wave: Annotated[int, Field(ge=-1, le=1_000_000)] | None = None,
    outcome: str = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> shapes.RolloutDetail:
    """Members page by page: all, of one wave (−1: who is left out), or with one outcome."""
    if outcome and outcome not in set(MemberState):
        raise WrongUse(f"There is no outcome {outcome[:40]!r}; it is one of {', '.join(MemberState)}.")
    shell, number, after = shell_of(request), rollout_views.number_of(id), cursor_number(cursor) or 0
    now = shell.clock()
    return await shell.database.read(
        lambda conn: _detail(conn, number, now, wave=wave, outcome=outcome, limit=limit, after=after)
    )


@router.post("/rollouts/{id}/start", summary="Start a rollout", responses=FAILS)
async def start(request: Request, id: str, body: shapes.Steering | None = None) -> shapes.Steered:  # noqa: A002
    """Its first wave begins."""
    return await _steer(request, id, Move.START, body)


@router.post("/rollouts/{id}/pause", summary="Pause a rollout", responses=FAILS)
async def pause(request: Request, id: str, body: shapes.Steering | None = None) -> shapes.Steered:  # noqa: A002
    """Nothing new is sent; what was sent goes on, for a device cannot be told to stop."""
    return await _steer(request, id, Move.PAUSE, body)


@router.post("/rollouts/{id}/resume", summary="Let a rollout go on", responses=FAILS)
async def resume(request: Request, id: str, body: shapes.Steering | None = None) -> shapes.Steered:  # noqa: A002
    """After a failed wave this accepts its harm so far, which takes a reason; who failed without harm tries again."""
    return await _steer(request, id, Move.RESUME, body)


@router.post("/rollouts/{id}/drain", summary="End a rollout when what was sent has ended", responses=FAILS)
async def drain(request: Request, id: str, body: shapes.Steering | None = None) -> shapes.Steered:  # noqa: A002
    """What was not sent is taken back; the rollout is finished when the rest has ended."""
    return await _steer(request, id, Move.DRAIN, body)


@router.post("/rollouts/{id}/abort", summary="Abort a rollout", responses=FAILS)
async def abort(request: Request, id: str, body: shapes.Steering | None = None) -> shapes.Steered:  # noqa: A002
    """What was not sent is taken back."""
    return await _steer(request, id, Move.ABORT, body)


@router.post("/rollouts/{id}/revert", summary="Take a rollout back", responses=FAILS)
async def revert(request: Request, id: str, body: shapes.Steering | None = None) -> shapes.Steered:  # noqa: A002
    """Every device that was updated gets the image that it ran before, if the store holds it; once."""
    return await _steer(request, id, Move.REVERT, body)


async def _steer(request: Request, text: str, how: Move, body: shapes.Steering | None) -> shapes.Steered:
    shell, reason = shell_of(request), body.reason if body else ""
    number = rollout_views.number_of(text)
    done = await rollout_actions.steer(shell, actions.actor_of(request), number, how, reason)

    def read(conn: Connection) -> shapes.Steered:
        return shapes.Steered(detail=done.sentence, rollout=_rows(conn, [rollouts.require(conn, number)])[0])

    return await shell.database.read(read)


def _rows(conn: Connection, found: Sequence[Rollout]) -> list[shapes.RolloutShape]:
    names = naming.images(conn, [each.sha256 for each in found])
    counts = memberships.totals(conn, [each.id for each in found])
    return [
        shapes.RolloutShape(**shapes.rollout(each, names[each.sha256], counts.get(each.id, {})))
        for each in found
    ]


def _detail(
    conn: Connection,
    number: int,
    now: float,
    *,
    wave: int | None = None,
    outcome: str = "",
    limit: int = 100,
    after: int = 0,
) -> shapes.RolloutDetail:
    found = rollouts.require(conn, number)
    seen = progress.view(conn, found)
    members, following = memberships.page(conn, number, wave=wave, outcome=outcome, limit=limit, after=after)
    members = holds.told(conn, members, waiting.local_time(now), now)
    names, counts = naming.images(conn, [found.sha256]), memberships.totals(conn, [number])
    return shapes.RolloutDetail(
        **shapes.rollout(found, names[found.sha256], counts.get(number, {})),
        plan=plan_shape(found.plan),
        waves=[shapes.wave(each, seen, now) for each in rollouts.waves(conn, number)],
        members=shapes.MemberPage(
            items=[shapes.member(each) for each in members],
            total=totals.members(conn, number, wave=wave, outcome=outcome),
            next=None if following is None else str(following),
        ),
        events=[shapes.RolloutEvent(**each) for each in rollout_views.told(conn, number)],
    )
