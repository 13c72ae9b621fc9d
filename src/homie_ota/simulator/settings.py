"""The configuration that a device keeps, publishes and lets others patch (homie-ota.md rule 19).

Rule: a patch is merged, never replaces; a document that does not fit is refused whole and nobody is told.
"""

from __future__ import annotations

import json

from homie_ota.simulator.values import Identity

_LIMIT = 1000
"""Bytes of config.json that a device can read back."""
_KINDS: dict[str, dict[str, type]] = {
    "": {
        "name": str,
        "device_id": str,
        "device_stats_interval": int,
        "wifi": dict,
        "mqtt": dict,
        "ota": dict,
    },
    "wifi": {"ssid": str, "password": str},
    "mqtt": {"host": str, "port": int, "base_topic": str, "username": str, "password": str},
    "ota": {"enabled": bool},
}
_SECRETS = {"wifi": ("password",), "mqtt": ("username", "password")}

Document = dict[str, object]


class Settings:
    """One device's configuration; `text` is what it publishes."""

    def __init__(
        self, identity: Identity, *, broker: tuple[str, int], interval: int, ota_enabled: bool
    ) -> None:
        self._document: Document = {
            "name": identity.name,
            "device_id": identity.device_id,
            "device_stats_interval": interval,
            "wifi": {"ssid": "host"},
            "mqtt": {"host": broker[0], "port": broker[1], "base_topic": identity.base},
            "ota": {"enabled": ota_enabled},
        }

    @property
    def text(self) -> str:
        """The document without its secrets, as `$implementation/config`."""
        shown = {key: _without_secrets(key, value) for key, value in self._document.items()}
        return json.dumps(shown, separators=(",", ":"), ensure_ascii=False)

    @property
    def name(self) -> str:
        return str(self._document["name"])

    @property
    def ota_enabled(self) -> bool:
        return bool(_section(self._document, "ota").get("enabled"))

    @property
    def interval(self) -> int:
        return int(str(self._document["device_stats_interval"]))

    def patch(self, payload: bytes) -> bool:
        """Merge a document; false when it is none, or one that does not fit, and nothing changed."""
        change = _parsed(payload)
        if not change or not _fits(change):
            return False
        merged = dict(self._document)
        for key, value in change.items():
            merged[key] = {**_section(merged, key), **value} if isinstance(value, dict) else value
        if len(json.dumps(merged)) > _LIMIT:
            return False
        self._document = merged
        return True


def _parsed(payload: bytes) -> Document:
    try:
        document = json.loads(payload)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _fits(change: Document) -> bool:
    return _typed(change, "") and all(
        _typed(value, key) for key, value in change.items() if key in _KINDS and isinstance(value, dict)
    )


def _typed(section: Document, name: str) -> bool:
    """Whether every known key of a section has a value of its type; true and false are no numbers."""
    kinds = _KINDS[name]
    return all(
        isinstance(value, kinds[key]) and (kinds[key] is bool or not isinstance(value, bool))
        for key, value in section.items()
        if key in kinds
    )


def _section(document: Document, key: str) -> Document:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _without_secrets(key: str, value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {name: text for name, text in value.items() if name not in _SECRETS.get(key, ())}
