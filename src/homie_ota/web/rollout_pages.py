"""The list of rollouts: what each brings to whom, how far it is, and where to make a new one.

Rule: as all pages: read in one transaction; a part of it is live.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.bus import Notice
from homie_ota.errors import WrongUse
from homie_ota.rollout import card
from homie_ota.rollout.card import Counts
from homie_ota.rollout.plan import MemberState, RolloutState
from homie_ota.store import memberships, naming, rollouts
from homie_ota.store.database import Connection
from homie_ota.web import first_run_page
from homie_ota.web.live import Asked, LivePage, live_page

A_PAGE = 50


def read(conn: Connection, asked: Asked) -> dict[str, Any]:
    """A page of rollouts, the newest first, or those in one state; WrongUse."""
    state, before = asked.query.get("state", ""), asked.query.get("before", "")
    if state and state not in set(RolloutState):
        raise WrongUse(f"There is no state {state[:40]!r}; it is one of {', '.join(RolloutState)}.")
    items = rollouts.find(
        conn, states=[state] if state else (), limit=A_PAGE,
        before=int(before) if before.isdecimal() and len(before) < 16 else None,
    )  # fmt: skip
    totals = memberships.totals(conn, [each.id for each in items])
    return {
        "items": items,
        "names": naming.images(conn, [each.sha256 for each in items]),
        "counts": {number: _counts(found) for number, found in totals.items()},
        "sizes": {number: sum(found.values()) for number, found in totals.items()},
        "state": state,
        "states": list(RolloutState),
        "next": items[-1].id if len(items) == A_PAGE else None,
        "first": None if items or state else first_run_page.until_there_is_something(conn, asked.shell),
    }


def _counts(found: dict[str, int]) -> Counts:
    """How many members are what, as the punch card has it; who is under way counts as being sent to."""
    sums = dict.fromkeys(card.PUNCHES, 0)
    for outcome, count in found.items():
        sums[card.punch(MemberState(outcome))] += count
    return tuple((punch, count) for punch, count in sums.items() if count)


def _concerns(notice: Notice, _values: dict[str, Any]) -> bool:
    return notice.kind in ("rollout", "deployment", "firmware")


PAGE = LivePage("rollouts", "rollouts.html", read, ("rollouts",), _concerns)


async def rollout_list(request: Request) -> Response:
    """`GET /rollouts?state=&before=`."""
    return await live_page(request, PAGE)
