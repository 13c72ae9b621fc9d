"""The case file of one deployment: everything that is known of how it went, as one value that can be kept and replayed.

Rule: nothing in it is secret and no image is in it: configurations were masked when they were read, of the image there
are its digests and what it says of itself.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sqlalchemy.engine import Connection

from homie_ota.errors import NotFound
from homie_ota.store import deployments, devices, events, transcript, verifying
from homie_ota.store import firmware as firmwares

FORMAT = "homie-ota case 1"

_DEPLOYMENT = (
    "id",
    "attempt",
    "purpose",
    "state",
    "outcome",
    "code",
    "reason",
    "harmful",
    "late",
    "created_at",
    "offered_at",
    "state_since",
    "bytes_done",
    "bytes_total",
    "override",
    "before",
    "after",
    "soak",
)
_DEVICE = (
    "base",
    "device_id",
    "name",
    "mac",
    "homie",
    "implementation",
    "way",
    "ota_enabled",
    "facts",
    "nodes",
    "first_seen",
)
_FIRMWARE = ("sha256", "md5", "name", "version", "size", "chip", "flash_size", "flash_mode", "magic", "kind")


def of(connection: Connection, number: int) -> dict[str, Any]:
    """The case file of a deployment, as data for JSON; raises NotFound."""
    found = deployments.get(connection, number)
    row = devices.row(connection, found.device_pk) if found else None
    if found is None or row is None:
        raise NotFound(f"There is no deployment {number}.")
    firmware = firmwares.get(connection, found.sha256)
    return {
        "format": FORMAT,
        "deployment": {name: getattr(found, name) for name in _DEPLOYMENT},
        "device": {name: row[name] for name in _DEVICE},
        "learned": devices.learned_facts(connection, found.device_pk),
        "firmware": {name: getattr(firmware, name) for name in _FIRMWARE}
        if firmware
        else {"sha256": found.sha256},
        "limits": dict(deployments.LIMITS),
        **{name: asdict(value) for name, value in verifying.SETTINGS.items()},
        "messages": [_message(each) for each in transcript.of(connection, number)],
        "events": [_event(each) for each in events.of_deployment(connection, number)],
    }


def _message(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("at", "direction", "topic", "text", "size", "retained")}


def _event(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("at", "kind", "actor", "data")}
