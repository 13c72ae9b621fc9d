"""Asks Home Assistant's own package about messages: run by a Python that has it, with the messages on standard input.

Lines of `[kind, topic, payload]` as JSON in, a line for each that it would drop out. No part of homie-ota is imported:
Home Assistant may need a newer Python than homie-ota does. Its package is `homeassistant` (tried with 2025.4), with
`paho-mqtt`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from typing import Any

from homeassistant import core  # type: ignore[import-not-found, unused-ignore]
from homeassistant.components.mqtt import discovery, schemas, sensor, update  # type: ignore[import-not-found, unused-ignore]
from homeassistant.helpers import frame  # type: ignore[import-not-found, unused-ignore]

ENTITIES = {"update": update.DISCOVERY_SCHEMA, "sensor": sensor.DISCOVERY_SCHEMA}
SHARED = ("device", "origin")


def check_state(_topic: str, payload: str) -> None:
    """As the entity does with what comes on its topic."""
    update.MQTT_JSON_UPDATE_SCHEMA(json.loads(payload))


def check_discovery(topic: str, payload: str) -> None:
    """As the integration does with a message of device discovery, and each entity with its part."""
    assert discovery.TOPIC_MATCHER.match(topic.partition("/")[2]), f"illegal topic {topic}"
    told: dict[str, Any] = json.loads(payload)
    discovery._replace_all_abbreviations(told)
    for each in told["components"].values():
        discovery._replace_all_abbreviations(each, component_only=True)
    schemas.DEVICE_DISCOVERY_SCHEMA(told)
    for each in told["components"].values():
        if set(each) != {"platform"}:
            plain = {key: value for key, value in each.items() if key != "platform"}
            ENTITIES[each["platform"]]({**plain, **{key: told[key] for key in SHARED}})


async def main() -> None:
    """Check every line, inside a Home Assistant that runs nothing: its templates want one."""
    frame.async_setup(core.HomeAssistant(tempfile.gettempdir()))
    checks = {"state": check_state, "discovery": check_discovery}
    for line in sys.stdin:
        kind, topic, payload = json.loads(line)
        try:
            checks[kind](topic, payload)
        except Exception as error:  # noqa: BLE001 - whatever it is, it would be dropped
            sys.stdout.write(f"{topic}: {error!r}\n")


if __name__ == "__main__":
    asyncio.run(main())
