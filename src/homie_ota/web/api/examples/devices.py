"""Examples of what the API says and takes about devices, and about one deployment."""

from __future__ import annotations

from typing import Any

SHA256 = "8dffb149e1859bd8a1b2c3d4e5f60718293a4b5c6d7e8f901a2b3c4d5e6f7081"
MD5 = "9b8cbb1f8c5fbdb1e0a2f2c7d5d8b8a1"
MOMENT = "2026-03-01T12:00:00Z"

_DEVICE: dict[str, Any] = {
    "id": "homie~hall-lamp",
    "base": "homie/",
    "homie": "3.0.1",
    "name": "Hall lamp",
    "state": "ready",
    "implementation": "esp8266",
    "ota": {"way": "mqtt", "enabled": True},
    "firmware": {"name": "lamp", "version": "1.0.0", "md5": MD5, "sha256": None},
    "target": {"sha256": SHA256, "name": "lamp", "version": "2.0.0"},
    "deployment": {"id": 17, "state": "transferring", "bytes_done": 131072, "bytes_total": 404368},
    "ip": "192.168.1.17",
    "mac": "A0:20:A6:14:85:06",
    "signal": 72.0,
    "uptime_s": 86400.0,
    "first_seen": "2025-11-01T08:00:00Z",
    "last_seen": MOMENT,
    "tags": ["attic"],
    "needs_you": None,
    "pinned_until": None,
    "pin_reason": "",
    "nodes": None,
}
_DEPLOYMENT: dict[str, Any] = {
    "id": 17,
    "device": "homie~hall-lamp",
    "firmware": SHA256,
    "firmware_name": "lamp",
    "firmware_version": "2.0.0",
    "state": "transferring",
    "reason": None,
    "harmful": None,
    "late": False,
    "attempt": 1,
    "bytes_done": 131072,
    "bytes_total": 404368,
    "created_at": MOMENT,
    "created_by": "kim",
    "not_before": None,
    "not_after": None,
    "updated_at": MOMENT,
    "override": None,
    "code": "",
    "outcome": None,
    "purpose": "update",
    "followed": None,
    "verifying": None,
    "rollout": None,
    "wave": None,
    "before": None,
    "after": None,
    "events": None,
}

_MARKS = {"device": "homie~hall-lamp", "pinned_until": None, "pin_reason": None, "tags": ["attic"]}
_READING = {"node": "sensor", "property": "degrees", "value": "21.5", "number": 21.5, "at": MOMENT}
_COPY = {
    "number": 7,
    "device": "homie~hall-lamp",
    "name": "Hall lamp",
    "deleted_at": MOMENT,
    "deleted_by": "kim",
    "kept_until": "2026-03-02T12:00:00Z",
}

OBJECTS: dict[str, Any] = {
    "Device": _DEVICE,
    "Reading": _READING,
    "Copy": _COPY,
    "Value": {"value": True},
    "Sent": {
        "device": "homie~hall-lamp",
        "node": "relay",
        "property": "on",
        "value": "true",
        "topic": "homie/hall-lamp/relay/on/set",
    },
    "Pin": {"until": "2099-03-01T12:00:00Z", "reason": "guests are coming"},
    "Marks": _MARKS,
    "Series": {
        "metric": "signal",
        "span": "day",
        "since": 1772280000,
        "until": 1772366400,
        "times": [1772280000, 1772280060],
        "values": [72.0, None],
        "low": [72.0, None],
        "high": [72.0, None],
    },
    "Verdict": {
        "device": "homie~hall-lamp",
        "code": "settled",
        "tone": "good",
        "text": "Runs lamp 2.0.0; nothing to do.",
        "at": MOMENT,
    },
    "Why": {
        "device": "homie~hall-lamp",
        "code": "running",
        "text": "It runs lamp 1.0.0. It is being updated to lamp 2.0.0: deployment 17, attempt 1, is offered.",
        "until": "2026-03-01T12:01:30Z",
        "deployment": 17,
        "steps": [{"at": MOMENT, "what": "deployment 17: queued by kim", "reason": ""}],
    },
    "Outlook": {
        "device": "homie~hall-lamp",
        "awake": False,
        "every_s": 3600.0,
        "awake_for_s": 20.0,
        "spread_s": 4.0,
        "samples": 12,
        "next_chance": "2026-03-01T13:00:00Z",
        "rate": 30000.0,
        "rate_of_others": False,
        "fits": True,
        "needs_s": 14.0,
    },
    "SavedFilter": {"name": "attic", "query": "tag:attic -state:ready", "sort": "-seen"},
    "NewFilter": {"query": "tag:attic -state:ready", "sort": "-seen"},
    "DeploymentShape": _DEPLOYMENT,
    "NewDeployment": {"device": "homie~hall-lamp", "firmware": "lamp@2.0.0"},
    "Done": {"detail": "kim is no account any more."},
}
PAGES = {
    "DevicePage": "Device",
    "ReadingPage": "Reading",
    "Copies": "Copy",
    "DeploymentPage": "DeploymentShape",
    "SavedFilterPage": "SavedFilter",
}
