"""The routes of the API about values: set a property of a device, and put back a device that was deleted."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request

from homie_ota.homie.setting import LONGEST
from homie_ota.store import removed
from homie_ota.web import actions
from homie_ota.web.api.asking import FAILS, Cursor, Key, Limit, PathNumber, Shape, cut
from homie_ota.web.api.shapes import Done, Moment, moment
from homie_ota.web.device import acts
from homie_ota.web.shell import shell_of

router = APIRouter()


class Value(Shape):
    """A value for a property, as text, number or truth."""

    value: str | bool | int | float = Field(examples=["true", 21.5])

    @property
    def text(self) -> str:
        """As Homie writes it."""
        if isinstance(self.value, bool):
            return "true" if self.value else "false"
        return self.value[: LONGEST + 1] if isinstance(self.value, str) else f"{self.value}"


class Sent(Shape):
    """What was published; whether the device took it, its next reading says."""

    device: str
    node: str
    property: str
    value: str
    topic: str


@router.put(
    "/devices/{id}/properties/{node}/{prop}",
    status_code=202,
    summary="Set a property of a device",
    responses=FAILS,
)
async def set_property(
    request: Request,
    id: str,  # noqa: A002 - the name in the address
    node: str,
    prop: str,
    body: Value,
) -> Sent:
    """Published to the property's `/set`, not retained. 409 while the device is not ready, or where that cannot be."""
    made = await acts.set_property(shell_of(request), actions.actor_of(request), id, node, prop, body.text)
    return Sent(
        device=made.device, node=made.node, property=made.prop, value=made.value, topic=made.message.topic
    )


class Copy(Shape):
    """A device that was deleted and can be put back."""

    number: int
    device: str
    name: str
    deleted_at: Moment
    deleted_by: str
    kept_until: Moment


class Copies(Shape):
    """Some of them, the newest first; `next` is the cursor of the following page."""

    items: list[Copy]
    total: int
    next: str | None


@router.get("/removed", summary="Devices that were deleted and can be put back")
async def list_removed(request: Request, limit: Limit = 100, cursor: Cursor = "") -> Copies:
    """The newest first; each is kept for a day."""
    shell = shell_of(request)
    now = shell.clock()
    found = await shell.database.read(lambda conn: removed.recent(conn, now))
    found.sort(key=_by_news)
    page = cut(found, _by_news, limit, cursor)
    items = [
        Copy(
            number=each.device_pk,
            device=each.address.key,
            name=each.name,
            deleted_at=moment(each.at),
            deleted_by=each.by,
            kept_until=moment(each.until),
        )
        for each in found[page.begin : page.end]
    ]
    return Copies(items=items, total=len(found), next=page.next)


def _by_news(of: removed.Removed) -> Key:
    return (-float(of.at), float(of.device_pk))


@router.post("/removed/{number}/undo", summary="Put a deleted device back", responses=FAILS)
async def undo(request: Request, number: PathNumber) -> Done:
    """With its values, history and marks; nothing that would start an update is put back."""
    key = await acts.put_back(shell_of(request), actions.actor_of(request), number)
    return Done(detail=f"{key} is back.")
