"""The story of a rollout, to be printed: who was brought where and when, who not and why, harm, ways back, how fast.

Rule: the sentences are the core's (`rollout/story.py`); a page of paper needs no buttons.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.rollout import story
from homie_ota.rollout.plan import MemberState
from homie_ota.store import naming, rollouts, stories
from homie_ota.store.database import Connection
from homie_ota.store.rollouts import Rollout, Wave
from homie_ota.store.stories import Chapter
from homie_ota.web import rollout_harm, rollout_views
from homie_ota.web.render import page_later
from homie_ota.web.rollout_words import plan_words
from homie_ota.web.shell import shell_of

HAPPENED = 300


class Told(NamedTuple):
    """One wave of the story: its rows, its sentence, how long it took, and what was brought from where."""

    chapter: Chapter
    row: Wave | None
    is_lane: bool
    sentence: str
    took: str
    good: int


async def show(request: Request) -> Response:
    """`GET /rollouts/<id>/story`."""
    shell, number = shell_of(request), rollout_views.number_of(request.path_params["id"])
    now = shell.clock()
    told = await shell.database.read(lambda conn: read(conn, number, now))
    return await page_later(request, "rollout_story.html", told)


def read(conn: Connection, number: int, now: float) -> dict[str, Any]:
    """Everything that the story tells; NotFound."""
    of = rollouts.require(conn, number)
    rows = {each.number: each for each in rollouts.waves(conn, number)}
    chapters = stories.chapters(conn, of)
    counts = _sum(chapters)
    not_brought = story.total(counts, *story.NOT_BROUGHT)
    return {
        "r": of,
        "name": naming.images(conn, [of.sha256])[of.sha256],
        "headline": story.headline(counts, of.started_at, of.ended_at, now),
        "throughput": story.throughput(stories.sent(conn, of)),
        "chapters": [_told(of, each, rows.get(each.number)) for each in chapters],
        "not_brought": stories.exceptions(conn, of) if not_brought else [],
        "more": max(0, not_brought - stories.EXCEPTIONS),
        "harmed": rollout_harm.harmed(conn, of) if counts.get(MemberState.HARMFUL) else [],
        "reverts": {state: counts[state] for state in _REVERTS if counts.get(state)},
        "plan_words": plan_words(of.plan),
        "events": list(reversed(rollout_views.told(conn, number, HAPPENED))),
    }


_REVERTS = (MemberState.REVERTED, MemberState.REVERTING, MemberState.STRANDED)


def _sum(chapters: list[Chapter]) -> dict[MemberState, int]:
    counts: dict[MemberState, int] = {}
    for each in chapters:
        for state, count in each.counts.items():
            counts[state] = counts.get(state, 0) + count
    return counts


def _told(of: Rollout, chapter: Chapter, row: Wave | None) -> Told:
    began, ended = (row.started_at, row.passed_at or chapter.last_at) if row else (None, None)
    return Told(
        chapter,
        row,
        chapter.number == of.lane,
        story.counted(chapter.counts),
        story.span(ended - began) if began is not None and ended is not None else "",
        story.total(chapter.counts, *story.GOOD),
    )
