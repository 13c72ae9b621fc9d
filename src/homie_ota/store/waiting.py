"""Who can be offered something now: queued deployments of devices that are ready, within the limit of transfers."""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE, Address, Deployment, DeploymentState, Firmware, Way
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import deployments
from homie_ota.store import firmware as firmwares
from homie_ota.store.tables import deployment, device, event

BUSY = (DeploymentState.OFFERED, DeploymentState.TRANSFERRING, DeploymentState.REBOOTING)
"""States that hold a transfer slot: until the device is back, its image may be on the air."""


STILL_COMING = 600.0
"""Seconds after which an image that we gave up cannot be on its way any more; some devices say nothing of it, ever."""


class Ready(NamedTuple):
    """A deployment that may be offered now, with what the offer needs."""

    deployment: Deployment
    firmware: Firmware
    address: Address
    way: Way
    fw_name: str
    fw_version: str


def next_ready(connection: Connection, parallel: int, now: float) -> Ready | None:
    """The next deployment to send something for: a second step first, else the oldest queued one; None when none."""
    found = _second_step(connection)
    if found is None:
        free = parallel - _busy(connection)
        # One more slot is kept for devices that just woke: they will not be awake when the others are done.
        found = _queued(connection, now, woken_only=free <= 0) if free > -1 else None
    return _with_firmware(connection, found) if found is not None else None


def _busy(connection: Connection) -> int:
    query = sa.select(sa.func.count()).where(deployment.c.state.in_(BUSY))
    return connection.execute(query).scalar() or 0


def _second_step(connection: Connection) -> int | None:
    two_step = (device.c.way == Way.TWO_STEP.value) & (
        deployment.c.state == DeploymentState.TRANSFERRING.value
    )
    query = (
        sa.select(deployment.c.id)
        .join(device, device.c.pk == deployment.c.device_pk)
        .where(two_step, deployment.c.image_at.is_(None))
        .order_by(deployment.c.id)
        .limit(1)
    )
    return connection.execute(query).scalar()


def _queued(connection: Connection, now: float, *, woken_only: bool) -> int | None:
    may_start = deployment.c.not_before.is_(None) | (deployment.c.not_before <= now)
    query = (
        sa.select(deployment.c.id)
        .join(device, device.c.pk == deployment.c.device_pk)
        .where(deployment.c.state == DeploymentState.QUEUED.value, device.c.state.in_(AWAKE), may_start)
        .where(~_still_coming(now))
        .order_by(deployment.c.id)
        .limit(1)
    )
    if woken_only:
        query = query.where(device.c.state_since >= deployment.c.created_at)
    return connection.execute(query).scalar()


def _still_coming(now: float) -> sa.Exists:
    """Whether the device may still take in an image of an attempt that was given up.

    A second image on top can damage the first (homie-ota.md rule 15), so it waits until the device has come back once;
    that we heard nothing more is no proof that nothing more happened.
    """
    earlier = deployment.alias("earlier")
    given_up = sa.exists().where(
        event.c.deployment_id == earlier.c.id, event.c.data["event"].as_string() == Event.EXPIRE.value
    )
    return sa.exists().where(
        earlier.c.device_pk == deployment.c.device_pk,
        earlier.c.state == DeploymentState.FAILED.value,
        earlier.c.image_at > now - STILL_COMING,
        earlier.c.image_at >= device.c.state_since,
        given_up,
    )


def _with_firmware(connection: Connection, number: int) -> Ready | None:
    found = deployments.get(connection, number)
    if found is None:
        return None
    firmware = firmwares.get(connection, found.sha256)
    columns = (device.c.base, device.c.device_id, device.c.way, device.c.fw_name, device.c.fw_version)
    row = connection.execute(sa.select(*columns).where(device.c.pk == found.device_pk)).one()
    if firmware is None:
        return None
    return Ready(found, firmware, Address(row.base, row.device_id), Way(row.way), row.fw_name, row.fw_version)
