"""The routes of the API about sketches without Homie that ask for an update and are not known here."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request

from homie_ota.model import MAX_NAME
from homie_ota.store import knocks
from homie_ota.store.database import Connection
from homie_ota.web import actions, knock_actions
from homie_ota.web.api.asking import FAILS, Cursor, Key, Limit, Shape, cut
from homie_ota.web.api.shapes import Done, Moment, moment
from homie_ota.web.shell import shell_of

router = APIRouter()


class Knock(Shape):
    """Who knocks, and what it said last; sizes in bytes, empty or null where it did not say."""

    mac: str
    address: str
    chip: str = Field(description="esp8266 or esp32")
    mode: str = Field(description="what it asked for: sketch, spiffs or version")
    version: str
    md5: str = Field(description="of the sketch that runs; empty from cores that tell none")
    sdk: str
    free_space: int | None
    sketch_size: int | None
    chip_size: int | None
    count: int = Field(description="how often it was written down")
    first_at: Moment
    last_at: Moment


class KnockPage(Shape):
    """Some of them, the latest first; `next` is the cursor of the following page."""

    items: list[Knock]
    total: int
    next: str | None


class Adopt(Shape):
    """The name that it gets here, and the word that stands before its id (`arduino/` without one)."""

    name: str = Field(min_length=1, max_length=MAX_NAME)
    base: str = Field(default="", max_length=33)


class Adopted(Shape):
    """What it is from now on."""

    device: str
    name: str


@router.get("/knocks", summary="Sketches without Homie that ask for an update and are not known here")
async def list_knocks(request: Request, limit: Limit = 100, cursor: Cursor = "") -> KnockPage:
    """The latest first; a MAC that is told from several addresses is there several times."""

    def read(conn: Connection) -> KnockPage:
        found = sorted(knocks.find(conn), key=_by_news)
        page = cut(found, _by_news, limit, cursor)
        items = [_shape(each) for each in found[page.begin : page.end]]
        return KnockPage(items=items, total=len(found), next=page.next)

    return await shell_of(request).database.read(read)


def _by_news(of: knocks.Knock) -> Key:
    return (-float(of.last_at), of.mac, of.network)


def _shape(of: knocks.Knock) -> Knock:
    return Knock(
        mac=of.mac,
        address=of.address,
        chip=of.family,
        mode=of.mode,
        version=of.version,
        md5=of.md5,
        sdk=of.sdk,
        free_space=of.free_space,
        sketch_size=of.sketch_size,
        chip_size=of.chip_size,
        count=of.count,
        first_at=moment(of.first_at),
        last_at=moment(of.last_at),
    )


@router.post("/knocks/{mac}/adopt", status_code=201, summary="Make one of them a device", responses=FAILS)
async def adopt(request: Request, mac: str, body: Adopt) -> Adopted:
    """It is a device like others then. 404 when nobody knocks so, 409 when a device with this MAC is known."""
    made = await knock_actions.adopt(shell_of(request), actions.actor_of(request), mac, body.name, body.base)
    return Adopted(device=made.key, name=body.name.strip())


@router.delete("/knocks/{mac}", summary="Take one of them off the list", responses=FAILS)
async def forget(request: Request, mac: str) -> Done:
    """It is back when it asks again."""
    said = await knock_actions.forget(shell_of(request), actions.actor_of(request), mac)
    return Done(detail=said)
