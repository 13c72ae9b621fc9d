"""What the verdict on one device is made of, gathered from rows for `rollout/verdict.py`.

Rule: nothing is decided here, and nothing is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Deployment, DeploymentState, State, Way
from homie_ota.rollout.verdict import Seen
from homie_ota.rollout.why import Hold
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import alarms, changes, holds, leftovers, marks, naming, quarantine
from homie_ota.store.tables import deployment, firmware, target


def of(
    connection: Connection,
    row: Mapping[str, Any],
    latest: Deployment | None,
    local: LocalTime,
    now: float,
    newer: str = "",
) -> Seen:
    """Of the device of this row; `latest` is its newest attempt, `newer` the name of a newer image that fits."""
    pk = row["pk"]
    aim = connection.execute(sa.select(target.c.sha256).where(target.c.device_pk == pk)).scalar() or ""
    names = naming.images(connection, {aim, latest.sha256 if latest else ""} - {""})
    held = _hold(connection, latest, local, now)
    pin = marks.pin_of(connection, pk, now)
    return Seen(
        runs=f"{row['fw_name']} {row['fw_version']}".strip(),
        state=State(row["state"]),
        heard=row["last_seen"],
        since=_since(connection, row),
        way=Way(row["way"]),
        wanted=" ".join(names[latest.sha256]).strip() if latest else "",
        target=" ".join(names[aim]).strip() if aim else "",
        latest=latest,
        hold=held.text if held else "",
        health=health(connection, row),
        tells=bool(row["recent"]),
        alarms=alarms.of_device(connection, pk),
        leftovers=len(leftovers.of_device(connection, pk)),
        quarantined=len(quarantine.of_device(connection, pk)),
        pinned=pin.reason if pin else "",
        newer=newer,
    )


def _hold(connection: Connection, latest: Deployment | None, local: LocalTime, now: float) -> Hold | None:
    if latest is None or latest.state is not DeploymentState.QUEUED:
        return None
    return next(iter(holds.of(connection, latest, local, now)), None)


def _since(connection: Connection, row: Mapping[str, Any]) -> float | None:
    """When it was first seen to run what it runs."""
    ran = changes.of(connection, row["pk"])
    return ran[-1].at if ran else row["first_seen"] or None


def health(connection: Connection, row: Mapping[str, Any]) -> str:
    """What the last soak of the image that it runs found, a word of `health.Verdict`; empty where there was none."""
    if not row["md5"]:
        return ""
    brought = (
        sa.select(deployment.c.after)
        .join(firmware, firmware.c.sha256 == deployment.c.sha256)
        .where(
            deployment.c.device_pk == row["pk"],
            deployment.c.state == DeploymentState.SUCCEEDED.value,
            firmware.c.md5 == row["md5"],
        )
        .order_by(deployment.c.id.desc())
        .limit(1)
    )
    after = connection.execute(brought).scalar()
    return str(after.get("verdict", "")) if after else ""


def last_verified(connection: Connection, device_pk: int) -> int | None:
    """The number of the newest attempt whose soak was judged, well or not; None when there is none."""
    query = (
        sa.select(deployment.c.id)
        .where(deployment.c.device_pk == device_pk, deployment.c.after["verdict"].as_string().is_not(None))
        .order_by(deployment.c.id.desc())
        .limit(1)
    )
    return connection.execute(query).scalar()
