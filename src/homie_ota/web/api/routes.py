"""The routes of the API; each reads the id, decodes, calls, and shapes the answer."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import NotFound, WrongUse
from homie_ota.model import DeploymentState
from homie_ota.store import deployments, devices, events, naming, search, telling, totals, waiting
from homie_ota.store import why as whys
from homie_ota.store.database import Connection
from homie_ota.web import actions, views
from homie_ota.web.api import shapes
from homie_ota.web.api.asking import FAILS, Cursor, Limit, cursor_number, cut
from homie_ota.web.api.reading_shapes import Reading, ReadingPage
from homie_ota.web.device.deployment import number_of
from homie_ota.web.device.running import expectation
from homie_ota.web.render import link
from homie_ota.web.shell import shell_of

router = APIRouter()

# --- Devices ------------------------------------------------------------------------------------------------------


@router.get("/devices", summary="Devices that a query finds, page by page")
async def list_devices(
    request: Request, q: str = "", state: str = "", sort: str = "id", limit: Limit = 100, cursor: Cursor = ""
) -> shapes.DevicePage:
    """`sort` is one of id, name, state, fw, version, signal, uptime, heap, seen, needs; with `-` in front downwards."""
    shell = shell_of(request)
    now = shell.clock()
    found = await shell.database.read(
        lambda conn: search.find(
            conn, q, state=state or None, sort=sort, limit=limit, cursor=cursor or None, now=now
        )
    )
    return shapes.DevicePage(
        items=[shapes.device(row) for row in found.items], total=found.total, next=found.next
    )


@router.get("/devices/{id}", summary="One device", responses=FAILS)
async def get_device(request: Request, id: str) -> shapes.Device:  # noqa: A002 - the name in the address
    """`id` is base and device id with `/` as `~`, or the bare device id where it is unique."""

    def read(conn: Connection) -> shapes.Device:
        row = views.device_line(conn, devices.resolve(conn, id))
        if row is None:
            raise NotFound("This device is not known any more.")
        return shapes.device(row, nodes=True)

    return await shell_of(request).database.read(read)


@router.get("/devices/{id}/readings", summary="The latest values of a device", responses=FAILS)
async def get_readings(
    request: Request,
    id: str,  # noqa: A002
    limit: Limit = 100,
    cursor: Cursor = "",
) -> ReadingPage:
    """Every property that was heard, with the moment; by node and property."""
    found = await shell_of(request).database.read(
        lambda conn: devices.readings(conn, devices.resolve(conn, id))
    )
    found.sort(key=lambda row: row[:2])  # a database sorts by its own alphabet
    page = cut(found, lambda row: row[:2], limit, cursor)
    items = [
        Reading(node=node, property=prop, value=value, number=number, at=shapes.moment(at))
        for node, prop, value, number, at in found[page.begin : page.end]
    ]
    return ReadingPage(items=items, total=len(found), next=page.next)


@router.get("/devices/{id}/why", summary="Why a device runs what it runs", responses=FAILS)
async def get_why(request: Request, id: str) -> shapes.Why:  # noqa: A002
    """A stable word, a paragraph for people, when it changes by itself, and how it came, decision by decision."""
    shell = shell_of(request)
    now = shell.clock()

    def read(conn: Connection) -> shapes.Why:
        pk = devices.resolve(conn, id)
        answer = whys.of(conn, pk, waiting.local_time(now), now)
        latest = next(iter(deployments.find(conn, device_pk=pk, limit=1)), None)
        key, _ = naming.devices(conn, [pk])[pk]
        return shapes.why(key, answer, latest.id if latest else None)

    return await shell.database.read(read)


@router.delete("/devices/{id}", summary="Forget a device and clear its retained topics", responses=FAILS)
async def delete_device(request: Request, id: str) -> shapes.Done:  # noqa: A002
    """409 while it is online or being updated."""
    return shapes.Done(detail=await actions.delete_device(shell_of(request), actions.actor_of(request), id))


# --- Deployments --------------------------------------------------------------------------------------------------


@router.post("/deployments", status_code=202, summary="Order an update", responses=FAILS)
async def order(request: Request, body: shapes.NewDeployment, response: Response) -> shapes.DeploymentShape:
    """Queued: the device gets the image as soon as it is ready; what waits longer than `until` ends as absent."""
    shell = shell_of(request)
    until = body.until.timestamp() if body.until else None
    actor = actions.actor_of(request)
    made = await actions.order(shell, actor, body.device, body.firmware, body.override, until)
    response.headers["Location"] = link(request, f"/api/v1/deployments/{made.id}")
    return await shell.database.read(lambda conn: _deployment(conn, made.id))


@router.get("/deployments", summary="Deployments, the newest first", responses=FAILS)
async def list_deployments(
    request: Request, device: str = "", state: str = "", limit: Limit = 100, cursor: Cursor = ""
) -> shapes.DeploymentPage:
    """Of one device, in one state, or all."""
    if state and state not in set(DeploymentState):
        raise WrongUse(f"There is no state {state[:40]!r}; it is one of {', '.join(DeploymentState)}.")
    before = cursor_number(cursor)

    def read(conn: Connection) -> shapes.DeploymentPage:
        pk = devices.resolve(conn, device) if device else None
        found = deployments.find(conn, device_pk=pk, state=state or None, limit=limit + 1, before=before)
        is_last, found = len(found) <= limit, found[:limit]
        total = totals.deployments(conn, device_pk=pk, state=state or None)
        names = naming.images(conn, [each.sha256 for each in found])
        keys = naming.devices(conn, [each.device_pk for each in found])
        items = [shapes.deployment(each, keys[each.device_pk][0], names[each.sha256]) for each in found]
        return shapes.DeploymentPage(items=items, total=total, next=None if is_last else str(found[-1].id))

    return await shell_of(request).database.read(read)


@router.get("/deployments/{id}", summary="One deployment with its history", responses=FAILS)
async def get_deployment(request: Request, id: str) -> shapes.DeploymentShape:  # noqa: A002
    """Every move it made, oldest first."""
    number = number_of(id)
    return await shell_of(request).database.read(lambda conn: _deployment(conn, number))


@router.post("/deployments/{id}/cancel", summary="Take back a queued deployment", responses=FAILS)
async def cancel(request: Request, id: str) -> shapes.DeploymentShape:  # noqa: A002
    """409 once it was offered: a device cannot be told to stop."""
    shell, number = shell_of(request), number_of(id)
    await actions.cancel(shell, actions.actor_of(request), number)
    return await shell.database.read(lambda conn: _deployment(conn, number))


def _deployment(conn: Connection, number: int) -> shapes.DeploymentShape:
    found = deployments.get(conn, number)
    if found is None:
        raise NotFound(f"There is no deployment {number}.")
    names, keys = naming.images(conn, [found.sha256]), naming.devices(conn, [found.device_pk])
    told = telling.with_text(events.of_deployment(conn, number))
    expected = expectation(conn, found)
    return shapes.deployment(found, keys[found.device_pk][0], names[found.sha256], told, expected)
