"""A property of a virtual device of each generation is set on a real broker: it takes the value and tells it."""

from __future__ import annotations

import pytest

from engines import Engine
from homie_ota.homie import setting
from homie_ota.model import Address
from homie_ota.simulator.fleet import FleetOptions
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import Timing
from homie_ota.store import devices
from servers import Mosquitto


@pytest.mark.parametrize("generation", ["v1", "v2", "v3", "v4", "v5"])
async def test_every_generation_takes_a_value_in_its_own_way(
    engine: Engine, mosquitto: Mosquitto, generation: str
) -> None:
    options = FleetOptions(
        mqtt=mosquitto.url, devices=1, mix={generation: 1}, timing=Timing(reconnect=0.5), speed=20.0, readings_every=0
    )  # fmt: skip
    async with VirtualFleet(options) as fleet:
        await fleet.all_ready()
        device_id = next(iter(fleet)).identity.device_id
        await engine.devices_are("ready", 1)
        row = await engine.row(device_id)
        pk = row["pk"]

        def value() -> str | None:
            found = engine.database.read_now(lambda c: devices.readings(c, pk))
            return next((text for _node, prop, text, *_ in found if prop == "on"), None)

        # A switch that nobody touched tells nothing; 1.5 does not even tell that it has one.
        node = next(iter(row["nodes"]))
        told = (row["nodes"][node].get("properties") or {}).get("on", {})
        described = setting.describe(row["homie"], told, "on")
        assert described.settable is (None if generation == "v1" else True)
        wanted = "false" if value() == "true" else "true"
        address = Address(row["base"], row["device_id"])
        message = setting.message(address, row["homie"], node, "on", described, wanted)
        assert message is not None
        engine.session.send(message)
        await engine.until(lambda: value() == wanted, "it tells the new value")
