"""The routes of case files: how one deployment went, to keep, to send along with a report, and to replay."""

from __future__ import annotations

import json

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from homie_ota import __version__
from homie_ota.store import casefile
from homie_ota.web.api.asking import FAILS
from homie_ota.web.device.deployment import number_of
from homie_ota.web.shell import shell_of

router = APIRouter()
_CASE = {
    "schema": {
        "type": "object",
        "required": ["format", "deployment", "device", "firmware", "messages", "events", "server"],
        "properties": {
            "format": {"type": "string", "description": "what `homie-ota replay` reads"},
            **{name: {"type": "object"} for name in ("deployment", "device", "firmware", "limits")},
            **{name: {"type": "array", "items": {"type": "object"}} for name in ("messages", "events")},
            "server": {"type": "string", "description": "the version that wrote it"},
        },
    },
    "example": {
        "format": "homie-ota case 1",
        "deployment": {"id": 17, "state": "succeeded"},
        "device": {"base": "homie/", "device_id": "hall-lamp"},
        "firmware": {"name": "lamp", "version": "2.0.0"},
        "limits": {"offered": 90.0},
        "messages": [],
        "events": [],
        "server": "1.0.0",
    },
}


@router.get(
    "/deployments/{id}/case",
    summary="The case file of a deployment",
    response_class=Response,
    responses={**FAILS, 200: {"content": {"application/json": _CASE}, "description": "The case file."}},
)
async def get_case(request: Request, id: str) -> Response:  # noqa: A002 - the name in the address
    """Messages in and out, times and decisions, secrets masked: `homie-ota replay FILE` plays it again."""
    number = number_of(id)
    case = await shell_of(request).database.read(lambda conn: casefile.of(conn, number))
    body = json.dumps({**case, "server": __version__}, indent=1, ensure_ascii=False)
    name = f"homie-ota-case-{number}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type="application/json", headers=headers)
