"""What people call things: names of images and devices for the keys that rows hold."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Address
from homie_ota.store.tables import device, device_address, firmware


def images(conn: Connection, hashes: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Name and version by SHA-256; of an image that is gone the beginning of its hash."""
    wanted = set(hashes)
    columns = (firmware.c.sha256, firmware.c.name, firmware.c.version)
    found = conn.execute(sa.select(*columns).where(firmware.c.sha256.in_(wanted)))
    known = {row.sha256: (row.name, row.version) for row in found}
    return {sha256: known.get(sha256, (f"{sha256[:12]}…", "")) for sha256 in wanted}


def devices(conn: Connection, pks: Iterable[int]) -> dict[int, tuple[str, str]]:
    """Key (for routes) and id of devices by `pk`."""
    columns = (device.c.pk, device.c.base, device.c.device_id)
    found = conn.execute(sa.select(*columns).where(device.c.pk.in_(set(pks))))
    return {row.pk: (Address(row.base, row.device_id).key, row.device_id) for row in found}


def marks(conn: Connection) -> tuple[frozenset[str], frozenset[str]]:
    """Every device id that is or was in use, and every MAC."""
    ids = conn.execute(sa.select(device_address.c.device_id)).scalars()
    macs = conn.execute(sa.select(device.c.mac).where(device.c.mac != "")).scalars()
    return frozenset(ids), frozenset(macs)


def running(conn: Connection, name: str, md5: str) -> tuple[int, int]:
    """How many devices run a firmware of this name, and how many of them this very image."""
    this = sa.func.coalesce(sa.func.sum(sa.case((device.c.md5 == md5, 1), else_=0)), 0)
    count, same = conn.execute(sa.select(sa.func.count(), this).where(device.c.fw_name == name)).one()
    return count, same
