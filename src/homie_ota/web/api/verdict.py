"""The route of the API with the one sentence about a device that its page begins with."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request

from homie_ota.errors import NotFound
from homie_ota.rollout import verdict
from homie_ota.store import devices, naming, seen, waiting
from homie_ota.store import why as whys
from homie_ota.store.database import Connection
from homie_ota.web.api.asking import FAILS, Shape
from homie_ota.web.api.shapes import Moment, moment
from homie_ota.web.device import images
from homie_ota.web.shell import shell_of

router = APIRouter()


class Verdict(Shape):
    """The sentence; `code` is a stable word, `tone` one of good quiet busy warn bad, `at` the moment that it names."""

    device: str
    code: str
    tone: str
    text: str
    at: Moment | None


@router.get("/devices/{id}/verdict", summary="What to think of a device, in one sentence", responses=FAILS)
async def get_verdict(request: Request, id: str) -> Verdict:  # noqa: A002 - the name in the address
    """What it runs, how it is, and what there is to do; the same sentence as on its page."""
    shell = shell_of(request)
    now = shell.clock()

    def read(conn: Connection) -> Verdict:
        pk = devices.resolve(conn, id)
        row = devices.row(conn, pk)
        if row is None:
            raise NotFound("This device is not known any more.")
        known = whys.known(conn, pk, waiting.local_time(now), now)
        newer = images.newest(images.of(conn, row, now))
        found = verdict.judge(seen.of(conn, row, known, now, newer))
        key, _ = naming.devices(conn, [pk])[pk]
        at = None if found.at is None else moment(found.at)
        return Verdict(device=key, code=found.code, tone=found.tone, text=found.plain, at=at)

    return await shell.database.read(read)
