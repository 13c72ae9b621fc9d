"""A real Home Assistant beside a real server and a device: what it shows, what its button does, what it forgets."""

from __future__ import annotations

import asyncio
import json
import os
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.serving import NO_SOAK, PATIENCE, Server, first, fleet_of, until
from homie_ota.simulator.fleet import sample_image
from servers import Mosquitto

PYTHON = os.environ.get("HOMIE_OTA_HOME_ASSISTANT", "")
CORE = Path(__file__).with_name("home_assistant_core.py")

pytestmark = pytest.mark.skipif(
    not PYTHON,
    reason="Home Assistant is not here: name a Python that has homeassistant and paho-mqtt in HOMIE_OTA_HOME_ASSISTANT",
)


class Home:
    """A Home Assistant that is asked line by line."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ask(self, *words: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{' '.join(words)}\n".encode())
        line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        assert line, "Home Assistant has ended"
        return json.loads(line)

    async def shows(self, entity: str, **wanted: Any) -> dict[str, Any]:
        """Wait until an entity is there with this state and these attributes."""
        found: dict[str, Any] = {}

        async def so() -> bool:
            found.update((await self.ask("states")).get(entity, {}))
            return found.items() >= wanted.items() and bool(found)

        await until(so, f"{entity} {wanted}")
        return found


@asynccontextmanager
async def home_assistant(folder: Path, broker: Mosquitto) -> AsyncIterator[Home]:
    with (folder / "home-assistant.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            PYTHON, CORE, folder / "home", str(broker.port), stdin=PIPE, stdout=PIPE, stderr=log
        )
        try:
            yield Home(process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


async def test_home_assistant_shows_a_device_installs_and_forgets_it(
    tmp_path: Path, make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    told = {"announce__home_assistant": "true", "announce__diagnostics": "true", **NO_SOAK}
    server = await make_server("--mqtt", mosquitto.url, **told).up()
    async with (
        home_assistant(tmp_path, mosquitto) as home,
        fleet_of(mosquitto.url, "v3", rate=30_000) as fleet,
    ):
        device_id, kind = first(fleet)
        seen = await server.sees(device_id)
        slug = seen["name"].lower().replace(" ", "_")
        update, running = f"update.{slug}_firmware", f"sensor.{slug}_running_firmware"
        await home.shows(
            update, state="off", installed_version="1.0.0", latest_version="1.0.0", in_progress=False
        )
        await home.shows(running, state=f"{kind} 1.0.0")
        (device,) = await home.ask("devices")
        assert device == {"name": seen["name"], "sw": "1.0.0", "macs": [["mac", seen["mac"].lower()]]}

        await server.upload(sample_image(kind, "9.1.0", "v3"), description="Dims softly.")
        shown = await home.shows(update, state="on", latest_version="9.1.0")
        assert shown["release_summary"] == "Dims softly."
        assert await home.ask("install", update) == ""
        going = await home.shows(update, in_progress=True)
        assert going["installed_version"] == "1.0.0"
        await home.shows(
            update, state="off", installed_version="9.1.0", in_progress=False, update_percentage=None
        )
        await home.shows(running, state=f"{kind} 9.1.0")
        assert (await home.ask("devices"))[0]["sw"] == "9.1.0"
        (made,) = await server.deployments(device_id)
        assert (await server.succeed(made["id"]))["events"][0]["actor"] == "home assistant"

        await asyncio.to_thread(server.kill)
        await home.shows(update, state="unavailable")
        await server.up()
        await home.shows(update, state="off")
        await fleet.power_off(device_id)
        await server.sees(device_id, "lost")
        await home.shows(update, state="off")  # a device that is away can still be told to
        assert (await server.ask("DELETE", f"/device/{device_id}")).status_code == 200

        async def forgotten() -> bool:
            return await home.ask("devices") == [] and update not in await home.ask("states")

        await until(forgotten, "the device is gone")
