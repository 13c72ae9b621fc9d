"""Events as everybody is told them: with their sentence, the device by its key, and one shape as JSON.

Rule: pages, the stream of the API and webhooks take it from here, so that an event reads the same wherever it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Connection

from homie_ota.rollout import telling
from homie_ota.store import naming

Row = dict[str, Any]


def with_text(rows: Sequence[Row]) -> list[Row]:
    """Events with their sentence as `text`."""
    return [{**row, "text": telling.sentence(row)} for row in rows]


def complete(conn: Connection, rows: Sequence[Row]) -> list[Row]:
    """The same, with the `device` (key and id, or None) and the `rollout` (its number, or None) that each is about."""
    names = naming.devices(conn, [row["device_pk"] for row in rows if row["device_pk"] is not None])
    return [
        {**row, "device": names.get(row["device_pk"]), "rollout": _rollout(row)} for row in with_text(rows)
    ]


def _rollout(row: Row) -> int | None:
    found = (row["data"] or {}).get("rollout") if row["kind"] == "rollout" else None
    return found if isinstance(found, int) else None


def as_json(row: Row) -> Row:
    """A complete event as programs get it: `GET /api/v1/events`, and the body of a webhook."""
    return {
        "seq": row["seq"],
        "at": datetime.fromtimestamp(row["at"], UTC).isoformat().replace("+00:00", "Z"),
        "kind": row["kind"],
        "device": row["device"][0] if row["device"] else None,
        "deployment": row["deployment_id"],
        "actor": row["actor"],
        "text": row["text"],
        "data": row["data"] or {},
    }
