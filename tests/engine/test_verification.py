"""What a device does after its update, over a real broker: every harm is found, and named as what it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from engines import FAILED, SUCCEEDED, Engine, next_image
from homie_ota.model import Deployment, DeploymentState
from homie_ota.mqtt import Broker
from homie_ota.rollout.soak import Terms
from homie_ota.simulator.fleet import FAULTS, FleetOptions, make_device, make_fleet
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import Faults, Timing
from homie_ota.store import deployments
from servers import Mosquitto

KIND = "heating"
"""Two nodes, so that one can be missing."""
SPEED = 20.0
"""A minute takes three seconds, for devices and server alike."""
SOAK = Terms(soak=45.0, intervals=2, wakes=2, ready=60.0, away=60.0)
FAST = Timing(reboot=3.0, reconnect=0.5, interval=15.0, awake=12.0)


@pytest.fixture
async def engine(
    tmp_path: Path, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Engine]:
    """An engine whose soak is that of a minute, at twenty times its speed."""
    monkeypatch.setitem(deployments.LIMITS, "rebooting", 80.0)
    broker = Broker(mosquitto.host, mosquitto.port)
    async with Engine(tmp_path / "engine", broker, speed=SPEED, soak=SOAK) as running:
        yield running


def house(mosquitto: Mosquitto, generation: str, faults: Faults, timing: Timing = FAST) -> VirtualFleet:
    """One device with this fault, and two siblings of the same kind."""
    options = FleetOptions(
        mqtt=mosquitto.url, devices=40, mix={generation: 1}, timing=timing, speed=SPEED, readings_every=0,
        rate=400_000,
    )  # fmt: skip
    broker = Broker.from_url(mosquitto.url)
    everybody = make_fleet(options, (broker.host, broker.port))
    first, *siblings = [each for each in everybody if _kind(each.identity.device_id) == KIND][:3]
    ill = make_device(first.generation, replace(first._setup, faults=faults))
    return VirtualFleet(options, [ill, *siblings])


def _kind(device_id: str) -> str:
    return device_id.split("-")[1]


async def updated(engine: Engine, fleet: VirtualFleet, generation: str) -> Deployment:
    """The first device's deployment, when it has ended."""
    await fleet.all_ready()
    await engine.devices_are("ready", 3)
    ill = next(iter(fleet)).identity.device_id
    made = await engine.order(ill, await engine.upload(next_image(_kind(ill), generation)))
    return await engine.reach(made.id, SUCCEEDED, FAILED, seconds=60.0)


@pytest.mark.parametrize("generation", ["v2", "v3", "v4", "v5"])
async def test_a_device_that_stays_well_is_verified(
    engine: Engine, mosquitto: Mosquitto, generation: str
) -> None:
    async with house(mosquitto, generation, Faults()) as fleet:
        ended = await updated(engine, fleet, generation)
        assert (ended.outcome, ended.code) == ("verified", "verified"), ended.reason
        assert "Healthy for" in ended.reason
        assert (await engine.story(ended.id))[-2:] == ["verifying", "succeeded"]


@pytest.mark.parametrize(
    ("fault", "generation", "code"),
    [
        ("less-heap", "v4", "worse-heap"),
        ("weak-signal", "v3", "worse-signal"),
        ("node-missing", "v3", "node-missing"),
        ("silent", "v3", "silent"),
        ("restarts", "v3", "restarting"),
        ("restart-loop", "v3", "restarting"),
        ("alternate", "v3", "went-back"),
        ("come-back-old", "v3", "came-back-old"),
        ("never-return", "v3", "not-back"),
    ],
)
async def test_each_harm_is_found_and_named(
    engine: Engine, mosquitto: Mosquitto, fault: str, generation: str, code: str
) -> None:
    async with house(mosquitto, generation, FAULTS[fault][1]) as fleet:
        ended = await updated(engine, fleet, generation)
        assert (ended.outcome, ended.code) == ("harmful", code), ended.reason
        assert ended.harmful


async def test_one_restart_is_borne(engine: Engine, mosquitto: Mosquitto) -> None:
    async with house(mosquitto, "v3", FAULTS["restarts-once"][1]) as fleet:
        ended = await updated(engine, fleet, "v3")
        assert (ended.outcome, ended.after["restarts"]) == ("verified", 1), ended.reason


async def test_a_sleeper_shows_itself_in_its_wake_ups(engine: Engine, mosquitto: Mosquitto) -> None:
    sleeping = Timing(reboot=3.0, reconnect=0.5, interval=15.0, awake=20.0, asleep=40.0)
    async with house(mosquitto, "v3", Faults(), sleeping) as fleet:
        sleeper = next(iter(fleet)).identity.device_id
        await engine.until(lambda: len(engine.ingest.fleet) == 3, "all are known")
        await engine.written()
        made = await engine.order(sleeper, await engine.upload(next_image(KIND, "v3")))
        ended = await engine.reach(made.id, SUCCEEDED, FAILED, seconds=60.0)
        assert (ended.outcome, ended.after["wakes"]) == ("verified", 2), ended.reason


async def test_a_soak_goes_on_where_it_was_after_a_restart_of_ours(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    """Killed in the middle of the soak and started again later: no silence is held against the device."""
    broker = Broker(mosquitto.host, mosquitto.port)
    async with house(mosquitto, "v3", Faults()) as fleet:
        async with Engine(tmp_path / "server", broker, speed=SPEED, soak=SOAK) as first:
            await fleet.all_ready()
            await first.devices_are("ready", 3)
            device_id = next(iter(fleet)).identity.device_id
            made = await first.order(device_id, await first.upload(next_image(KIND, "v3")))
            await first.reach(made.id, DeploymentState.VERIFYING)
        await asyncio.sleep(3.0)  # a minute of theirs: three times as long as it may be silent
        async with Engine(tmp_path / "server", broker, speed=SPEED, soak=SOAK, began=first.began) as second:
            ended = await second.reach(made.id, SUCCEEDED, FAILED, seconds=60.0)
            assert ended.outcome == "verified", ended.reason
            assert second.sent == []
