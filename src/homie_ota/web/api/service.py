"""The routes of the API about the server itself: whether it lives, and its metrics; as at `/healthz` and `/metrics`."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from homie_ota.web import liveness
from homie_ota.web.api.asking import Shape
from homie_ota.web.metrics import Answers
from homie_ota.web.shell import shell_of

router = APIRouter()
_TEXT = {"schema": {"type": "string"}, "example": 'homie_ota_devices{state="ready"} 12.0\n'}


class BrokerHealth(Shape):
    """The connection to the broker: since when it is so (seconds since 1970), and what the broker says it dropped."""

    connected: bool
    since: float
    dropped: int


class DatabaseHealth(Shape):
    """How long the database took to answer."""

    ms: float


class Health(Shape):
    """How the server is; `degraded`: pages are served, but the broker is away."""

    status: str = Field(description="ok or degraded")
    broker: BrokerHealth
    database: DatabaseHealth
    lag_ms: float = Field(description="how late the server gets to what it has to do")
    devices: int


@router.get("/healthz", summary="Whether the server lives")
async def get_health(request: Request) -> Health:
    """Broker, database and lag; 200 while pages can be served. Nobody has to log in for it."""
    return Health(**await liveness.told(shell_of(request)))


@router.get(
    "/metrics",
    summary="The metrics, for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": _TEXT}, "description": "The metrics as text."}},
)
async def get_metrics(request: Request) -> Response:
    """Counted anew at most every five seconds; as OpenMetrics where the asker names that."""
    answers: Answers = request.app.state.metrics
    return await answers.show(request)
