"""The routes of the API about firmware: what is stored, one image, uploads, and what may be changed of it."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.web import actions, firmware_pages
from homie_ota.web.api import shapes
from homie_ota.web.api.asking import FAILS, Limit, cursor_number
from homie_ota.web.shell import shell_of

router = APIRouter()


@router.get("/firmware", summary="Stored images")
async def list_firmware(
    request: Request,
    q: str = "",
    name: str | None = None,
    version: str | None = None,
    sort: str = "-uploaded",
    limit: Limit = 100,
    cursor: str = "",
) -> shapes.FirmwarePage:
    """`sort` is one of name, version, size, chip, brand, uploaded, description; with `-` in front downwards."""
    start = cursor_number(cursor) or 0

    def read(conn: Connection) -> shapes.FirmwarePage:
        images = firmwares.find(conn, name, version, q, sort, limit, start)
        total = firmwares.total(conn, name, version, q)
        used = firmwares.in_use_counts(conn, [each.sha256 for each in images])
        after = start + len(images)
        return shapes.FirmwarePage(
            items=[shapes.firmware(each, used[each.sha256]) for each in images],
            total=total,
            next=str(after) if images and after < total else None,
        )

    return await shell_of(request).database.read(read)


_UPLOAD_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "required": ["upload"],
                    "properties": {
                        "upload": {"type": "string", "format": "binary"},
                        "description": {"type": "string"},
                        "name": {"type": "string"},
                        "version": {"type": "string"},
                    },
                }
            }
        },
    }
}


@router.post("/firmware", status_code=201, summary="Upload an image", openapi_extra=_UPLOAD_FORM)
async def upload_firmware(request: Request, response: Response) -> shapes.FirmwareImage:
    """`name` and `version` are needed for images without the Homie magic only."""
    done = await actions.upload(request)
    sha256 = done.firmware.sha256
    used = await shell_of(request).database.read(lambda conn: firmwares.in_use_by(conn, sha256))
    response.headers["Location"] = f"{shell_of(request).settings.http.base_path}/api/v1/firmware/{sha256}"
    return shapes.firmware(done.firmware, used)


@router.get("/firmware/{sha256}", summary="One image", responses=FAILS)
async def get_firmware(request: Request, sha256: str) -> shapes.FirmwareImage:
    """The beginning of the SHA-256 is enough, or `NAME@VERSION`."""

    def read(conn: Connection) -> shapes.FirmwareImage:
        found = firmwares.resolve(conn, sha256)
        return shapes.firmware(found, firmwares.in_use_by(conn, found.sha256))

    return await shell_of(request).database.read(read)


@router.get(
    "/firmware/{sha256}/file", summary="The bytes of an image", response_class=Response, responses=FAILS
)
async def get_file(request: Request, sha256: str) -> Response:
    """As it was uploaded."""
    shell = shell_of(request)
    found = await shell.database.read(lambda conn: firmwares.resolve(conn, sha256))
    return await firmware_pages.image_file(shell, found)


@router.delete("/firmware/{sha256}", summary="Delete an image", responses=FAILS)
async def delete_firmware(request: Request, sha256: str) -> shapes.Done:
    """409 while a device runs it or is to get it."""
    shell = shell_of(request)
    found = await shell.database.read(lambda conn: firmwares.resolve(conn, sha256))
    gone = await actions.delete_firmware(shell, actions.actor_of(request), found.sha256)
    return shapes.Done(detail=f"Firmware {gone.filename} deleted")
