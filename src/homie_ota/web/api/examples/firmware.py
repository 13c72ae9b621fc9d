"""Examples of what the API says and takes about firmware."""

from __future__ import annotations

from typing import Any

from homie_ota.web.api.examples.devices import MD5, MOMENT, SHA256

_IMAGE: dict[str, Any] = {
    "sha256": SHA256,
    "md5": MD5,
    "name": "lamp",
    "version": "2.0.0",
    "filename": "lamp-2.0.0.bin",
    "brand": "workshop",
    "chip": "esp8266",
    "flash": {"size": 1048576, "mode": "dio"},
    "kind": "application",
    "size": 404368,
    "description": "fixes the flicker",
    "uploaded_at": MOMENT,
    "uploaded_by": "kim",
    "warnings": [],
    "override": "",
    "requires": ">=1.5",
    "proven": "",
    "in_use_by": 2,
}
_OLDER = {
    **_IMAGE,
    "sha256": SHA256[::-1],
    "md5": MD5[::-1],
    "version": "1.0.0",
    "filename": "lamp-1.0.0.bin",
}
_DETAILS: dict[str, Any] = {
    **_IMAGE,
    "changelog": "",
    "findings": [],
    "checks": [{"what": "checksum", "part": "sketch", "result": "verified", "detail": "XOR 4E"}],
    "parts": [
        {
            "what": "sketch",
            "offset": 0,
            "length": 404368,
            "entry": 1074790404,
            "segments": [{"address": 1075843088, "length": 404344, "offset": 24}],
        }
    ],
    "descriptor": None,
    "compiled": "2026-02-28",
    "versions": ["2.0.0"],
    "signed": False,
    "needed_by": [{"who": "homie/hall-lamp", "why": "target"}],
}
_LINE = {"topic": "image", "what": "version", "a": "2.0.0", "b": "1.0.0", "differs": True, "note": ""}

OBJECTS: dict[str, Any] = {
    "FirmwareImage": _IMAGE,
    "FirmwareDetails": _DETAILS,
    "StoredFirmware": {**_DETAILS, "remarks": []},
    "FirmwareChange": {"description": "fixes the flicker", "requires": ">=1.5"},
    "Prune": {"keep": 3, "dry_run": True},
    "Pruned": {"keep": 3, "dry_run": True, "deleted": [_OLDER], "bytes": 404368},
    "Comparison": {"a": _IMAGE, "b": _OLDER, "differences": 1, "lines": [_LINE]},
    "FitsShape": {
        "fits": 1,
        "of": 1,
        "with_warnings": 0,
        "devices": [
            {
                "device": "homie~hall-lamp",
                "verdict": "yes",
                "code": "eligible",
                "reasons": [],
                "newer": {"answer": "newer", "text": "2.0.0 is newer than the 1.0.0 that it runs."},
                "fit": {"answer": "yes", "text": "It needs 404 KB of 1,012 KB.", "evidence": "", "at": None},
            }
        ],
        "next": None,
    },
    "Release": {"firmware": "lamp@2.0.0"},
    "Quarantined": {
        "device": "homie~hall-lamp",
        "firmware": SHA256,
        "firmware_name": "lamp",
        "firmware_version": "2.0.0",
        "code": "came-back-old",
        "reason": "It came back with the old image three times.",
        "since": MOMENT,
    },
    "LeftoverShape": {
        "topic": "homie/hall-lamp/$implementation/ota/firmware",
        "kind": "image",
        "device": "homie~hall-lamp",
        "text": MD5,
        "size": 404368,
        "found_at": MOMENT,
        "asked_at": None,
        "asked_by": "",
        "detail": "The broker keeps an image: the device takes it in at every connect.",
    },
    "Clear": {"topic": "homie/hall-lamp/$implementation/ota/firmware"},
}
PAGES = {"FirmwarePage": "FirmwareImage", "QuarantinePage": "Quarantined", "LeftoverPage": "LeftoverShape"}
