"""`GET /deployment/<number>` and `GET /deployments`: one attempt with its whole story, and all of them.

Rule: both are live; what was said to and by the device can be copied from the page, and fetched whole as text.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from homie_ota.bus import Notice
from homie_ota.errors import NotFound, WrongUse
from homie_ota.model import DeploymentState, Outcome
from homie_ota.store import deployments, devices, naming, transcript, waiting
from homie_ota.store import firmware as firmwares
from homie_ota.store import why as whys
from homie_ota.store.database import Connection
from homie_ota.web import actions
from homie_ota.web.classic import form
from homie_ota.web.device import running
from homie_ota.web.live import Asked, LivePage, live_page
from homie_ota.web.render import see
from homie_ota.web.shell import shell_of

A_PAGE = 100

Values = dict[str, Any]


def number_of(text: str) -> int:
    """The number of a deployment in a route; NotFound where it is none."""
    if not text.isdecimal() or len(text) > 15:
        raise NotFound(f"There is no deployment {text[:40]}.")
    return int(text)


# --- One ------------------------------------------------------------------------------------------------------------


def read(conn: Connection, asked: Asked) -> Values:
    """The values of the page of one attempt; NotFound."""
    number = number_of(asked.key)
    found = deployments.get(conn, number)
    row = devices.row(conn, found.device_pk) if found else None
    if found is None or row is None:
        raise NotFound(f"There is no deployment {number}.")
    names = naming.images(conn, {found.sha256, found.previous_sha256} - {""})
    key, device_name = naming.devices(conn, [found.device_pk])[found.device_pk]
    waits = found.state is DeploymentState.QUEUED
    why = whys.of(conn, found.device_pk, waiting.local_time(asked.now), asked.now).text if waits else ""
    neighbours = deployments.find(conn, device_pk=found.device_pk, limit=1, before=number)
    return {
        "pk": found.device_pk,
        "running": running.of(conn, found),
        "n": found,
        "name": " ".join(names[found.sha256]).strip(),
        "firmware": firmwares.get(conn, found.sha256),
        "device": key,
        "device_name": device_name,
        "why": why,
        "previous": neighbours[0].id if neighbours else None,
    }


def _concerns(notice: Notice, values: Values) -> bool:
    about = notice.about
    if about.get("device_pk") is not None:
        return bool(about["device_pk"] == values["pk"])
    return notice.kind not in ("rollout", "order", "firmware")


PAGE = LivePage(
    "deployment", "deployment.html", read, ("verdict", "running", "facts", "compared", "story"), _concerns
)


async def show(request: Request) -> Response:
    """The page of one attempt."""
    return await live_page(request, PAGE, str(number_of(request.path_params["id"])))


async def change(request: Request) -> Response:
    """`POST /deployment/<id>` (`action=cancel`)."""
    fields, number = await form(request), number_of(request.path_params["id"])
    if fields.get("action") != "cancel":
        raise WrongUse("The form does not say what to do.")
    await actions.cancel(shell_of(request), actions.actor_of(request), number)
    return see(request, "/deployment", str(number))


async def said(request: Request) -> Response:
    """`GET /deployment/<id>/transcript.txt`: everything that was said, a line each."""
    number = number_of(request.path_params["id"])

    def work(conn: Connection) -> str:
        if deployments.get(conn, number) is None:
            raise NotFound(f"There is no deployment {number}.")
        return "".join(running.line(row) + "\n" for row in transcript.of(conn, number))

    text = await shell_of(request).database.read(work)
    headers = {"Content-Disposition": f'attachment; filename="deployment-{number}.txt"'}
    return PlainTextResponse(text, headers=headers)


# --- All ------------------------------------------------------------------------------------------------------------

STATES = tuple(DeploymentState)
OUTCOMES = tuple(Outcome)


def read_list(conn: Connection, asked: Asked) -> Values:
    """A page of attempts that the filters leave; WrongUse for a word that is none, NotFound for what they name."""
    query = asked.query
    state, outcome = query.get("state", ""), query.get("outcome", "")
    for word, known, what in ((state, STATES, "state"), (outcome, OUTCOMES, "outcome")):
        if word and word not in set(known):
            raise WrongUse(f"There is no {what} {word[:40]!r}; it is one of {', '.join(known)}.")
    device, image = query.get("device", "").strip(), query.get("firmware", "").strip()
    before = query.get("before", "")
    items = deployments.find(
        conn,
        device_pk=devices.resolve(conn, device) if device else None,
        sha256=firmwares.resolve(conn, image).sha256 if image else None,
        state=state or None,
        outcome=outcome or None,
        limit=A_PAGE,
        before=int(before) if before.isdecimal() and len(before) < 16 else None,
    )
    return {
        "items": items,
        "names": naming.images(conn, [each.sha256 for each in items]),
        "devices": naming.devices(conn, [each.device_pk for each in items]),
        "next": items[-1].id if len(items) == A_PAGE else None,
        "asked": {"state": state, "outcome": outcome, "device": device, "firmware": image},
        "states": STATES,
        "outcomes": OUTCOMES,
        "is_older": bool(before),
    }


def _concerns_list(notice: Notice, _values: Values) -> bool:
    return notice.kind in ("deployment", "all")


LIST = LivePage("deployments", "deployments.html", read_list, ("list",), _concerns_list)


async def show_list(request: Request) -> Response:
    """`GET /deployments`: the latest attempts of all devices, or those that the filters leave."""
    number = request.query_params.get("number", "").strip().lstrip("#")
    if number.isdecimal() and len(number) < 16:
        return see(request, "/deployment", number)
    return await live_page(request, LIST)
