"""One device, one image: every generation that takes images over MQTT, success and each failure, on a real broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from engines import FAILED, SUCCEEDED, Engine, next_image
from homie_ota.errors import NotEligible
from homie_ota.model import DeploymentState, Publish
from homie_ota.mqtt import Broker, Connection
from homie_ota.simulator.fleet import FleetOptions, make_device
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import Faults, Timing
from homie_ota.store import deployments
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
    await engine.devices_are("ready", 1)
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


@pytest.mark.parametrize(
    ("fault", "generation", "words", "harmful"),
    [
        ("drops", "v3", "lost its connection during the transfer", False),
        ("drops", "v2", "lost its connection during the transfer", False),
        ("come-back-old", "v3", "came back with its old firmware", True),
        ("no-space", "v3", "NOT_ENOUGH_SPACE", False),
        ("bad-checksum", "v3", "BAD_CHECKSUM", False),
        ("refuse", "v3", "403", False),
    ],
)
async def test_each_failure_ends_with_a_reason_that_says_what_happened_and_what_to_do(
    engine: Engine, mosquitto: Mosquitto, fault: str, generation: str, words: str, harmful: bool
) -> None:
    async with one(mosquitto, generation, {fault: 1}) as fleet:
        device_id, kind = await known(engine, fleet)
        made = await engine.order(device_id, await engine.upload(next_image(kind, generation)))
        ended = await engine.reach(made.id, SUCCEEDED, FAILED)
        assert ended.state is FAILED
        assert words in ended.reason
        assert ended.harmful is harmful
        assert (await engine.row(device_id))["fw_version"] == "1.0.0"


async def test_a_transfer_that_takes_over_forty_seconds_is_named_as_what_it_is(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    scaled = Engine(tmp_path / "engine", Broker(mosquitto.host, mosquitto.port), speed=20.0)
    async with scaled as engine, one(mosquitto, "v3", {"slow": 1}) as fleet:
        device_id, kind = await known(engine, fleet)
        made = await engine.order(device_id, await engine.upload(next_image(kind, "v3")))
        ended = await engine.reach(made.id, SUCCEEDED, FAILED)
        assert ended.state is FAILED
        assert "dropped its own connection 4" in ended.reason
        assert "too slow" in ended.reason


@pytest.mark.parametrize("fault", ["statuses-lost", "mode-rewritten", "slow-reboot"])
async def test_what_only_looks_like_a_failure_is_a_success(
    engine: Engine, mosquitto: Mosquitto, fault: str
) -> None:
    async with one(mosquitto, "v3", {fault: 1}) as fleet:
        device_id, kind = await known(engine, fleet)
        made = await engine.order(device_id, await engine.upload(next_image(kind, "v3")))
        ended = await engine.reach(made.id, SUCCEEDED, FAILED)
        assert ended.state is SUCCEEDED, ended.reason
        assert ("flash mode" in ended.reason) == (fault == "mode-rewritten")


async def test_a_device_that_never_returns_fails_as_harmful_and_a_late_return_still_wins(
    engine: Engine, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(deployments.LIMITS, "rebooting", 1.0)
    async with one(mosquitto, "v3", {"slow-reboot": 1}) as fleet:
        device_id, kind = await known(engine, fleet)
        made = await engine.order(device_id, await engine.upload(next_image(kind, "v3")))
        failed = await engine.reach(made.id, FAILED)
        assert failed.harmful
        assert "has not come back" in failed.reason
        late = await engine.reach(made.id, SUCCEEDED)
        assert late.late


async def test_an_update_from_3_to_5_is_recognised_under_its_new_address(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    """The device leaves `homie/` with 2.x and comes back below `homie/5/`: one device, one history."""
    fleet = one(mosquitto, "v3")
    device = next(iter(fleet))
    crossing = VirtualFleet(
        fleet._options,
        [make_device(device.generation, replace(device._setup, faults=Faults(crosses_to="v5")))],
    )
    async with crossing:
        device_id, kind = await known(engine, crossing)
        before = await engine.pk(device_id)
        made = await engine.order(device_id, await engine.upload(next_image(kind, "v5")))
        ended = await engine.reach(made.id, SUCCEEDED, FAILED)
        assert ended.state is SUCCEEDED, ended.reason
        row = await engine.row(f"homie~5~{device_id}")
        assert row["pk"] == before
        assert row["base"] == "homie/5/"
        assert [each["base"] for each in row["addresses"]] == ["homie/5/", "homie/"]


async def test_an_image_for_a_sleeper_waits_and_leaves_within_a_tenth_of_a_second_of_its_waking(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    sleeper = Timing(reboot=2.0, reconnect=0.5, interval=30.0, awake=30.0, asleep=40.0)
    fleet = one(mosquitto, "v3")
    device = next(iter(fleet))
    asleep = VirtualFleet(
        fleet._options, [make_device(device.generation, replace(device._setup, timing=sleeper))]
    )
    heard: list[tuple[float, str, bytes]] = []
    ear = await Connection.open(
        Broker(mosquitto.host, mosquitto.port),
        client_id="ear",
        on_message=lambda topic, payload, _qos, _retain: heard.append((time.monotonic(), topic, payload)),
    )
    async with asleep:
        device_id, kind = await known(engine, asleep)
        firmware = await engine.upload(next_image(kind, "v3"))
        await engine.devices_are("sleeping", 1)
        made = await engine.order(device_id, firmware)
        await asyncio.sleep(0.2)
        assert (await engine.deployment(made.id)).state == "queued"
        assert not engine.sent
        ear.subscribe([f"homie/{device_id}/$state", f"homie/{device_id}/$implementation/ota/firmware/+"])
        await asyncio.sleep(0.1)
        heard.clear()
        ended = await engine.reach(made.id, SUCCEEDED, FAILED)
        assert ended.state is SUCCEEDED, ended.reason
        ready = next(at for at, _, payload in heard if payload == b"ready")
        image = [at for at, topic, _ in heard if "/ota/firmware/" in topic]
        assert len(image) == 1
        # By hand 13–34 ms; the bound is wide, since a busy machine must not fail what is right.
        assert 0 < image[0] - ready < 1.0
    await ear.close()


async def test_nothing_is_sent_again_by_a_restart_while_an_image_is_under_way(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    broker = Broker(mosquitto.host, mosquitto.port)
    async with one(mosquitto, "v3") as fleet:
        async with Engine(tmp_path / "server", broker) as first:
            device_id, kind = await known(first, fleet)
            firmware = await first.upload(next_image(kind, "v3"))

            def crash(_message: Publish) -> None:
                raise RuntimeError("kill -9 between the commit and the first byte")

            first.gate = crash
            made = await first.order(device_id, firmware)
            await first.reach(made.id, DeploymentState.OFFERED)
        async with Engine(tmp_path / "server", broker) as second:
            await asyncio.sleep(1.0)
            assert second.sent == []
            assert (await second.deployment(made.id)).state == "offered"
            assert fleet[device_id].images_received == 0


async def test_an_image_that_arrived_while_we_were_down_is_found_and_confirmed(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    broker = Broker(mosquitto.host, mosquitto.port)
    async with one(mosquitto, "v3") as fleet:
        async with Engine(tmp_path / "server", broker) as first:
            device_id, kind = await known(first, fleet)
            firmware = await first.upload(next_image(kind, "v3"))
            made = await first.order(device_id, firmware)
            await first.reach(made.id, DeploymentState.TRANSFERRING, DeploymentState.REBOOTING)
        async with asyncio.timeout(20):
            while fleet[device_id].sketch.version != "2.0.0":
                await asyncio.sleep(0.05)
        await fleet.all_ready()
        async with Engine(tmp_path / "server", broker) as second:
            ended = await second.reach(made.id, SUCCEEDED, FAILED)
            assert ended.state is SUCCEEDED
            assert second.sent == []


async def test_a_retained_status_from_before_changes_nothing(engine: Engine, mosquitto: Mosquitto) -> None:
    async with one(mosquitto, "v3") as fleet:
        device_id, kind = await known(engine, fleet)
        await fleet.power_off(device_id)
        mosquitto.publish(
            f"homie/{device_id}/$implementation/ota/status", "500 INTERNAL_ERROR 8", retain=True
        )
        fleet.power_on(device_id)
        await fleet.all_ready()
        made = await engine.order(device_id, await engine.upload(next_image(kind, "v3")))
        ended = await engine.reach(made.id, SUCCEEDED, FAILED)
        assert ended.state is SUCCEEDED, ended.reason


async def test_devices_of_a_name_are_brought_to_the_new_image_and_the_others_are_refused_with_a_reason(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    options = FleetOptions(
        mqtt=mosquitto.url, devices=12, mix={"v3": 1}, timing=FAST, speed=20.0, readings_every=0, rate=400_000,
        faults={"disabled": 1},
    )  # fmt: skip
    async with VirtualFleet(options) as fleet:
        await fleet.all_ready()
        await engine.devices_are("ready", 12)
        kind = next(iter(fleet)).identity.device_id.split("-")[1]
        same = [each for each in fleet if each.identity.device_id.split("-")[1] == kind]
        firmware = await engine.upload(next_image(kind, "v3"))
        made, refused = [], []
        for device_id in [each.identity.device_id for each in same]:
            try:
                made.append(await engine.order(device_id, firmware))
            except NotEligible as error:
                refused.append(str(error))
        assert made
        for each in made:
            assert (await engine.reach(each.id, SUCCEEDED, FAILED, seconds=60)).state is SUCCEEDED
        assert all("switched off" in why for why in refused)
