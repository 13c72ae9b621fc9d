"""Which image is not offered to which device until a person says so, and why.

Rule: what was put here is taken away by a release, never by time; a device that came to run the image after all
releases itself. Both leave an event row.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import NotFound
from homie_ota.model import DeploymentState
from homie_ota.store import events
from homie_ota.store.database import upsert
from homie_ota.store.tables import deployment, firmware, quarantine

KIND = "quarantine"


class Held(NamedTuple):
    """One image that one device does not get."""

    device_pk: int
    sha256: str
    code: str
    reason: str
    since: float


def of(connection: Connection, device_pk: int, sha256: str) -> Held | None:
    """Why this device does not get this image; None when nothing is against it."""
    mine = (quarantine.c.device_pk == device_pk) & (quarantine.c.sha256 == sha256)
    found = connection.execute(sa.select(*_COLUMNS).where(mine)).first()
    return Held(*found) if found else None


def of_device(connection: Connection, device_pk: int) -> list[Held]:
    """Every image that this device does not get, the newest first."""
    query = sa.select(*_COLUMNS).where(quarantine.c.device_pk == device_pk)
    return [Held(*row) for row in connection.execute(query.order_by(quarantine.c.since.desc()))]


def every(connection: Connection, *, limit: int = 1000) -> list[tuple[Held, str, str]]:
    """All of it, the newest first, each with name and version of the image."""
    query = (
        sa.select(*_COLUMNS, firmware.c.name, firmware.c.version)
        .outerjoin(firmware, firmware.c.sha256 == quarantine.c.sha256)
        .order_by(quarantine.c.since.desc())
        .limit(limit)
    )
    return [(Held(*row[:5]), row.name or "", row.version or "") for row in connection.execute(query)]


_COLUMNS = [quarantine.c[name] for name in Held._fields]


def add(connection: Connection, held: Held, *, deployment_id: int | None = None) -> None:
    """Put an image there for a device; a newer reason replaces an older one."""
    row = held._asdict()
    upsert(connection, quarantine, [row], ["device_pk", "sha256"], ["code", "reason", "since"])
    data = {"event": "held", "sha256": held.sha256, "code": held.code, "reason": held.reason}
    events.add(
        connection, KIND, at=held.since, device_pk=held.device_pk, deployment_id=deployment_id, data=data
    )


def release(connection: Connection, device_pk: int, *, by: str, now: float, sha256: str = "") -> int:
    """Let a device have what it was kept from, one image or all; the budget begins anew. NotFound when nothing was."""
    mine = quarantine.c.device_pk == device_pk
    mine = mine & (quarantine.c.sha256 == sha256) if sha256 else mine
    held = list(connection.execute(sa.select(quarantine.c.sha256).where(mine)).scalars())
    if not held:
        raise NotFound("Nothing of this device is in quarantine.")
    connection.execute(quarantine.delete().where(mine))
    for each in held:
        data = {"event": "released", "sha256": each}
        events.add(connection, KIND, at=now, device_pk=device_pk, actor=by, data=data)
    return len(held)


def release_those_that_made_it(connection: Connection, *, now: float) -> list[int]:
    """Release devices that came to run their image after all, late; returns them."""
    came = sa.exists().where(
        deployment.c.device_pk == quarantine.c.device_pk,
        deployment.c.sha256 == quarantine.c.sha256,
        deployment.c.state == DeploymentState.SUCCEEDED.value,
        deployment.c.state_since > quarantine.c.since,
    )
    found = connection.execute(sa.select(quarantine.c.device_pk, quarantine.c.sha256).where(came)).all()
    for pk, sha256 in found:
        release(connection, pk, by="late success", now=now, sha256=sha256)
    return [pk for pk, _ in found]
