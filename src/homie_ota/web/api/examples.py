"""An example of each object that programs send, and of those that they read most, for the description of the API.

Rule: an example is whole: a test checks it against the schema of its object.
"""

from __future__ import annotations

from typing import Any

_SHA256 = "8dffb149e1859bd8a1b2c3d4e5f60718293a4b5c6d7e8f901a2b3c4d5e6f7081"
_MD5 = "9b8cbb1f8c5fbdb1e0a2f2c7d5d8b8a1"
_MOMENT = "2026-03-01T12:00:00Z"

_DEVICE: dict[str, Any] = {
    "id": "homie~hall-lamp",
    "base": "homie/",
    "homie": "3.0.1",
    "name": "Hall lamp",
    "state": "ready",
    "implementation": "esp8266",
    "ota": {"way": "mqtt", "enabled": True},
    "firmware": {"name": "lamp", "version": "1.0.0", "md5": _MD5, "sha256": None},
    "target": {"sha256": _SHA256, "name": "lamp", "version": "2.0.0"},
    "deployment": {"id": 17, "state": "transferring", "bytes_done": 131072, "bytes_total": 404368},
    "ip": "192.168.1.17",
    "mac": "A0:20:A6:14:85:06",
    "signal": 72.0,
    "uptime_s": 86400.0,
    "first_seen": "2025-11-01T08:00:00Z",
    "last_seen": _MOMENT,
    "tags": ["attic"],
    "needs_you": None,
    "pinned_until": None,
    "pin_reason": "",
    "nodes": None,
}
_DEPLOYMENT: dict[str, Any] = {
    "id": 17,
    "device": "homie~hall-lamp",
    "firmware": _SHA256,
    "firmware_name": "lamp",
    "firmware_version": "2.0.0",
    "state": "transferring",
    "reason": None,
    "harmful": None,
    "late": False,
    "attempt": 1,
    "bytes_done": 131072,
    "bytes_total": 404368,
    "created_at": _MOMENT,
    "created_by": "kim",
    "not_before": None,
    "not_after": None,
    "updated_at": _MOMENT,
    "override": None,
    "code": "",
    "outcome": None,
    "purpose": "update",
    "followed": None,
    "rollout": None,
    "wave": None,
    "before": None,
    "after": None,
    "events": None,
}

OBJECTS: dict[str, Any] = {
    "Device": _DEVICE,
    "DevicePage": {"items": [_DEVICE], "total": 1, "next": None},
    "DeploymentShape": _DEPLOYMENT,
    "DeploymentPage": {"items": [_DEPLOYMENT], "total": 1, "next": None},
    "NewDeployment": {"device": "homie~hall-lamp", "firmware": "lamp@2.0.0"},
    "Reading": {"node": "sensor", "property": "degrees", "value": "21.5", "number": 21.5, "at": _MOMENT},
    "Pin": {"until": "2099-03-01T12:00:00Z", "reason": "guests are coming"},
    "Value": {"value": True},
    "Release": {"firmware": "lamp@2.0.0"},
    "Clear": {"topic": "homie/hall-lamp/$implementation/ota/firmware"},
    "FirmwareChange": {"description": "fixes the flicker", "requires": ">=1.5"},
    "Prune": {"keep": 3, "dry_run": True},
    "RolloutOrder": {"firmware": "lamp@2.0.0", "query": "fw:lamp version:<2.0"},
    "PreviewOrder": {"firmware": "lamp@2.0.0", "query": "fw:lamp version:<2.0", "simulate": False},
    "Steering": {"reason": "the new lamps flicker"},
    "NewPerson": {"name": "kim", "role": "operator"},
    "Changes": {"role": "viewer"},
    "NewToken": {"label": "CI of the lamp", "rights": ["upload"], "expires_at": "2027-03-01T12:00:00Z"},
    "Done": {"detail": "kim is no account any more."},
}
"""By the name of the object in the description."""
