"""The route of the API that tells what happens, as it happens, and what happened while somebody was away."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Header, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import StreamingResponse

from homie_ota.store import devices, tail
from homie_ota.web.api.asking import FAILS, Number
from homie_ota.web.live import history
from homie_ota.web.shell import shell_of

router = APIRouter()

_EVENT = {
    "type": "object",
    "description": "One message as it arrives; without an `id` it is no event of the log.",
    "required": ["data"],
    "properties": {
        "id": {"type": "string", "description": "the number of the event, for `Last-Event-ID`"},
        "event": {"type": "string"},
        "retry": {"type": "integer"},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {
                "type": "object",
                "required": ["kind"],
                "properties": {
                    "seq": {"type": "integer", "description": "as in `id`"},
                    "at": {"type": "string", "format": "date-time"},
                    "kind": {
                        "type": "string",
                        "description": "deployment, rollout, device, mark, alarm, gap …",
                    },
                    "device": {"type": ["string", "null"]},
                    "deployment": {"type": ["integer", "null"]},
                    "actor": {"type": "string"},
                    "text": {"type": "string", "description": "a sentence for people"},
                    "data": {"type": "object"},
                },
            },
        },
    },
}
_STREAM: dict[int | str, dict[str, Any]] = {
    **FAILS,
    200: {
        "description": "Messages, each with one JSON object in its `data`.",
        "content": {
            "text/event-stream": {
                "schema": _EVENT,
                "example": (
                    'id: 4711\ndata: {"seq":4711,"at":"2026-03-01T12:00:00Z","kind":"deployment",'
                    '"device":"homie~hall-lamp","deployment":17,"actor":"","text":"queued → offered (offer)",'
                    '"data":{"from":"queued","state":"offered","event":"offer"}}\n\n'
                ),
            }
        },
    },
}

Word = Annotated[str, Field(pattern="^[a-z-]{1,32}$")]


@router.get(
    "/events",
    summary="What happens, as server-sent events",
    response_class=StreamingResponse,
    responses=_STREAM,
)
async def get_events(
    request: Request,
    since: Annotated[
        Number | None,
        Query(description="Begin behind the event of this number; 0: with the first that is kept."),
    ] = None,
    device: Annotated[
        str, Query(description="Only what is about this device.", examples=["homie~hall-lamp"])
    ] = "",
    kind: Annotated[
        list[Word] | None,
        Query(max_length=20, description="Only these kinds, such as deployment, rollout, alarm or mark."),
    ] = None,
    notices: Annotated[
        bool, Query(description="Also what is no event, such as progress: as it is now, without an id.")
    ] = True,
    follow: Annotated[bool, Query(description="false: end when everything so far is told.")] = True,
    last_event_id: Annotated[
        Number | None, Header(description="As browsers send it when they come back; wins over `since`.")
    ] = None,
) -> StreamingResponse:
    """`id` is the number of an event: who comes back with the last one gets each later event once, in order.

    What is not kept any more is told as `{"kind": "gap", "missing": …}`; `{"kind": "all"}` means that there were more
    notices than are told one by one: load again.
    """
    pk = None
    if device:
        pk = await shell_of(request).database.read(lambda conn: devices.resolve(conn, device))
    begin = since if last_event_id is None else last_event_id
    wanted = tail.Wanted(pk, frozenset(kind or ()))
    return await history.stream(request, history.Asked(begin, wanted, notices, follow))
