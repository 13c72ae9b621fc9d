"""The page of one rollout: punch card, gates, STOP, what can be done, harm beside its siblings, members, what happened.

Rule: read in one transaction with a handful of statements, whatever the fleet's size; what each thing means is said by
the core (`card`, `equation`, `stopping`, `choices`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.bus import Notice
from homie_ota.errors import WrongUse
from homie_ota.rollout import card, choices, course, stopping, story
from homie_ota.rollout.actions import View, WaveView
from homie_ota.rollout.course import Move
from homie_ota.rollout.gates import GateReading
from homie_ota.rollout.plan import MemberState
from homie_ota.store import cards, choosing, holds, memberships, naming, progress, rollouts, waiting
from homie_ota.store.cards import Line
from homie_ota.store.database import Connection
from homie_ota.store.memberships import SKIPPED_WAVE
from homie_ota.store.rollouts import Rollout, Wave
from homie_ota.web import actions, rollout_actions, rollout_harm, rollout_views
from homie_ota.web.classic import form
from homie_ota.web.live import Asked, LivePage, live_page
from homie_ota.web.render import Render, see
from homie_ota.web.rollout_words import plan_words
from homie_ota.web.shell import shell_of

A_PAGE = card.A_ROW
TOLD = 5
"""Members of a page that are asked when they will wake."""
HAPPENED = 50
CONCERNS = frozenset({"rollout", "deployment", "order", "firmware"})
BLOCKS = ("status", "stop", "choices", "harm", "legend", "members", "happened")


class Part(NamedTuple):
    """One line of the card: the wave's row (None: who was left out), its gate (None: it has none), and who is in it."""

    number: int
    row: Wave | None
    is_lane: bool
    size: int
    gate: GateReading | None
    line: Line


def read(conn: Connection, asked: Asked) -> dict[str, Any]:
    """Everything that the page shows; NotFound."""
    of = rollouts.require(conn, rollout_views.number_of(asked.key))
    tallies = memberships.tallies(conn, of.id)
    numbers = choosing.numbers(conn, of, tallies)
    offered = {each.move: each for each in choices.choices(of.state, numbers)}
    waves = _parts(conn, of, tallies, asked.now)
    return {
        "r": of,
        "name": naming.images(conn, [of.sha256])[of.sha256],
        "ended": of.state in course.ENDED,
        "headline": _headline(of, tallies, asked.now) if of.state in course.ENDED else "",
        "waves": waves,
        "legend": _legend(waves),
        "punches": card.PUNCHES,
        "stop": stopping.stop(of.state, numbers.reach),
        "going": stopping.cannot(numbers.reach),
        "harmful": numbers.harmful,
        "offered": offered,
        "harmed": rollout_harm.harmed(conn, of) if choosing.count(tallies, MemberState.HARMFUL) else [],
        "plan_words": plan_words(of.plan),
        "events": rollout_views.told(conn, of.id, HAPPENED),
        **_members(conn, of, asked),
    }


def _headline(of: Rollout, tallies: choosing.Tallies, now: float) -> str:
    counts = {state: choosing.count(tallies, state) for state in MemberState}
    return story.headline(counts, of.started_at, of.ended_at, now)


def _parts(conn: Connection, of: Rollout, tallies: choosing.Tallies, now: float) -> list[Part]:
    seen = progress.gates(conn, of)
    views = {each.number: each for each in (*seen.waves, *([seen.lane] if seen.lane else []))}
    sizes = {number: sum(each.values()) for number, each in tallies.items()}
    lines = cards.read(conn, of, sizes, now)
    parts = [_part(of, row, seen, views[row.number], lines, now) for row in rollouts.waves(conn, of.id)]
    if SKIPPED_WAVE in lines:
        parts.append(Part(SKIPPED_WAVE, None, False, sizes[SKIPPED_WAVE], None, lines[SKIPPED_WAVE]))
    return [each for each in parts if each.size or not each.is_lane or of.standing]


def _part(of: Rollout, row: Wave, seen: View, found: WaveView, lines: dict[int, Line], now: float) -> Part:
    is_lane = row.number == of.lane
    gate = None if is_lane else progress.gate(row, seen, found, now)
    return Part(row.number, row, is_lane, found.tally.members, gate, lines.get(row.number, Line(())))


def _legend(waves: list[Part]) -> list[tuple[card.Punch, int]]:
    """What occurs in this rollout, and how often, in the order of the legend."""
    counts = dict.fromkeys(card.PUNCHES, 0)
    for part in waves:
        for punch, count in part.line.counts:
            counts[punch] += count
    return [(punch, count) for punch, count in counts.items() if count]


def _members(conn: Connection, of: Rollout, asked: Asked) -> dict[str, Any]:
    wave, what, after = (asked.query.get(name, "") for name in ("wave", "what", "after"))
    number = int(wave) if wave.lstrip("-").isdecimal() and len(wave) < 6 else None
    found, following = memberships.page(
        conn,
        of.id,
        wave=number,
        outcome=",".join(_OUTCOMES.get(what, ())),
        limit=A_PAGE if asked.query else A_PAGE // 2,
        after=int(after) if after.isdecimal() and len(after) < 9 else 0,
    )
    told = holds.told(conn, found, waiting.local_time(asked.now), asked.now, most=TOLD)
    return {
        "members": told,
        "next": following,
        "wave": number,
        "what": what if what in _OUTCOMES else "",
        "lane": of.lane,
    }


_OUTCOMES: dict[str, list[str]] = {}
for _state, _punch in card.BY_OUTCOME.items():
    _OUTCOMES.setdefault(_punch.word, []).append(_state.value)
for _punch in (*card.UNDER_WAY.values(), card.HELD):
    _OUTCOMES.setdefault(_punch.word, _OUTCOMES["waiting" if _punch is card.HELD else "sending"])


def draw(render: Render, values: dict[str, Any]) -> dict[str, str]:
    """The parts: blocks of the template, and each wave by itself."""
    wave = render.macro("rollout_parts.html", "wave")
    pieces = render.draw(
        lambda: {f"wave-{_id(each.number)}": wave(each, values["r"]) for each in values["waves"]}
    )
    return {**render.blocks("rollout.html", BLOCKS, values), **pieces}


def _id(number: int) -> str:
    return "out" if number == SKIPPED_WAVE else str(number)


def _concerns(notice: Notice, values: dict[str, Any]) -> bool:
    if notice.kind == "rollout":
        return notice.about.get("id") in (None, values["r"].id)
    return notice.kind in CONCERNS


PAGE = LivePage("rollout", "rollout.html", read, draw, _concerns)


async def rollout(request: Request) -> Response:
    """`GET /rollouts/<id>?wave=&what=&after=`."""
    return await live_page(request, PAGE, str(request.path_params["id"]))


async def change_rollout(request: Request) -> Response:
    """`POST /rollouts/<id>` (`action` is a move of a person, `reason` where one is asked for)."""
    fields, number = await form(request), rollout_views.number_of(request.path_params["id"])
    how = fields.get("action", "")
    if how not in course.BY_PEOPLE:
        raise WrongUse("The form does not say what to do.")
    await rollout_actions.steer(
        shell_of(request), actions.actor_of(request), number, Move(how), fields.get("reason", "")
    )
    return see(request, "/rollouts", str(number))
