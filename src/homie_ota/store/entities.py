"""What is told of devices elsewhere, read from rows: a few statements for any number of devices.

Rule: nothing is decided here but which devices can be updated at all, and all that a telling is made of is read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, Address, DeploymentState, Way
from homie_ota.store.tables import deployment, device, firmware

FEW = 500
"""So many devices are named in a statement."""

NOTES = 1000
"""Characters of an image's notes that are read; those who tell them cap them again."""


class Moving(NamedTuple):
    """A deployment that has not ended: its state, the bytes that went over, and the image."""

    state: DeploymentState
    done: int
    total: int
    sha256: str


class Entity(NamedTuple):
    """A device that can be updated. `signal` in percent, `uptime` in seconds, None where it does not tell.

    `judged_by` changes with everything of its row that decides which images it may take.
    """

    pk: int
    address: Address
    name: str = ""
    mac: str = ""
    implementation: str = ""
    fw_name: str = ""
    fw_version: str = ""
    signal: float | None = None
    uptime: float | None = None
    judged_by: int = 0
    moving: Moving | None = None


class Image(NamedTuple):
    """An image as it is told: its file names its page; `notes` are what people wrote about it."""

    sha256: str
    name: str
    version: str
    filename: str = ""
    notes: str = ""


_COLUMNS = [
    device.c[name]
    for name in (
        "pk", "base", "device_id", "name", "mac", "implementation", "way", "ota_enabled", "fw_name", "fw_version",
        "md5", "signal", "uptime", "pinned_until",
    )
]  # fmt: skip
_UPDATABLE = (device.c.way != Way.NONE.value) & (device.c.ota_enabled.is_(None) | device.c.ota_enabled)
_SOME = sa.select(*_COLUMNS).where(_UPDATABLE, device.c.pk.in_(sa.bindparam("pks", expanding=True)))
_MOVING = sa.select(
    deployment.c.device_pk,
    deployment.c.state,
    deployment.c.bytes_done,
    deployment.c.bytes_total,
    deployment.c.sha256,
).where(
    deployment.c.device_pk.in_(sa.bindparam("pks", expanding=True)), deployment.c.state.in_(sorted(ACTIVE))
)


class Standing(NamedTuple):
    """Where a device that can be updated lives, and what it is judged by (`Entity.judged_by`)."""

    address: Address
    judged_by: int


def everyone(conn: Connection, *, now: float) -> dict[int, Standing]:
    """Every device that can be updated, by `pk`."""
    rows = conn.execute(sa.select(*_COLUMNS).where(_UPDATABLE).order_by(device.c.pk))
    return {row.pk: Standing(Address(row.base, row.device_id), _judged_by(row, now)) for row in rows}


def load(conn: Connection, pks: Iterable[int], *, now: float) -> dict[int, Entity]:
    """Those of these devices that can be updated, by `pk`; at most FEW of them."""
    wanted = {"pks": list(pks)}
    if not wanted["pks"]:
        return {}
    moving = {
        pk: Moving(DeploymentState(state), done, total, sha256)
        for pk, state, done, total, sha256 in conn.execute(_MOVING, wanted)
    }
    return {row.pk: _entity(row, moving.get(row.pk), now) for row in conn.execute(_SOME, wanted)}


def _entity(row: Any, moving: Moving | None, now: float) -> Entity:
    return Entity(
        row.pk,
        Address(row.base, row.device_id),
        row.name,
        row.mac,
        row.implementation,
        row.fw_name,
        row.fw_version,
        row.signal,
        row.uptime,
        _judged_by(row, now),
        moving,
    )


def _judged_by(row: Any, now: float) -> int:
    pinned = row.pinned_until is not None and row.pinned_until > now
    return hash((row.way, row.fw_name, row.fw_version, row.md5, row.mac, row.implementation, pinned))


def images(conn: Connection, hashes: Sequence[str]) -> dict[str, Image]:
    """These images by SHA-256; those that are gone are left out."""
    notes = sa.func.substr(
        sa.case((firmware.c.changelog != "", firmware.c.changelog), else_=firmware.c.description), 1, NOTES
    )
    columns = (firmware.c.sha256, firmware.c.name, firmware.c.version, firmware.c.filename, notes)
    if not hashes:
        return {}
    rows = conn.execute(sa.select(*columns).where(firmware.c.sha256.in_(list(hashes))))
    return {row[0]: Image(*row) for row in rows}
