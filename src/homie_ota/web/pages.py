"""The pages: inventory, device, deployments, log; all of them work without JavaScript.

Rule: a page reads in one transaction, so that what it shows belongs together; forms answer with the way to a page.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import NotFound, WrongUse
from homie_ota.model import ENDED, DeploymentState
from homie_ota.store import audit, deployments, devices, events, naming, orders, search, waiting
from homie_ota.store import firmware as firmwares
from homie_ota.store import why as whys
from homie_ota.store.database import Connection
from homie_ota.store.search import Page
from homie_ota.web import actions, views
from homie_ota.web.classic import form
from homie_ota.web.live import Asked, LivePage, live_page
from homie_ota.web.render import page, see
from homie_ota.web.shell import shell_of

A_PAGE = 100
COLUMNS = (
    ("state", "State"),
    ("id", "Id"),
    ("name", "Name"),
    ("fw", "Runs"),
    ("", "Deployment"),
    ("signal", "Signal"),
    ("", "IP"),
    ("uptime", "Up"),
    ("seen", "Heard"),
)
"""Head of the inventory: the word of the store to sort by, and what people read."""

HISTORY = 20
"""Deployments on the page of a device."""


async def inventory(request: Request) -> Response:
    """`GET /`: all devices, or those that a query finds."""
    shell, asked = shell_of(request), request.query_params
    q, state, cursor = asked.get("q", ""), asked.get("state", ""), asked.get("cursor", "")
    sort, now = asked.get("sort", "id"), shell.clock()

    def read(conn: Connection) -> tuple[Page, dict[str, int], str]:
        counts = devices.counts(conn)
        try:
            found = search.find(
                conn, q, state=state or None, sort=sort, limit=A_PAGE, cursor=cursor or None, now=now
            )
        except WrongUse as error:
            return Page([], 0, None), counts, str(error)
        return found, counts, ""

    found, counts, sentence = await shell.database.read(read)
    told = {"q": q, "state": state, "cursor": cursor, "sort": sort, "sentence": sentence, "counts": counts}
    status = 400 if sentence else 200
    return page(request, "inventory.html", status=status, page=found, columns=COLUMNS, **told)


async def device(request: Request) -> Response:
    """`GET /device/<id>`: everything about one device."""
    shell, name = shell_of(request), str(request.path_params["id"])
    now = shell.clock()

    def read(conn: Connection) -> dict[str, Any]:
        pk = devices.resolve(conn, name)
        row = devices.row(conn, pk)
        if row is None:
            raise NotFound("This device is not known any more.")
        history = deployments.find(conn, device_pk=pk, limit=HISTORY)
        images = firmwares.find(conn, sort="name")
        choices = list(zip(images, orders.verdicts(conn, pk, images, now=now), strict=True))
        choices.sort(
            key=lambda each: (not each[1].allowed, each[0].name != row["fw_name"], -each[0].uploaded_at)
        )
        return {
            "d": row,
            "why": whys.of(conn, pk, waiting.local_time(now), now),
            "facts": views.device_facts(row, devices.learned_facts(conn, pk), now),
            "values": views.values(row, devices.readings(conn, pk)),
            "choices": choices,
            "history": history,
            "active": deployments.active_of(conn, pk),
            "names": naming.images(conn, [each.sha256 for each in history]),
            "events": {each.id: views.told_events(events.of_deployment(conn, each.id)) for each in history},
        }

    return page(request, "device.html", **await shell.database.read(read))


async def change_device(request: Request) -> Response:
    """`POST /device/<id>` (`action=delete`)."""
    fields = await form(request)
    if fields.get("action") != "delete":
        raise WrongUse("The form does not say what to do.")
    await actions.delete_device(shell_of(request), actions.actor_of(request), str(request.path_params["id"]))
    return see(request, "/")


async def ask_update(request: Request) -> Response:
    """`GET /update?device=…&firmware=…`: what would happen, before it does."""
    shell, asked = shell_of(request), request.query_params
    now = shell.clock()

    def read(conn: Connection) -> dict[str, Any]:
        pk = devices.resolve(conn, asked.get("device", ""))
        image = actions.meant(conn, pk, asked.get("firmware", ""))
        return {"d": devices.row(conn, pk), "f": image, "answer": orders.verdict(conn, pk, image, now=now)}

    return page(request, "update.html", **await shell.database.read(read))


def number_of(text: str) -> int:
    """The number of a deployment in a route; NotFound where it is none."""
    if not text.isdecimal() or len(text) > 15:
        raise NotFound(f"There is no deployment {text[:40]}.")
    return int(text)


async def deployment(request: Request) -> Response:
    """`GET /deployment/<id>`: one attempt with its whole history."""
    shell, number = shell_of(request), number_of(request.path_params["id"])

    def read(conn: Connection) -> dict[str, Any]:
        found = deployments.get(conn, number)
        row = devices.row(conn, found.device_pk) if found else None
        if found is None or row is None:
            raise NotFound(f"There is no deployment {number}.")
        name, version = naming.images(conn, [found.sha256])[found.sha256]
        key, device_name = naming.devices(conn, [found.device_pk])[found.device_pk]
        return {
            "n": found,
            "active": found.state not in ENDED,
            "name": name,
            "fw_version": version,
            "device": key,
            "device_name": device_name,
            "why": whys.of(conn, found.device_pk, waiting.local_time(shell.clock()), shell.clock()).text,
            "events": views.told_events(events.of_deployment(conn, number)),
        }

    return page(request, "deployment.html", **await shell.database.read(read))


async def change_deployment(request: Request) -> Response:
    """`POST /deployment/<id>` (`action=cancel`)."""
    fields, number = await form(request), number_of(request.path_params["id"])
    if fields.get("action") != "cancel":
        raise WrongUse("The form does not say what to do.")
    await actions.cancel(shell_of(request), actions.actor_of(request), number)
    return see(request, "/deployment", str(number))


async def deployment_list(request: Request) -> Response:
    """`GET /deployments`: the latest attempts of all devices."""
    shell, asked = shell_of(request), request.query_params
    state, before = asked.get("state", ""), _number(asked.get("before"))
    if state and state not in set(DeploymentState):
        raise WrongUse(f"There is no state {state[:40]!r}; it is one of {', '.join(DeploymentState)}.")

    def read(conn: Connection) -> dict[str, Any]:
        items = deployments.find(conn, state=state or None, limit=A_PAGE, before=before)
        return {
            "items": items,
            "names": naming.images(conn, [each.sha256 for each in items]),
            "devices": naming.devices(conn, [each.device_pk for each in items]),
            "next": items[-1].id if len(items) == A_PAGE else None,
        }

    told = await shell.database.read(read)
    states = list(DeploymentState)
    return page(request, "deployments.html", state=state, states=states, **told)


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 16 else None


def _read_log(conn: Connection, asked: Asked) -> dict[str, Any]:
    rows = events.recent(conn, limit=2 * A_PAGE, before=_number(asked.query.get("before")))
    return {
        "events": views.log_events(conn, rows),
        "older": rows[-1]["seq"] if len(rows) == 2 * A_PAGE else None,
        "audit": audit.recent(conn, limit=A_PAGE),
    }


LOG = LivePage("log", "log.html", _read_log, parts=("log", "audit"))


async def log(request: Request) -> Response:
    """`GET /log`: what happened, and who did what."""
    return await live_page(request, LOG)
