"""What the verdict on one device is made of, gathered from rows for `rollout/verdict.py`.

Rule: nothing is decided here, and nothing is written; what `why` has gathered already is not asked for again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import DeploymentState, Way
from homie_ota.rollout.verdict import Seen
from homie_ota.rollout.why import Known
from homie_ota.store import changes, naming
from homie_ota.store.tables import deployment, firmware, target


def of(connection: Connection, row: Mapping[str, Any], known: Known, now: float, newer: str = "") -> Seen:
    """Of the device of this row; `newer` is the name of a newer image that fits."""
    latest = known.latest
    aim = connection.execute(sa.select(target.c.sha256).where(target.c.device_pk == row["pk"])).scalar() or ""
    names = naming.images(connection, {aim, latest.sha256 if latest else ""} - {""})
    held = row["pinned_until"] is not None and row["pinned_until"] > now
    return Seen(
        runs=known.runs,
        state=known.state,
        heard=row["last_seen"],
        since=_since(connection, row),
        way=Way(row["way"]),
        wanted=" ".join(names[latest.sha256]).strip() if latest else "",
        target=" ".join(names[aim]).strip() if aim else "",
        latest=latest,
        hold=known.holds[0].text if known.holds else "",
        health=health(connection, row),
        tells=bool(row["recent"]),
        alarms=known.alarms,
        leftovers=len(known.leftovers),
        quarantined=len(known.quarantines),
        pinned=row["pin_reason"] if held else "",
        newer=newer,
    )


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
