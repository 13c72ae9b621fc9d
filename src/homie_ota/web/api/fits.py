"""Whom an image fits: every device with the answer, its evidence and its age, page by page.

Rule: what is said here is what an order would be answered; nothing is ordered.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request

from homie_ota.rollout.eligibility import Answer, Ask, Reason
from homie_ota.store import firmware as firmwares
from homie_ota.store import fits
from homie_ota.store.database import Connection
from homie_ota.store.fits import Judged, Part
from homie_ota.web.api.asking import FAILS, Cursor, Limit, Shape, cursor_number
from homie_ota.web.api.shapes import Moment, moment
from homie_ota.web.shell import shell_of

router = APIRouter()


class ReasonShape(Shape):
    """One thing that speaks against it, or is to be thought of."""

    code: str
    text: str
    weight: str = Field(description="refuses, warns or notes")
    evidence: str = Field(description="how it is known")
    at: Moment | None = Field(description="when that was learned; null: what device and image say now")
    liftable: bool = Field(description="a typed reason (`override`) lifts it")
    lifted: bool


class NewerShape(Shape):
    """Whether it is newer than what runs."""

    answer: str = Field(description="newer, older, equal or unknown")
    text: str


class FitShape(Shape):
    """Whether there is room for it."""

    answer: str = Field(description="fits, too-large or unknown")
    text: str
    evidence: str
    at: Moment | None


class DeviceFit(Shape):
    """One device, and whether the image is for it."""

    device: str
    verdict: str = Field(description="yes, yes-with-warnings or no")
    code: str = Field(description="of what refuses first; eligible where nothing does")
    reasons: list[ReasonShape]
    newer: NewerShape
    fit: FitShape


class FitsShape(Shape):
    """How many of how many devices an image fits; `next` is the cursor of the following page."""

    fits: int
    of: int
    with_warnings: int
    devices: list[DeviceFit]
    next: str | None


@router.get("/firmware/{sha256}/fits", summary="Whom an image fits, and why not the others", responses=FAILS)
async def get_fits(
    request: Request,
    sha256: str,
    q: str = "",
    verdict: Annotated[str, Query(description="only those: yes, yes-with-warnings or no")] = "",
    device: Annotated[
        list[str] | None, Query(description="only these devices, by id or unique device id")
    ] = None,
    override: Annotated[str, Query(description="as if this reason had been given")] = "",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> FitsShape:
    """`fits`, `of` and `with_warnings` count all devices that were asked about, whatever the page shows."""
    shell, last = shell_of(request), cursor_number(cursor)
    now = shell.clock()

    def read(conn: Connection) -> Part:
        image = firmwares.resolve(conn, sha256)
        return fits.find(
            conn,
            image,
            q,
            ask=Ask(override),
            verdict=verdict,
            names=device or (),
            limit=limit,
            cursor=last,
            now=now,
        )

    found = await shell.database.read(read)
    return FitsShape(
        fits=found.fits.count,
        of=found.fits.of,
        with_warnings=found.fits.warned,
        devices=[_device(each) for each in found.devices],
        next=None if found.next is None else str(found.next),
    )


def _device(judged: Judged) -> DeviceFit:
    answer: Answer = judged.answer
    newer, fit = answer.newer, answer.fit
    return DeviceFit(
        device=judged.key,
        verdict=answer.verdict.value,
        code=answer.code,
        reasons=[_reason(each) for each in answer.reasons],
        newer=NewerShape(answer=newer.answer.value, text=newer.text),
        fit=FitShape(
            answer=fit.answer.value,
            text=fit.text,
            evidence=fit.evidence,
            at=None if fit.at is None else moment(fit.at),
        ),
    )


def _reason(reason: Reason) -> ReasonShape:
    return ReasonShape(**{**reason._asdict(), "weight": reason.weight.value})
