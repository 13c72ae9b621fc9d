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


@router.get(
    "/deployments/{id}/case",
    summary="The case file of a deployment",
    response_class=Response,
    responses={**FAILS, 200: {"content": {"application/json": {}}, "description": "The case file."}},
)
async def get_case(request: Request, id: str) -> Response:  # noqa: A002 - the name in the address
    """Messages in and out, times and decisions, secrets masked: `homie-ota replay FILE` plays it again."""
    number = number_of(id)
    case = await shell_of(request).database.read(lambda conn: casefile.of(conn, number))
    body = json.dumps({**case, "server": __version__}, indent=1, ensure_ascii=False)
    name = f"homie-ota-case-{number}.json"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(body, media_type="application/json", headers=headers)
