"""The routes of the API about the queue: quarantine, what is kept on the broker, when a sleeper can be reached."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request

from homie_ota.errors import NotFound
from homie_ota.store import devices, leftovers, naming, quarantine, rhythm
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.store.leftovers import Leftover
from homie_ota.web import actions, queue_actions
from homie_ota.web.api.asking import FAILS, Cursor, Key, Limit, Shape, cut
from homie_ota.web.api.shapes import Done, Moment, moment
from homie_ota.web.shell import shell_of

router = APIRouter()
MOST = 100_000
"""Images in quarantine that are listed at most: one for each device of a large fleet."""


class Release(Shape):
    """What a device may have again; without a firmware everything that it was kept from."""

    firmware: str = Field(default="", max_length=200, description="NAME@VERSION or a SHA-256")


class Quarantined(Shape):
    """One image that one device does not get until a person releases it."""

    device: str
    firmware: str
    firmware_name: str
    firmware_version: str
    code: str
    reason: str
    since: Moment


class QuarantinePage(Shape):
    """Some of them, the newest first; `next` is the cursor of the following page."""

    items: list[Quarantined]
    total: int
    next: str | None


class LeftoverShape(Shape):
    """What is kept on a topic of the broker, what that does, and what clears it."""

    topic: str
    kind: str = Field(description="image, url or ota")
    device: str | None
    text: str
    size: int
    found_at: Moment
    asked_at: Moment | None
    asked_by: str
    detail: str


class LeftoverPage(Shape):
    """Some leftovers, by topic; `next` is the cursor of the following page."""

    items: list[LeftoverShape]
    total: int
    next: str | None


class Clear(Shape):
    """Which leftover is to be cleared."""

    topic: str = Field(min_length=1, max_length=leftovers.LONGEST_TOPIC)


class Outlook(Shape):
    """When a device can be reached next, and whether an image will fit into the time that it is awake.

    Times in seconds, `rate` in bytes a second; null where too little is known.
    """

    device: str
    awake: bool
    every_s: float | None
    awake_for_s: float | None
    spread_s: float | None
    samples: int
    next_chance: Moment | None
    rate: float | None
    rate_of_others: bool
    fits: bool | None
    needs_s: float | None


@router.get("/quarantine", summary="Images that devices do not get until they are released")
async def list_quarantine(request: Request, limit: Limit = 100, cursor: Cursor = "") -> QuarantinePage:
    """The newest first."""

    def read(conn: Connection) -> QuarantinePage:
        found = sorted(quarantine.every(conn, limit=MOST), key=_by_news)
        page = cut(found, _by_news, limit, cursor)
        shown = found[page.begin : page.end]
        keys = naming.devices(conn, [held.device_pk for held, *_ in shown])
        items = [_quarantined(each, keys[each[0].device_pk][0]) for each in shown]
        return QuarantinePage(items=items, total=len(found), next=page.next)

    return await shell_of(request).database.read(read)


_Held = tuple[quarantine.Held, str, str]


def _by_news(held: _Held) -> Key:
    return (-float(held[0].since), float(held[0].device_pk), held[0].sha256)


def _quarantined(of: _Held, device: str) -> Quarantined:
    held, name, version = of
    return Quarantined(
        device=device,
        firmware=held.sha256,
        firmware_name=name,
        firmware_version=version,
        code=held.code,
        reason=held.reason,
        since=moment(held.since),
    )


@router.post("/devices/{id}/release", summary="Release a device from quarantine", responses=FAILS)
async def release(request: Request, id: str, body: Release | None = None) -> Done:  # noqa: A002
    """Its attempts count from nothing again. 404 when nothing of it is in quarantine."""
    wanted = body.firmware if body else ""
    count = await queue_actions.release(shell_of(request), actions.actor_of(request), id, wanted)
    return Done(detail=f"Released: {count} {'image' if count == 1 else 'images'} may be tried again.")


@router.post("/devices/{id}/looked", summary="Say that you looked at a failed update", responses=FAILS)
async def look_at_failure(request: Request, id: str) -> Done:  # noqa: A002
    """The device then needs nobody for it (`needs_you`). 404 when its last update did not fail."""
    number = await queue_actions.look_at_failure(shell_of(request), actions.actor_of(request), id)
    return Done(detail=f"Noted: somebody has looked at deployment {number}.")


@router.get("/devices/{id}/outlook", summary="When a device can be reached next", responses=FAILS)
async def get_outlook(request: Request, id: str, firmware: str = "") -> Outlook:  # noqa: A002
    """With a `firmware` (NAME@VERSION or SHA-256) also whether it will fit."""
    shell = shell_of(request)
    now = shell.clock()

    def read(conn: Connection) -> Outlook:
        pk = devices.resolve(conn, id)
        if devices.row(conn, pk) is None:
            raise NotFound("This device is not known any more.")
        size = firmwares.resolve(conn, firmware).size if firmware else 0
        found = rhythm.outlook(conn, pk, size, now)
        learned, fit = found.rhythm, found.fit
        return Outlook(
            device=naming.devices(conn, [pk])[pk][0],
            awake=found.awake,
            every_s=learned.every if learned else None,
            awake_for_s=learned.awake_for if learned else None,
            spread_s=learned.spread if learned else None,
            samples=learned.samples if learned else 0,
            next_chance=moment(found.chance.at) if found.chance else None,
            rate=found.rate,
            rate_of_others=found.by_others,
            fits=fit.fits if fit else None,
            needs_s=fit.needs if fit else None,
        )

    return await shell.database.read(read)


@router.get("/leftovers", summary="What is kept on the broker that devices would act on at every connect")
async def list_leftovers(request: Request, limit: Limit = 100, cursor: Cursor = "") -> LeftoverPage:
    """As the last look found it; images are looked for at start, every hour and when asked."""

    def read(conn: Connection) -> LeftoverPage:
        found = sorted(leftovers.every(conn), key=lambda each: each.topic)
        page = cut(found, lambda each: (each.topic,), limit, cursor)
        items = [_leftover(conn, each) for each in found[page.begin : page.end]]
        return LeftoverPage(items=items, total=len(found), next=page.next)

    return await shell_of(request).database.read(read)


@router.post("/leftovers/look", status_code=202, summary="Look for leftovers now")
async def look(request: Request) -> Done:
    """As soon as no transfer runs; ask for the list a few seconds later."""
    queue_actions.look(shell_of(request))
    return Done(detail="The broker is looked at as soon as no transfer runs.")


@router.post("/leftovers/clear", status_code=202, summary="Clear a leftover", responses=FAILS)
async def clear(request: Request, body: Clear) -> LeftoverShape:
    """An image is taken away; a `$ota` is told the version that the device runs. 409 when that cannot be done now."""
    shell = shell_of(request)
    asked = await queue_actions.clear(shell, actions.actor_of(request), body.topic)
    return await shell.database.read(lambda conn: _leftover(conn, asked))


def _leftover(conn: Connection, of: Leftover) -> LeftoverShape:
    keys = naming.devices(conn, [of.device_pk]) if of.device_pk is not None else {}
    known = keys.get(of.device_pk) if of.device_pk is not None else None
    return LeftoverShape(
        topic=of.topic,
        kind=of.kind.value,
        device=known[0] if known else None,
        text=of.text,
        size=of.size,
        found_at=moment(of.found_at),
        asked_at=moment(of.asked_at) if of.asked_at is not None else None,
        asked_by=of.asked_by,
        detail=leftovers.sentence(conn, of),
    )
