"""What a device once showed is held against the next image before it is sent: on a real broker, with a real refusal."""

from __future__ import annotations

import pytest

from engines import FAILED, Engine, next_image
from homie_ota.errors import NotEligible
from homie_ota.simulator.fleet import FleetOptions
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import Timing
from servers import Mosquitto


async def test_a_device_that_refused_so_many_bytes_is_told_why_not_before_they_are_sent_again(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    options = FleetOptions(
        mqtt=mosquitto.url, devices=1, mix={"v3": 1}, faults={"no-space": 1}, speed=20.0, readings_every=0,
        rate=200_000, timing=Timing(reboot=2.0, reconnect=0.5, interval=30.0),
    )  # fmt: skip
    async with VirtualFleet(options) as fleet:
        await fleet.all_ready()
        await engine.devices_are("ready", 1)
        device_id = next(iter(fleet)).identity.device_id
        firmware = await engine.upload(next_image(device_id.split("-")[1], "v3"))
        made = await engine.order(device_id, firmware)
        ended = await engine.reach(made.id, FAILED)
        assert ended.code == "no-space"
        sent = len(engine.sent)
        with pytest.raises(NotEligible, match=r"refused|had less than") as refusal:
            await engine.order(device_id, firmware)
        assert "NOT_ENOUGH_SPACE" in str(refusal.value.reasons[0]["evidence"])
        assert len(engine.sent) == sent
        again = await engine.order(device_id, firmware, override="I removed its file system")
        assert (await engine.reach(again.id, FAILED)).code == "no-space"
