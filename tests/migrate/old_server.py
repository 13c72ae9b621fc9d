"""Directories of the old homie-ota (2016–2019), written as its versions did.

The formats are those of its source: `json.dump(…, separators=(",", ":"))` of a dict by device id; keys are attributes
without their `$`; what a Homie 1.5 device said when it asked over HTTP lies beside them; `sensors.json` has
`node/property`. A server that was run by Python 3 wrote the text of a `bytes` object for every payload, and nothing at
all into `sensors.json`, for `bytes` is no JSON.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from homie_ota.simulator.images import make_image

INI = """\
[global]
DEBUG			= False

OTA_HOST		= 0.0.0.0
OTA_PORT		= 9081
OTA_ENDPOINT		= /ota
OTA_FIRMWARE_ROOT	= ./firmwares
HTTP_USER		= anna
HTTP_PASSWORD		= s%cr=t

[mqtt]
MQTT_HOST		= broker.example.org
MQTT_CAFILE		= ca.crt
MQTT_PORT		= 8883
MQTT_USERNAME		= John
MQTT_PASSWORD		= hunter2
MQTT_SENSOR_PREFIX	= devices
"""

WRITTEN = 1_500_000_000.0
"""When the JSON files were written."""

INVENTORY: dict[str, dict[str, Any]] = {
    "c631f278": {  # Homie 1.5, which has asked for an image
        "online": "true", "name": "Hall", "localip": "10.0.0.36", "fwname": "lamp", "fwversion": "1.0.0",
        "signal": "72", "uptime": "4711", "human_uptime": "1:18:31", "nodes": "relay:relay", "ota": "1.0.1",
        "mac": "1A:FE:34:C6:31:F2", "free_space": "684032", "chip_size": "4194304", "sketch_size": "360872",
    },
    "5ccf7fb952ae": {  # Homie 2.0
        "homie": "2.0.0", "online": "false", "name": "Küche", "mac": "5C:CF:7F:B9:52:AE", "localip": "10.0.0.37",
        "nodes": "temperature", "stats": "uptime", "fwname": "thermo", "fwversion": "1.2.0", "signal": "60",
        "implementation": "esp8266", "human_uptime": "2 days, 1:00:00",
    },
    "a020a6148506": {  # Homie 3.0.1, which the old server knew as far as it understood it
        "homie": "3.0.1", "state": "ready", "name": "Attic", "mac": "A0:20:A6:14:85:06", "fwname": "lamp",
        "fwversion": "2.0.0", "implementation": "esp8266", "free_space": None,
    },
}  # fmt: skip

SENSORS = {
    "c631f278": {"relay/on": "true"},
    "5ccf7fb952ae": {
        "temperature/degrees": "21.5", "temperature/$type": "temperature", "$stats/interval": "60",
        "$implementation/config": '{"name":"Küche","wifi":{"ssid":"home"}}', "$implementation/version": "2.0.0",
    },
}  # fmt: skip


class OldServer:
    """One directory; every method changes it as some version, or its owner, would have."""

    def __init__(self, folder: Path, ini: str | None = INI) -> None:
        self.folder, self.root = folder, folder / "firmwares"
        self.root.mkdir(parents=True)
        if ini is not None:
            (folder / "homie-ota.ini").write_text(ini)
        (folder / "homie-ota.py").write_text("#!/usr/bin/env python\n")
        self.write("inventory.json", INVENTORY)
        self.write("sensors.json", SENSORS)

    def write(self, name: str, content: Any) -> Path:
        return self.text(name, json.dumps(content, separators=(",", ":")))

    def text(self, name: str, text: str) -> Path:
        path = self.root / name
        path.write_text(text)
        os.utime(path, (WRITTEN, WRITTEN))
        return path

    def upload(
        self, name: str, version: str, description: str | bytes | None = "", filename: str = "", **more: Any
    ) -> Path:
        path = self.root / (filename or f"{name}-{version}.bin")
        path.write_bytes(make_image(name, version, "brand", **more))
        if description is not None:
            data = description.encode() if isinstance(description, str) else description
            path.with_suffix(".txt").write_bytes(data)
        return path

    def as_python_3(self) -> None:
        """The files that a server leaves which Python 3 runs."""
        told = {
            device_id: {
                key: repr(value.encode()) if isinstance(value, str) else value
                for key, value in record.items()
            }
            for device_id, record in INVENTORY.items()
        }
        self.write("inventory.json", told)
        (self.root / "sensors.json").unlink()
