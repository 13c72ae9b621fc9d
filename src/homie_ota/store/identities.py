"""Which older device a new address may be: by MAC, or by the image that a running deployment was to bring."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import FIRST_ASKER
from homie_ota.store.tables import deployment, device, firmware


def older(connection: Connection, macs: set[str], md5s: set[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Devices by MAC, and devices that a deployment was to bring to one of these images; only where it is one."""
    by_mac: dict[str, list[int]] = {}
    for mac, pk in connection.execute(sa.select(device.c.mac, device.c.pk).where(device.c.mac.in_(macs))):
        by_mac.setdefault(mac, []).append(pk)
    offered = deployment.c.state.in_(("offered", "transferring", "rebooting"))
    query = (
        sa.select(firmware.c.md5, deployment.c.device_pk)
        .join(firmware, firmware.c.sha256 == deployment.c.sha256)
        # One that asks over HTTP has told its MAC.
        .where(firmware.c.md5.in_(md5s), offered, deployment.c.device_pk < FIRST_ASKER)
    )
    by_target: dict[str, list[int]] = {}
    for md5, pk in connection.execute(query):
        by_target.setdefault(md5, []).append(pk)
    return _single(by_mac), _single(by_target)


def _single(found: dict[str, list[int]]) -> dict[str, int]:
    return {key: pks[0] for key, pks in found.items() if len(pks) == 1}
