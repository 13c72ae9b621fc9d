"""The routes of the API about filters that people gave a name."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request

from homie_ota.store import saved
from homie_ota.store.database import Connection
from homie_ota.web import filter_actions
from homie_ota.web.actions import actor_of
from homie_ota.web.api.asking import FAILS, Cursor, Limit, Shape, cut
from homie_ota.web.api.shapes import Done
from homie_ota.web.shell import shell_of

router = APIRouter()


class SavedFilter(Shape):
    """A filter; `sort` is as lists take it, empty: as usual."""

    name: str
    query: str
    sort: str


class SavedFilterPage(Shape):
    """Some of them, by name; `next` is the cursor of the following page."""

    items: list[SavedFilter]
    total: int
    next: str | None


class NewFilter(Shape):
    """What the filter finds, and in which order."""

    query: str = Field(max_length=1000, description="as for `GET /devices`")
    sort: str = Field(default="", max_length=32, pattern="^(-?[a-z]+)?$")


@router.get("/filters", summary="Filters that people gave a name")
async def list_filters(request: Request, limit: Limit = 100, cursor: Cursor = "") -> SavedFilterPage:
    """One list for the whole installation, as the page of devices shows it."""

    def read(conn: Connection) -> SavedFilterPage:
        found = sorted(saved.every(conn), key=lambda each: each.name)
        page = cut(found, lambda each: (each.name,), limit, cursor)
        return SavedFilterPage(
            items=[_shape(each) for each in found[page.begin : page.end]], total=len(found), next=page.next
        )

    return await shell_of(request).database.read(read)


@router.put("/filters/{name}", summary="Give a filter a name", responses=FAILS)
async def put_filter(request: Request, name: str, body: NewFilter) -> SavedFilter:
    """Replaces the one that has this name. The columns of the page stay as usual."""
    wanted = saved.Filter(name, body.query, body.sort)
    return _shape(await filter_actions.keep(shell_of(request), actor_of(request), wanted))


@router.delete("/filters/{name}", summary="Forget a filter", responses=FAILS)
async def delete_filter(request: Request, name: str) -> Done:
    """The devices that it finds stay as they are."""
    await filter_actions.forget(shell_of(request), actor_of(request), name)
    return Done(detail=f"The filter {name} is forgotten.")


def _shape(of: saved.Filter) -> SavedFilter:
    return SavedFilter(name=of.name, query=of.query, sort=of.sort)
