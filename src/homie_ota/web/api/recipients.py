"""The routes of the API about who elsewhere is told what happens: notifications and webhooks, and their test."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request

from homie_ota.web import actions, recipients
from homie_ota.web.api.asking import FAILS, Cursor, Limit, Shape, cut
from homie_ota.web.api.shapes import Moment, moment
from homie_ota.web.recipients import Told
from homie_ota.web.shell import shell_of

router = APIRouter()


class RecipientShape(Shape):
    """One address of `[announce]`, without its secrets: how far it is in the log, and how it goes."""

    kind: str = Field(description="notification or webhook")
    label: str = Field(description="which service, or which host; never the whole address")
    state: str
    reached: int | None = Field(
        description="the number of the last event that it was told, or that was not for it"
    )
    waiting: int = Field(description="messages that could not be told yet")
    last_told_at: Moment | None
    failing_since: Moment | None
    tries: int = Field(description="of the message that it did not take")
    next_try_at: Moment | None
    last_error: str
    lost: int = Field(description="events that got too old to be told")


class RecipientPage(Shape):
    """Some of them, in the order of the settings; `next` is the cursor of the following page."""

    items: list[RecipientShape]
    total: int
    next: str | None


class TestSent(Shape):
    """The event that everybody is told now: who has `reached` its number without failing got it."""

    event: int
    detail: str


@router.get("/recipients", summary="Who else is told what happens, and how that goes", responses=FAILS)
async def list_recipients(request: Request, limit: Limit = 100, cursor: Cursor = "") -> RecipientPage:
    """Notifications first, then webhooks."""
    shell = shell_of(request)
    found = await shell.database.read(lambda conn: recipients.read(conn, shell.settings))
    page = cut(list(enumerate(found)), lambda pair: (float(pair[0]),), limit, cursor)
    items = [_shape(each) for each in found[page.begin : page.end]]
    return RecipientPage(items=items, total=len(found), next=page.next)


def _shape(of: Told) -> RecipientShape:
    known = of.known
    is_failing = known is not None and known.failing_since is not None
    return RecipientShape(
        kind=of.kind,
        label=of.label,
        state=of.standing.value,
        reached=known.reached if known else None,
        waiting=known.waiting if known else 0,
        last_told_at=moment(known.last_ok) if known and known.last_ok is not None else None,
        failing_since=moment(known.failing_since) if known and known.failing_since is not None else None,
        tries=known.tries if known else 0,
        next_try_at=moment(known.next_at) if known and is_failing else None,
        last_error=known.last_error if known else "",
        lost=known.lost if known else 0,
    )


@router.post("/recipients/test", status_code=202, summary="Send everybody a test", responses=FAILS)
async def test_recipients(request: Request) -> TestSent:
    """Each is told at once, quiet hours or not. 409 where the settings name nobody."""
    number = await recipients.test(shell_of(request), actions.actor_of(request))
    return TestSent(
        event=number, detail="Everybody of [announce] is told now; the list of recipients says how it went."
    )
