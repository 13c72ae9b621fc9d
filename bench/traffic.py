"""Virtual inventories: what realistic Homie 3 devices keep on the broker, and what rows must say of it.

Rule: twenty topics a device on average: every second one is a homie-esp8266 3.0.1 with all its facts (22), the others
come from a library that announces less (18). All have a node with one property and its value.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

BASE = "homie/"
TOPICS_A_DEVICE = 20

_COMMON = {
    "$homie": "3.0.1",
    "$name": "Lamp {n}",
    "$localip": "10.{a}.{b}.{c}",
    "$mac": "5C:CF:7F:{a:02X}:{b:02X}:{c:02X}",
    "$fw/name": "lamp",
    "$fw/version": "1.{b}.{c}",
    "$nodes": "relay",
    "$implementation": "{implementation}",
    "$stats/interval": "65",
    "$stats/uptime": "{uptime}",
    "relay/$name": "Relay",
    "relay/$type": "switch",
    "relay/$properties": "power",
    "relay/power/$name": "Power",
    "relay/power/$datatype": "float",
    "relay/power": "{n}",
    "$state": "ready",
}
_FULL = {
    "$stats/signal": "{signal}",
    "$fw/checksum": "{md5}",
    "$implementation/version": "3.0.0",
    "$implementation/ota/enabled": "true",
    "$implementation/config": '{{"name":"Lamp {n}","wifi":{{"ssid":"home"}},"mqtt":{{"host":"broker"}}}}',
}
_LEAN = {"relay/power/$unit": "W"}


def device_id(n: int) -> str:
    """The id of the n-th device."""
    return f"lamp-{n:06}"


def announcement(n: int) -> dict[str, bytes]:
    """Topic below the device → payload, `$state` last, as it is said after everything else."""
    values = {
        "n": n, "a": n >> 16, "b": n >> 8 & 255, "c": n & 255, "signal": n % 100, "uptime": 60 + n,
        "md5": hashlib.md5(str(n).encode()).hexdigest(), "implementation": "python" if n % 2 else "esp8266",
    }  # fmt: skip
    texts = {**(_LEAN if n % 2 else _FULL), **_COMMON}
    return {tail: text.format(**values).encode() for tail, text in texts.items()}


def announced(n: int) -> Iterator[tuple[str, bytes]]:
    """The messages of one device, in its order."""
    for tail, payload in announcement(n).items():
        yield f"{BASE}{device_id(n)}/{tail}", payload


def inventory(devices: int) -> list[tuple[str, bytes]]:
    """The retained messages of so many devices."""
    return [message for n in range(devices) for message in announced(n)]


# --- Rows ---

_TEXTS = {
    "$homie": "facts ->> '$.homie'",
    "$name": "name",
    "$localip": "ip",
    "$mac": "mac",
    "$fw/name": "fw_name",
    "$fw/version": "fw_version",
    "$fw/checksum": "md5",
    "$nodes": "facts ->> '$.nodes'",
    "$implementation": "implementation",
    "$implementation/version": "facts ->> '$.\"implementation/version\"'",
    "$implementation/ota/enabled": "facts ->> '$.\"ota/enabled\"'",
    "$implementation/config": "facts ->> '$.config'",
    "$stats/interval": "facts ->> '$.interval'",
    "$stats/uptime": "facts ->> '$.uptime'",
    "$stats/signal": "facts ->> '$.signal'",
    "relay/$name": "nodes ->> '$.relay.name'",
    "relay/$type": "nodes ->> '$.relay.type'",
    "relay/$properties": "nodes ->> '$.relay.announced'",
    "relay/power/$name": "nodes ->> '$.relay.properties.power.name'",
    "relay/power/$datatype": "nodes ->> '$.relay.properties.power.datatype'",
    "relay/power/$unit": "nodes ->> '$.relay.properties.power.unit'",
    "$state": "state",
    "relay/power": "value",
}
_FROM = "FROM device LEFT JOIN reading ON device_pk = pk AND node = 'relay' AND prop = 'power'"
_EVERY = [tail for tail in _TEXTS if tail in _COMMON]
_ALL_THERE = " AND ".join(f"{_TEXTS[tail]} <> ''" for tail in _EVERY)
_FULL_THERE = " AND ".join(f"{_TEXTS[tail]} <> ''" for tail in _FULL)
_LEAN_THERE = " AND ".join(f"{_TEXTS[tail]} <> ''" for tail in _LEAN)
_REST_THERE = f"(implementation = 'esp8266' AND {_FULL_THERE} OR {_LEAN_THERE})"
_COMPLETE = f"SELECT count(*) {_FROM} WHERE {_ALL_THERE} AND {_REST_THERE}"


class Rows:
    """What a server has stored, read from its SQLite file while it runs."""

    def __init__(self, data_dir: Path) -> None:
        self._path = data_dir / "homie-ota.sqlite3"
        self._connection: sqlite3.Connection | None = None

    def one(self, query: str, *values: object) -> int:
        """The one number that a query gives; 0 while there are no tables."""
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=5)
            found = self._connection.execute(query, values).fetchone()
        except sqlite3.OperationalError:
            return 0
        return int(found[0]) if found else 0

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def complete(self, devices: int) -> bool:
        """Whether every device has every topic in its rows; asked often, so what is cheap is asked first."""
        if self.one("SELECT count(*) FROM reading") < devices:
            return False
        return self.one(_COMPLETE) == devices

    def topics(self) -> int:
        """How many of the retained topics have come to be in rows."""
        told = " + ".join(f"coalesce({text} <> '' AND {text} <> 'unknown', 0)" for text in _TEXTS.values())
        return self.one(f"SELECT coalesce(sum({told}), 0) {_FROM}")

    def differences(self, devices: int) -> list[str]:
        """Where rows and what was announced differ, word by word; empty: they are equal."""
        assert self._connection is not None
        columns = ", ".join(_TEXTS.values())
        stored = {row[0]: row[1:] for row in self._connection.execute(f"SELECT device_id, {columns} {_FROM}")}
        found: list[str] = []
        for n in range(devices):
            row = stored.get(device_id(n), ())
            is_told = dict(zip(_TEXTS, row, strict=False))
            for tail, payload in announcement(n).items():
                if not _same(is_told.get(tail), payload.decode()):
                    found.append(f"{device_id(n)}/{tail}: {is_told.get(tail)!r}")
        return found


def _same(stored: object, announced: str) -> bool:
    if announced.startswith("{"):
        return isinstance(stored, str) and json.loads(stored) == json.loads(announced)
    return str(stored) == announced
