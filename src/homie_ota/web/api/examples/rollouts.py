"""Examples of what the API says and takes about rollouts."""

from __future__ import annotations

from typing import Any

from homie_ota.web.api.examples.devices import MOMENT, SHA256

_PLAN: dict[str, Any] = {
    "waves": [
        {"count": 1, "share": None, "gate": {"verified": 1.0, "harmful": 0, "soak": 120.0, "minimum": 1}},
        {"count": None, "share": None, "gate": None},
    ],
    "limits": {"parallel": 3, "bytes_in_flight": 0, "starts_per_minute": 0.0},
    "windows": ["Mon-Fri 02:00-05:00"],
    "guards": ["signal:>=40"],
    "last": "tag:critical",
    "order": "strong-first",
    "on_harm": "pause",
    "attempts": 3,
    "absent_after": 86400.0,
    "late_for": 2592000.0,
}
_ORDER = {"firmware": "lamp@2.0.0", "query": "fw:lamp version:<2.0"}
_ROLLOUT: dict[str, Any] = {
    "id": 3,
    "name": "",
    "query": "fw:lamp version:<2.0",
    "firmware": SHA256,
    "firmware_name": "lamp",
    "firmware_version": "2.0.0",
    "state": "running",
    "state_since": MOMENT,
    "reason": None,
    "wave": 0,
    "standing": False,
    "follow": None,
    "counts": {"waiting": 11, "running": 1},
    "can": ["pause", "drain", "abort"],
    "created_at": MOMENT,
    "created_by": "kim",
    "started_at": MOMENT,
    "ended_at": None,
}
_MEMBER = {
    "device": "homie~hall-lamp",
    "wave": 0,
    "outcome": "running",
    "reason": None,
    "since": MOMENT,
    "deployment": 17,
    "revert": None,
}
_WAVE: dict[str, Any] = {
    "number": 0,
    "lane": False,
    "state": "running",
    "size": 1,
    "counts": {"running": 1},
    "started_at": MOMENT,
    "passed_at": None,
    "gate": None,
    "why": None,
}
_EVENT = {"seq": 4711, "at": MOMENT, "actor": "kim", "text": "started", "data": {"event": "start"}}
_SOMEONE = {"device": "homie~hall-lamp", "runs": "lamp 1.0.0", "way_back": True, "over": None}

OBJECTS: dict[str, Any] = {
    "RolloutOrder": _ORDER,
    "PreviewOrder": {**_ORDER, "simulate": False},
    "Steering": {"reason": "the new lamps flicker"},
    "RolloutShape": _ROLLOUT,
    "RolloutDetail": {
        **_ROLLOUT,
        "plan": _PLAN,
        "waves": [_WAVE],
        "members": {"items": [_MEMBER], "total": 1, "next": None},
        "events": [_EVENT],
    },
    "Steered": {"detail": "Paused: nothing new is sent.", "rollout": {**_ROLLOUT, "state": "paused"}},
    "PreviewShape": {
        "firmware": SHA256,
        "firmware_name": "lamp",
        "firmware_version": "2.0.0",
        "plan": _PLAN,
        "members": 1,
        "waves": [{"number": 0, "size": 1, "devices": [_SOMEONE]}],
        "left_out": [{"device": "homie~attic", "code": "pinned", "reason": "attic is pinned: guests."}],
        "left_out_total": 1,
        "way_back": {"text": "way back: 1 of 1", "asks": False},
        "missing": [],
        "warnings": [],
        "estimate": {"low": 150.0, "high": 420.0, "assumed": ["Nobody fails, and nobody else uses the air."]},
        "simulation": None,
    },
}
PAGES = {"RolloutPage": "RolloutShape"}
