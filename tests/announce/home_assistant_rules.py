"""What Home Assistant takes, as its documents say it, so strict that a message which passes is not dropped there.

Written after `protocol/home-assistant-update.md` (our facts); `check_with_home_assistant` asks its own package where
that can be imported.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import urlsplit

STATE_KEYS = {
    "installed_version": str,
    "latest_version": str,
    "title": str,
    "release_summary": str,
    "release_url": str,
    "entity_picture": str,
    "in_progress": bool,
    "update_percentage": (int, float, type(None)),
}
DEVICE_KEYS = {"ids", "cns", "name", "mf", "mdl", "sw", "cu"}
ENTITY_KEYS = {
    "update": {"p", "unique_id", "name", "device_class", "entity_category", "state_topic", "command_topic",
               "payload_install", "availability_topic"},
    "sensor": {"p", "unique_id", "name", "device_class", "entity_category", "state_topic", "value_template",
               "availability_topic", "unit_of_measurement", "state_class", "icon"},
}  # fmt: skip
CONFIG_TOPIC = re.compile(r"[^#+\0$][^#+\0]*/device/[a-zA-Z0-9_-]{1,64}/config")
MAC = re.compile(r"([0-9a-f]{2}:){5}[0-9a-f]{2}")


def is_address(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not re.search(r"[\s\0]", text)


def is_topic(text: str) -> bool:
    return 0 < len(text.encode()) <= 65_535 and not re.search(r"[#+\0]", text)


def read_state(payload: bytes) -> dict[str, Any]:
    """The state of an update entity; AssertionError where Home Assistant would drop the message."""
    told: dict[str, Any] = json.loads(payload)
    for key, value in told.items():
        assert key in STATE_KEYS, f"one unknown key drops the message: {key}"
        assert isinstance(value, STATE_KEYS[key]), f"{key} is {value!r}"  # type: ignore[arg-type]
    percentage = told.get("update_percentage")
    assert not isinstance(percentage, bool)
    assert percentage is None or 0 <= percentage <= 100
    assert percentage is None or told["in_progress"], "a percentage says that it is in progress"
    assert len(told.get("release_summary", "")) <= 255
    assert is_address(told.get("release_url", "http://x"))
    return told


def read_discovery(topic: str, payload: bytes) -> dict[str, Any]:
    """A message of device discovery; AssertionError where Home Assistant would drop it."""
    assert CONFIG_TOPIC.fullmatch(topic), topic
    told: dict[str, Any] = json.loads(payload)
    assert set(told) == {"dev", "o", "cmps"}
    _check_device(told["dev"])
    assert set(told["o"]) <= {"name", "sw", "url"}
    assert told["o"]["name"]
    assert is_address(told["o"].get("url", "http://x"))
    for entity in told["cmps"].values():
        _check_entity(entity)
    ids = [each["unique_id"] for each in told["cmps"].values() if "unique_id" in each]
    assert len(set(ids)) == len(ids)
    return told


def _check_device(told: dict[str, Any]) -> None:
    assert set(told) <= DEVICE_KEYS, set(told) - DEVICE_KEYS
    assert told["ids"]
    assert all(isinstance(each, str) for each in told["ids"])
    assert all(kind == "mac" and MAC.fullmatch(mac) for kind, mac in told.get("cns", ()))
    assert all(
        isinstance(told[key], str) and told[key] for key in DEVICE_KEYS - {"ids", "cns"} if key in told
    )
    assert is_address(told.get("cu", "http://x"))


def _check_entity(told: dict[str, Any]) -> None:
    if set(told) == {"p"}:
        assert told["p"] in ENTITY_KEYS, "only its platform: it is taken away"
        return
    assert set(told) <= ENTITY_KEYS[told["p"]], set(told) - ENTITY_KEYS[told["p"]]
    assert all(isinstance(value, str) and value for value in told.values())
    assert all(is_topic(value) for key, value in told.items() if key.endswith("_topic"))
    assert {"unique_id", "state_topic", "availability_topic"} <= set(told)
    assert told["entity_category"] == ("config" if told["p"] == "update" else "diagnostic")
    assert ("command_topic" in told) == ("payload_install" in told)
