"""What an update of all devices of one name would do, before anybody orders it; in a few statements for any number.

Rule: it judges as `orders` does, by the same rules and facts.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, Firmware
from homie_ota.rollout import eligibility
from homie_ota.store import orders
from homie_ota.store.tables import deployment, device, learned


def of_name(conn: Connection, firmware: Firmware) -> list[tuple[dict[str, Any], str]]:
    """Every device that runs a firmware of this name, by id, and why it would be skipped ("" where it would not)."""
    rows = conn.execute(
        sa.select(device).where(device.c.fw_name == firmware.name).order_by(device.c.device_id)
    )
    facts, active = _learned(conn, firmware.name), _active(conn, firmware.name)
    judged = []
    for row in map(dict, rows.mappings()):
        verdict = eligibility.judge(orders.candidate(row, facts.get(row["pk"], {}), firmware), firmware)
        judged.append((row, active.get(row["pk"]) or " ".join(verdict.reasons)))
    return judged


def _learned(conn: Connection, name: str) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    columns = (learned.c.device_pk, learned.c.fact, learned.c.value)
    query = sa.select(*columns).join(device, device.c.pk == learned.c.device_pk)
    for pk, fact, value in conn.execute(query.where(device.c.fw_name == name)):
        found.setdefault(pk, {})[fact] = value
    return found


def _active(conn: Connection, name: str) -> dict[int, str]:
    columns = (deployment.c.device_pk, deployment.c.id, deployment.c.state)
    query = sa.select(*columns).join(device, device.c.pk == deployment.c.device_pk)
    running = query.where(device.c.fw_name == name, deployment.c.state.in_(sorted(ACTIVE)))
    return {pk: f"Deployment {number} is {state}." for pk, number, state in conn.execute(running)}
