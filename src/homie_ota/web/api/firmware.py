"""The routes of the API about firmware: what is stored, one image, uploads, and what may be changed of it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from homie_ota.model import Firmware
from homie_ota.store import comparing, needed, retention
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.web import actions, firmware_actions, firmware_pages, firmware_upload
from homie_ota.web.api import firmware_shapes as shapes
from homie_ota.web.api.asking import FAILS, Cursor, Limit, cut_behind
from homie_ota.web.api.shapes import Done
from homie_ota.web.render import link
from homie_ota.web.shell import shell_of

router = APIRouter()
_REFUSED: dict[int | str, dict[str, Any]] = {
    400: {
        "content": {"application/problem+json": {}},
        "description": "No good image (`overridable`: a reason lifts that), or something is missing.",
    }
}


@router.get("/firmware", summary="Stored images")
async def list_firmware(
    request: Request,
    q: str = "",
    name: str | None = None,
    version: str | None = None,
    sort: str = "-uploaded",
    limit: Limit = 100,
    cursor: Cursor = "",
) -> shapes.FirmwarePage:
    """`sort` is one of name, version, size, chip, brand, uploaded, description; with `-` in front downwards."""

    def read(conn: Connection) -> shapes.FirmwarePage:
        every = firmwares.hashes(conn, name, version, q, sort)
        page = cut_behind(every, limit, cursor)
        images = firmwares.find(conn, name, version, q, sort, page.end - page.begin, page.begin)
        return shapes.FirmwarePage(items=_short(conn, images), total=len(every), next=page.next)

    return await shell_of(request).database.read(read)


def _short(conn: Connection, images: list[Firmware]) -> list[shapes.FirmwareImage]:
    used = needed.in_use_counts(conn, [each.sha256 for each in images])
    return [shapes.firmware(each, used[each.sha256]) for each in images]


_BYTES = {"type": "string", "format": "binary"}
_TEXTS = {
    "description": "what people should know of it",
    "name": "for an image that does not tell its name",
    "version": "for an image that does not tell its version",
    "signature": "the text of lamp.bin.minisig, or that file; needed where the server has trusted_keys",
    "override": "why it is to be taken although it would be refused; kept with the image",
}
_FORM = {
    "type": "object",
    "required": ["upload"],
    "properties": {
        "upload": {**_BYTES, "description": "the file"},
        **{name: {"type": "string", "description": text} for name, text in _TEXTS.items()},
    },
}
_SENT = {"upload": "(the bytes of lamp.bin)", "description": "fixes the flicker"}
_UPLOAD_FORM = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": _FORM, "example": _SENT}},
    }
}


@router.post(
    "/firmware", status_code=201, summary="Upload an image", openapi_extra=_UPLOAD_FORM, responses=_REFUSED
)
async def upload_firmware(request: Request, response: Response) -> shapes.StoredFirmware:
    """`name` and `version` are needed for images without the Homie magic only.

    `override` is the reason for which an image is taken that would be refused; it is kept with the image.
    """
    done = await firmware_actions.upload(request)
    sha256 = done.firmware.sha256
    response.headers["Location"] = link(request, f"/api/v1/firmware/{sha256}")
    told = await shell_of(request).database.read(lambda conn: _details(conn, done.firmware))
    return shapes.StoredFirmware(**dict(told), remarks=firmware_upload.remarks(done.remarks))


@router.get("/firmware/{sha256}", summary="One image, with what is inside", responses=FAILS)
async def get_firmware(request: Request, sha256: str) -> shapes.FirmwareDetails:
    """The beginning of the SHA-256 is enough, or `NAME@VERSION`."""
    return await shell_of(request).database.read(lambda conn: _details(conn, firmwares.resolve(conn, sha256)))


def _details(conn: Connection, image: Firmware) -> shapes.FirmwareDetails:
    needs = needed.find(conn, [image.sha256])
    used = {each.device_pk for each in needs if each.why in needed.IN_USE}
    return shapes.details(image, firmwares.inspection(conn, image.sha256), len(used), needs)


@router.get(
    "/firmware/{sha256}/file",
    summary="The bytes of an image",
    response_class=Response,
    responses={**FAILS, 200: {"content": {"application/octet-stream": {"schema": _BYTES}}}},
)
async def get_file(request: Request, sha256: str) -> Response:
    """As it was uploaded."""
    shell = shell_of(request)
    found = await shell.database.read(lambda conn: firmwares.resolve(conn, sha256))
    return await firmware_pages.image_file(shell, found)


@router.get("/firmware/{sha256}/compare/{other}", summary="Two images beside each other", responses=FAILS)
async def compare_firmware(request: Request, sha256: str, other: str) -> shapes.Comparison:
    """Differences first. Both by the SHA-256, its beginning, or `NAME@VERSION`."""

    def read(conn: Connection) -> shapes.Comparison:
        a, b, lines = comparing.compare(conn, sha256, other)
        used = needed.in_use_counts(conn, [a.firmware.sha256, b.firmware.sha256])
        return shapes.comparison(a, b, lines, used)

    return await shell_of(request).database.read(read)


@router.patch("/firmware/{sha256}", summary="Write about an image", responses=FAILS)
async def change_firmware(
    request: Request, sha256: str, body: shapes.FirmwareChange
) -> shapes.FirmwareDetails:
    """Description, changelog, and `requires`: the versions of which one has to run before (`>=1.5`)."""
    shell = shell_of(request)
    found = await shell.database.read(lambda conn: firmwares.resolve(conn, sha256))
    changed = await firmware_actions.change(shell, actions.actor_of(request), found, **body.model_dump())
    return await shell.database.read(lambda conn: _details(conn, changed))


@router.delete("/firmware/{sha256}", summary="Delete an image", responses=FAILS)
async def delete_firmware(request: Request, sha256: str) -> Done:
    """409 while somebody needs it: runs it, is to get it, or may have to go back to it."""
    shell = shell_of(request)
    found = await shell.database.read(lambda conn: firmwares.resolve(conn, sha256))
    gone = await firmware_actions.delete(shell, actions.actor_of(request), found.sha256)
    return Done(detail=f"Firmware {gone.filename} deleted")


@router.post("/firmware/prune", summary="Delete old images")
async def prune_firmware(request: Request, body: shapes.Prune) -> shapes.Pruned:
    """All but the newest versions of each name and chip, and but what somebody needs; `dry_run` only says which."""
    shell = shell_of(request)
    keep = firmware_actions.versions_to_keep(shell, body.keep)
    if body.dry_run:
        going = await shell.database.read(lambda conn: retention.preview(conn, keep))
    else:
        going = await firmware_actions.prune(shell, actions.actor_of(request), keep)
    return shapes.Pruned(
        keep=keep,
        dry_run=body.dry_run,
        deleted=[shapes.firmware(each, 0) for each in going],
        bytes=sum(each.size for each in going),
    )
