"""One device, one image: every generation that takes images over MQTT, success and each failure, on a real broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from engines import FAILED, SUCCEEDED, Engine, next_image
from homie_ota.simulator.fleet import FleetOptions
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import Timing
from servers import Mosquitto

FAST = Timing(reboot=2.0, reconnect=0.5, interval=30.0)


def one(mosquitto: Mosquitto, generation: str, faults: Mapping[str, int] | None = None) -> VirtualFleet:
    """A fleet of one device, twenty times as fast as a real one."""
    options = FleetOptions(
        mqtt=mosquitto.url, devices=1, mix={generation: 1}, faults=faults or {}, timing=FAST, speed=20.0,
        readings_every=0, rate=200_000,
    )  # fmt: skip
    return VirtualFleet(options)


async def known(engine: Engine, fleet: VirtualFleet) -> tuple[str, str]:
    """Wait until the one device is in the inventory; its id and its kind."""
    await fleet.all_ready()
    device_id = next(iter(fleet)).identity.device_id
    await engine.until(lambda: engine.ingest.fleet.devices and all(
        each.pk and each.state == "ready" for each in engine.ingest.fleet.devices), "the device is known")  # fmt: skip
    return device_id, device_id.split("-")[1]


@pytest.mark.parametrize("generation", ["beta1", "v2", "v3", "v3dev", "v4", "v5"])
async def test_every_generation_over_mqtt_is_brought_to_the_new_image_and_proves_it(
    engine: Engine, mosquitto: Mosquitto, generation: str
) -> None:
    async with one(mosquitto, generation) as fleet:
        device_id, kind = await known(engine, fleet)
        firmware = await engine.upload(next_image(kind, generation))
        made = await engine.order(device_id, firmware)
        ended = await engine.reach(made.id, SUCCEEDED, FAILED)
        assert ended.state is SUCCEEDED, ended.reason
        assert (await engine.row(device_id))["md5"] == firmware.md5
        story = await engine.story(made.id)
        assert story[0] == "queued"
        assert story[-2:] == ["verifying", "succeeded"]
        images = [each for each in engine.sent if each.payload == await engine.images.body(firmware)]
        assert len(images) == 1
        assert not images[0].retain
