"""Whether there is anything yet: a device, an image, an update that went through; each by the first row that is found.

Rule: how many there are is not asked: a first page of a large fleet must not count it.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import DeploymentState
from homie_ota.store.tables import deployment, device, firmware


class Beginnings(NamedTuple):
    """What there is already."""

    devices: bool
    firmware: bool
    updates: bool


def find(conn: Connection) -> Beginnings:
    """Look for a first one of each."""
    went_through = deployment.c.state == DeploymentState.SUCCEEDED.value
    queries = (
        sa.select(device.c.pk),
        sa.select(firmware.c.sha256),
        sa.select(deployment.c.state).where(went_through),
    )
    return Beginnings(*(conn.execute(query.limit(1)).first() is not None for query in queries))
