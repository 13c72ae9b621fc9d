"""`GET /device/<id>`: everything about one device, as live parts.

Rule: read in one transaction; what a part shows does not depend on who looks, nor on the time.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.bus import Notice
from homie_ota.errors import NotFound
from homie_ota.homie import removal
from homie_ota.model import ACTIVE, AWAKE, Address, Deployment
from homie_ota.rollout import verdict
from homie_ota.rollout.why import explain
from homie_ota.store import (
    deployments,
    devices,
    learned,
    leftovers,
    marks,
    naming,
    quarantine,
    removed,
    rhythm,
    seen,
    strip,
    waiting,
)
from homie_ota.store import firmware as firmwares
from homie_ota.store import why as whys
from homie_ota.store.database import Connection
from homie_ota.web import views
from homie_ota.web.device import days, facts, images, properties, running
from homie_ota.web.device.curves import curves_of
from homie_ota.web.live import Asked, LivePage, live_page
from homie_ota.web.render import page
from homie_ota.web.shell import shell_of

HISTORY = 10
"""Attempts on one page of the history."""

Values = dict[str, Any]


def read(conn: Connection, asked: Asked) -> Values:
    """The values of the page; NotFound."""
    pk, now = devices.resolve(conn, asked.key), asked.now
    row = devices.row(conn, pk)
    if row is None:
        raise NotFound("This device is not known any more.")
    known = whys.known(conn, pk, waiting.local_time(now), now)
    choices = images.of(conn, row, now)
    return {
        "pk": pk,
        "d": row,
        "verdict": verdict.judge(seen.of(conn, row, known, now, images.newest(choices))),
        "why": explain(known),
        "choices": choices,
        "shelves": images.shelves(choices, row["fw_name"]),
        "twins": views.twins(each.firmware for each in choices),
        "days": days.draw(strip.of(conn, pk, now)),
        "nodes": properties.of(conn, row, now),
        "awake": row["state"] in AWAKE,
        "curves": curves_of(conn, row, now),
        **_config(row),
        **_facts(conn, row),
        **_marks(conn, row, now),
        **_attempts(conn, pk, asked, known.latest),
        **_clearing(asked, row),
    }


def _facts(conn: Connection, row: Values) -> Values:
    awake = rhythm.presences(conn, row["pk"])
    image = firmwares.by_md5(conn, row["md5"]) if row["md5"] else None
    announced = awake[-1].since if awake else None
    return {"facts": facts.known(row, learned.of_device(conn, row["pk"]), image, announced), "image": image}


def _marks(conn: Connection, row: Values, now: float) -> Values:
    pk = row["pk"]
    return {
        "tags": marks.tags_of(conn, pk),
        "pin": marks.pin_of(conn, pk, now),
        "held": quarantine.of_device(conn, pk),
        "leftovers": leftovers.of_device(conn, pk),
    }


def _attempts(conn: Connection, pk: int, asked: Asked, latest: Deployment | None) -> Values:
    """The running attempt, a page of the history, and the last one that was judged."""
    before = asked.query.get("before", "")
    cursor = int(before) if before.isdecimal() and len(before) < 16 else None
    found = deployments.find(conn, device_pk=pk, limit=HISTORY + 1, before=cursor)
    judged = seen.last_verified(conn, pk)
    compared = deployments.get(conn, judged) if judged is not None else None
    active = latest if latest is not None and latest.state in ACTIVE else None
    shown = [*found, *(each for each in (latest, compared) if each is not None)]
    return {
        "history": found[:HISTORY],
        "older": found[HISTORY - 1].id if len(found) > HISTORY else None,
        "is_older": cursor is not None,
        "compared": compared,
        "running": running.of(conn, active) if active is not None else None,
        "names": naming.images(conn, {each.sha256 for each in shown}),
    }


def _config(row: Values) -> Values:
    """The configuration as the device reports it, a key a line; its passwords were masked when it was heard."""
    config = (row["facts"] or {}).get("config", "")
    try:
        text = json.dumps(json.loads(config), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        text = config
    return {"config": config, "config_text": text}


def _clearing(asked: Asked, row: Values) -> Values:
    """What deleting the device would clear; None while it is awake, and where this process does not hear the broker."""
    if asked.shell.topics is None or row["state"] in AWAKE:
        return {"clearing": None, "first_cleared": ""}
    address, topics = Address(row["base"], row["device_id"]), asked.shell.topics(row["pk"])
    first = topics[0].removeprefix(f"{address.topic}/") if topics else ""
    return {"clearing": removal.groups(address, topics), "first_cleared": first}


def concerns(notice: Notice, values: Values) -> bool:
    """Whether a notice may change what this page shows: it is about the device, an image, or about all."""
    about = notice.about.get("device_pk")
    if about is not None:
        return bool(about == values["pk"])
    return notice.kind not in ("rollout", "order")


PAGE = LivePage(
    "device",
    "device.html",
    read,
    (
        "verdict",
        "running",
        "marks",
        "days",
        "facts",
        "images",
        "values",
        "compared",
        "history",
        "why",
        "config",
    ),
    concerns,
)


async def show(request: Request) -> Response:
    """The page; of a device that was deleted what can be done about that."""
    name = str(request.path_params["id"])
    try:
        return await live_page(request, PAGE, name)
    except NotFound:
        shell = shell_of(request)
        now = shell.clock()
        copy = await shell.database.read(lambda conn: removed.named(conn, name, now))
        if copy is None:
            raise
        return page(request, "device_removed.html", status=410, copies=[copy], only=True)


async def removed_list(request: Request) -> Response:
    """`GET /removed`: what was deleted, and can be put back."""
    shell = shell_of(request)
    now = shell.clock()
    copies = await shell.database.read(lambda conn: removed.recent(conn, now))
    return page(request, "device_removed.html", copies=copies, only=False)
