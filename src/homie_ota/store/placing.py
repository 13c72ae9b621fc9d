"""An order as somebody places it: device and firmware by name, written down in the audit log in the same transaction.

Rule: whoever lets people order (page, API, command line, old routes, Home Assistant) calls `place` and nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy.engine import Connection

from homie_ota.errors import WrongUse
from homie_ota.model import Deployment, Firmware
from homie_ota.store import audit, devices, orders
from homie_ota.store import firmware as firmwares


class Order(NamedTuple):
    """What somebody wants: `by` whom and from `where`, as the audit log has them.

    It waits `until` then, None: without an end. `override` is the reason that lifts what may be lifted.
    """

    device: str
    firmware: str
    by: str
    where: str
    override: str = ""
    until: float | None = None


def place(conn: Connection, order: Order, now: float) -> Deployment:
    """Queue the firmware for the device. To be written `urgent` and `durable`; then tell the bus `deployment`, `order`.

    NotFound, Conflict, NotEligible; WrongUse for a moment that is over.
    """
    if order.until is not None and order.until <= now:
        raise WrongUse("It would have to be sent before now. Give a moment to come, or none.")
    pk = devices.resolve(conn, order.device)
    image = meant(conn, pk, order.firmware)
    override = order.override.strip()
    made = orders.order(
        conn,
        device_pk=pk,
        sha256=image.sha256,
        by=order.by,
        now=now,
        override=override,
        not_after=order.until,
    )
    what = f"{order.device} to {image.name} {image.version} ({image.sha256[:12]}), deployment {made.id}"
    why = f"{what} {override}".strip()
    audit.add(conn, at=now, who=order.by, what="ordered an update", why=why, from_where=order.where)
    return made


def meant(conn: Connection, device_pk: int, text: str) -> Firmware:
    """The firmware that `NAME@VERSION` or a SHA-256 means for a device: of several images the one that fits it."""
    name, at, version = text.strip().rpartition("@")
    several = firmwares.named(conn, name, version) if at else []
    if len(several) > 1:
        return orders.choose(conn, device_pk, several)
    return firmwares.resolve(conn, text)
