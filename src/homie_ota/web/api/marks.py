"""The routes of the API about pins and tags of a device."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request

from homie_ota.errors import NotFound
from homie_ota.store import devices, marks, search
from homie_ota.store.database import Connection
from homie_ota.web import actions, mark_actions
from homie_ota.web.api.asking import FAILS, Instant, Shape
from homie_ota.web.api.shapes import Moment, moment
from homie_ota.web.shell import shell_of

router = APIRouter()


class Pin(Shape):
    """Hold a device back: until when (ISO 8601 with a zone), and why."""

    until: Instant
    reason: str = Field(min_length=1, max_length=marks.LONGEST_REASON)


class Marks(Shape):
    """What people put on a device: its pin (None: not held) and its tags."""

    device: str
    pinned_until: Moment | None
    pin_reason: str | None
    tags: list[str]


@router.put("/devices/{id}/pin", summary="Hold a device back until a moment", responses=FAILS)
async def put_pin(request: Request, id: str, body: Pin) -> Marks:  # noqa: A002 - the name in the address
    """Nothing is sent to it until then, whoever orders it; an order waits."""
    actor = actions.actor_of(request)
    await mark_actions.pin(shell_of(request), actor, id, body.until.timestamp(), body.reason)
    return await _marks(request, id)


@router.delete("/devices/{id}/pin", summary="Let go of a device", responses=FAILS)
async def delete_pin(request: Request, id: str) -> Marks:  # noqa: A002
    """404 when nothing holds it."""
    await mark_actions.unpin(shell_of(request), actions.actor_of(request), id)
    return await _marks(request, id)


@router.put("/devices/{id}/tags/{tag}", summary="Give a device a tag", responses=FAILS)
async def put_tag(request: Request, id: str, tag: str) -> Marks:  # noqa: A002
    """One word of letters, digits, - _ . +; `tag:attic` finds it."""
    await mark_actions.put_tag(shell_of(request), actions.actor_of(request), id, tag)
    return await _marks(request, id)


@router.delete("/devices/{id}/tags/{tag}", summary="Take a tag away", responses=FAILS)
async def delete_tag(request: Request, id: str, tag: str) -> Marks:  # noqa: A002
    """404 when it does not have it."""
    await mark_actions.take_tag(shell_of(request), actions.actor_of(request), id, tag)
    return await _marks(request, id)


async def _marks(request: Request, name: str) -> Marks:
    shell = shell_of(request)
    now = shell.clock()

    def read(conn: Connection) -> Marks:
        pk = devices.resolve(conn, name)
        row = devices.row(conn, pk)
        if row is None:
            raise NotFound("This device is not known any more.")
        found = search.complete(conn, [row])[0]
        held = marks.pin_of(conn, pk, now)
        return Marks(
            device=f"{row['base']}{row['device_id']}".replace("/", "~"),
            pinned_until=moment(held.until) if held else None,
            pin_reason=held.reason if held else None,
            tags=found["tags"],
        )

    return await shell.database.read(read)
