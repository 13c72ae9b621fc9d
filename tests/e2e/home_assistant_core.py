"""A Home Assistant with its MQTT integration alone: run by a Python that has `homeassistant` and `paho-mqtt`.

    python home_assistant_core.py FOLDER BROKER-PORT

On standard input come `states`, `devices` and `install ENTITY`; each is answered with a line of JSON. No part of
homie-ota is imported, and no port is opened.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from homeassistant import bootstrap, config_entries, core, loader  # type: ignore[import-not-found, unused-ignore]
from homeassistant.helpers import device_registry  # type: ignore[import-not-found, unused-ignore]
from homeassistant.setup import async_setup_component  # type: ignore[import-not-found, unused-ignore]

ENTRY = {
    "entry_id": "mqtt", "domain": "mqtt", "title": "broker", "source": "user", "version": 1, "minor_version": 2,
    "unique_id": None, "disabled_by": None, "options": {}, "discovery_keys": {}, "subentries": [],
    "pref_disable_new_entities": False, "pref_disable_polling": False,
    "created_at": "2025-01-01T00:00:00+00:00", "modified_at": "2025-01-01T00:00:00+00:00",
}  # fmt: skip


def configure(folder: Path, port: int) -> None:
    """As if somebody had set up the MQTT integration by hand."""
    entry = {**ENTRY, "data": {"broker": "127.0.0.1", "port": port, "discovery": True}}
    stored = {"version": 1, "minor_version": 5, "key": "core.config_entries", "data": {"entries": [entry]}}
    (folder / ".storage").mkdir(parents=True, exist_ok=True)
    (folder / ".storage" / "core.config_entries").write_text(json.dumps(stored))
    (folder / "configuration.yaml").write_text("homeassistant:\n")


async def start(folder: Path) -> Any:
    """Home Assistant, started; what has to do with its own pages is left out."""
    home = core.HomeAssistant(str(folder))
    home.config.skip_pip = True
    home.config.components |= {"http", "file_upload"}
    loader.async_setup(home)
    home.config_entries = config_entries.ConfigEntries(home, {})
    await bootstrap.async_load_base_functionality(home)
    for component in ("homeassistant", "mqtt"):
        assert await async_setup_component(home, component, {}), component
    await home.async_start()
    return home


async def states(home: Any) -> Any:
    """Every entity with its attributes."""
    return {each.entity_id: {"state": each.state, **each.attributes} for each in home.states.async_all()}


async def devices(home: Any) -> Any:
    """Every device."""
    found = device_registry.async_get(home).devices.values()
    return [{"name": each.name, "sw": each.sw_version, "macs": sorted(each.connections)} for each in found]


async def install(home: Any, entity: str) -> Any:
    """Press the button; what went wrong."""
    try:
        await home.services.async_call("update", "install", {"entity_id": entity}, blocking=True)
    except Exception as error:  # noqa: BLE001 - the test says what it should be
        return str(error)
    return ""


COMMANDS: dict[str, Callable[..., Awaitable[Any]]] = {
    "states": states,
    "devices": devices,
    "install": install,
}


async def main(folder: Path, port: int) -> None:
    """Answer until the input ends."""
    configure(folder, port)
    home = await start(folder)
    loop, reader = asyncio.get_running_loop(), asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async for line in reader:
        name, *given = line.decode().split()
        sys.stdout.write(json.dumps(await COMMANDS[name](home, *given), default=str) + "\n")
        sys.stdout.flush()
    await home.async_stop(force=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
