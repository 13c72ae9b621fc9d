"""Rollouts over a real broker to a virtual fleet: waves, harm, pause, abort, the way back, late joiners, a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from engines import Engine, next_image
from homie_ota.dispatch import standing
from homie_ota.errors import Conflict
from homie_ota.model import Firmware
from homie_ota.mqtt import Broker
from homie_ota.rollout.course import Move
from homie_ota.rollout.plan import Gate, Limits, OnHarm, Plan, RolloutState, WaveRule
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.fleet import FleetOptions, make_device, make_fleet, sample_image
from homie_ota.simulator.images import read_sketch
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import Faults, Timing
from homie_ota.store import firmware as firmwares
from homie_ota.store import marks, memberships, previews, rollouts, steering
from homie_ota.store.rollouts import Rollout
from servers import Mosquitto

S = RolloutState
FAST = Timing(reboot=2.0, reconnect=0.5, interval=5.0)
QUICK = Gate(verified=0.9, harmful=0, soak=0.2)
WAVES = (WaveRule(count=1, gate=QUICK), WaveRule(share=0.25, gate=QUICK), WaveRule(gate=QUICK))
PLAN = Plan(WAVES, Limits(parallel=4))
KIND = "lamp"


def lamps(
    mosquitto: Mosquitto,
    count: int,
    faults: Mapping[str, int] | None = None,
    change: Callable[[VirtualDevice], VirtualDevice] = lambda device: device,
) -> VirtualFleet:
    """A fleet of one kind, twenty times as fast as real ones."""
    options = FleetOptions(
        mqtt=mosquitto.url, devices=count, mix={"v3": 1}, faults=faults or {}, timing=FAST, speed=20.0,
        readings_every=0, rate=400_000,
    )  # fmt: skip
    sketch = read_sketch(sample_image(KIND, options.version, "v3", options.image_bytes))
    made = make_fleet(options, (mosquitto.host, mosquitto.port))
    alike = [make_device(each.generation, replace(each._setup, sketch=sketch)) for each in made]
    return VirtualFleet(options, [change(each) for each in alike])


async def known(engine: Engine, fleet: VirtualFleet) -> Firmware:
    """Wait until all are in the inventory; store what they run and what they are to get, and return that."""
    await fleet.all_ready()
    await engine.devices_are("ready", len(fleet))
    await engine.upload(sample_image(KIND, "1.0.0", "v3"))
    return await engine.upload(next_image(KIND, "v3"))


async def start(
    engine: Engine, firmware: Firmware, query: str = f"fw:{KIND}", plan: Plan = PLAN, **how: object
) -> int:
    """Make a rollout and start it; its number."""

    def write(conn: object) -> int:
        now = engine.clock()
        seen = previews.make(conn, firmware, query, plan, now=now)  # type: ignore[arg-type]
        made = previews.found(conn, seen, query, by="test", now=now, **how)  # type: ignore[arg-type]
        steering.steer(conn, made.id, Move.START, now=now, by="test")  # type: ignore[arg-type]
        return made.id

    number = await engine.database.write(write)
    engine.bus.say("rollout", id=number)
    return number


async def steer(engine: Engine, number: int, how: Move) -> str:
    done = await engine.database.write(
        lambda conn: steering.steer(conn, number, how, now=engine.clock(), by="test"), urgent=True
    )
    engine.bus.say("rollout", id=number)
    engine.bus.say("order")
    return done.sentence


async def row(engine: Engine, number: int) -> Rollout:
    return await engine.database.read(lambda conn: rollouts.require(conn, number))


async def counts(engine: Engine, number: int) -> dict[str, int]:
    return (await engine.database.read(lambda conn: memberships.totals(conn, [number]))).get(number, {})


async def reach(engine: Engine, number: int, *states: RolloutState, seconds: float = 40.0) -> Rollout:
    """Wait until the rollout is in one of these states."""
    until = time.monotonic() + seconds
    while (found := await row(engine, number)).state not in states:
        if engine._tasks[3].done():
            raise AssertionError("the rollouts ended") from engine._tasks[3].exception()
        if time.monotonic() > until:
            story = await engine.database.read(lambda conn: rollouts.story(conn, number))
            told = [each["data"] for each in story[:10]]
            raise AssertionError(f"{found.state} after {seconds} s: {await counts(engine, number)} {told}")
        await asyncio.sleep(0.05)
    return found


async def counted(engine: Engine, number: int, seconds: float = 30.0, **wanted: int) -> None:
    """Wait until so many members at least are what is wanted."""
    until = time.monotonic() + seconds
    found: dict[str, int] = {}
    while any(found.get(name, 0) < least for name, least in wanted.items()):
        assert time.monotonic() < until, found
        await asyncio.sleep(0.05)
        found = await counts(engine, number)


@pytest.fixture
def broker(mosquitto: Mosquitto) -> Broker:
    return Broker(mosquitto.host, mosquitto.port)


async def test_twelve_devices_go_through_in_three_waves(engine: Engine, mosquitto: Mosquitto) -> None:
    async with lamps(mosquitto, 12) as fleet:
        firmware = await known(engine, fleet)
        number = await start(engine, firmware)
        ended = await reach(engine, number, S.FINISHED, S.PAUSED)
        assert ended.state is S.FINISHED, ended.reason
        assert "12 of 12" in ended.reason
        assert {each.sketch.version for each in fleet} == {"2.0.0"}
        waves = await engine.database.read(lambda conn: rollouts.waves(conn, number))
        began = [each.started_at for each in waves[:3]]
        assert began == sorted(at for at in began if at is not None)
        for earlier, later in pairwise(waves[:3]):
            assert earlier.passed_at is not None
            assert later.started_at is not None
            assert earlier.passed_at <= later.started_at


def strongest(device: VirtualDevice, faults: Faults, name: str) -> VirtualDevice:
    """Give the device of this id the best radio, so that it is the canary, and these faults."""
    if device.identity.device_id != name:
        return device
    hardware = replace(device._setup.hardware, signal=100)
    return make_device(device.generation, replace(device._setup, hardware=hardware, faults=faults))


def with_canary(mosquitto: Mosquitto, count: int, faults: Faults) -> tuple[VirtualFleet, str]:
    """A fleet whose canary has faults, and the canary's id."""
    name = next(iter(lamps(mosquitto, count))).identity.device_id
    return lamps(mosquitto, count, change=lambda device: strongest(device, faults, name)), name


async def test_harm_in_the_canary_stops_the_rollout_and_nobody_else_is_touched(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    fleet, canary = with_canary(mosquitto, 6, Faults(comes_back_old=True))
    async with fleet:
        number = await start(engine, await known(engine, fleet))
        stopped = await reach(engine, number, S.PAUSED, S.FINISHED)
        assert stopped.state is S.PAUSED
        assert "harm" in stopped.reason
        assert await counts(engine, number) == {"harmful": 1, "waiting": 5}
        assert {each.images_received for each in fleet if each.identity.device_id != canary} == {0}


async def test_harm_beyond_the_limit_sends_everybody_back_when_that_was_chosen(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    fleet = lamps(mosquitto, 6, {"come-back-old": 2})
    async with fleet:
        firmware = await known(engine, fleet)
        plan = replace(PLAN, waves=(WaveRule(gate=QUICK),), on_harm=OnHarm.REVERT)
        number = await start(engine, firmware, plan=plan)
        ended = await reach(engine, number, S.FINISHED)
        found = await counts(engine, number)
        assert found.get("verified", 0) + found.get("booted", 0) == 0, found
        assert found["reverted"] + found.get("withdrawn", 0) == 6, found
        assert {each.sketch.version for each in fleet} == {"1.0.0"}
        assert "Back" in ended.reason


async def test_a_paused_rollout_sends_nothing_and_goes_on_where_it_was(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    async with lamps(mosquitto, 8) as fleet:
        firmware = await known(engine, fleet)
        number = await start(engine, firmware)
        await counted(engine, number, booted=1)
        assert "will not start." in await steer(engine, number, Move.PAUSE)
        await engine.until(lambda: not any(each.phase.name == "WAITING" for each in fleet), "all are back")
        sent = len(engine.sent)
        await asyncio.sleep(0.6)
        assert len(engine.sent) == sent
        await steer(engine, number, Move.RESUME)
        ended = await reach(engine, number, S.FINISHED)
        assert "8 of 8" in ended.reason


async def test_abort_takes_back_what_was_not_sent(engine: Engine, mosquitto: Mosquitto) -> None:
    async with lamps(mosquitto, 6) as fleet:
        firmware = await known(engine, fleet)
        away = [each.identity.device_id for each in fleet][:2]
        for device_id in away:
            await fleet.power_off(device_id)
        await engine.until(
            lambda: sum(each.state == "lost" for each in engine.ingest.fleet.devices) == 2, "two are lost"
        )
        await engine.written()
        plan = replace(PLAN, waves=(WaveRule(gate=QUICK),))
        number = await start(engine, firmware, plan=plan)
        await counted(engine, number, booted=4, queued=2)
        assert (await steer(engine, number, Move.ABORT)).endswith("2 will not start.")
        await counted(engine, number, booted=4, withdrawn=2)
        for device_id in away:
            fleet.power_on(device_id)
        await engine.devices_are("ready", 6)
        await asyncio.sleep(0.3)
        assert {fleet[device_id].sketch.version for device_id in away} == {"1.0.0"}


async def test_a_revert_brings_every_device_back_and_never_twice(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    async with lamps(mosquitto, 5) as fleet:
        firmware = await known(engine, fleet)
        number = await start(engine, firmware)
        await reach(engine, number, S.FINISHED)
        assert "5 devices get the image" in await steer(engine, number, Move.REVERT)
        await reach(engine, number, S.FINISHED)
        assert await counts(engine, number) == {"reverted": 5}
        assert {each.sketch.version for each in fleet} == {"1.0.0"}
        with pytest.raises(Conflict, match="nothing to take back"):
            await steer(engine, number, Move.REVERT)


async def test_who_was_away_is_absent_and_joins_late_when_it_wakes(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    async with lamps(mosquitto, 5) as fleet:
        firmware = await known(engine, fleet)
        away = max(fleet, key=lambda each: -each._setup.hardware.signal).identity.device_id
        await fleet.power_off(away)
        await engine.until(
            lambda: any(each.state == "lost" for each in engine.ingest.fleet.devices), "one is lost"
        )
        await engine.written()
        number = await start(engine, firmware, plan=replace(PLAN, absent_after=1.0))
        await counted(engine, number, booted=4, absent=1)
        assert (await row(engine, number)).state is S.RUNNING, "late joiners are waited for"
        fleet.power_on(away)
        ended = await reach(engine, number, S.FINISHED)
        assert "5 of 5" in ended.reason
        members, _ = await engine.database.read(lambda conn: memberships.page(conn, number))
        late = [each.device_id for each in members if each.wave == ended.lane]
        assert late == [away]


async def test_a_rollout_goes_on_after_a_crash(tmp_path: Path, mosquitto: Mosquitto, broker: Broker) -> None:
    async with lamps(mosquitto, 10) as fleet:
        async with Engine(tmp_path / "server", broker) as first:
            firmware = await known(first, fleet)
            number = await start(first, firmware)
            await counted(first, number, booted=2)
        async with Engine(tmp_path / "server", broker) as second:
            ended = await reach(second, number, S.FINISHED, S.PAUSED)
            assert ended.state is S.FINISHED, ended.reason
            assert "10 of 10" in ended.reason
        assert {each.images_received for each in fleet} == {1}


async def test_a_standing_target_takes_in_new_devices_and_newer_firmware(
    engine: Engine, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "EVERY", 0.2)
    fleet = lamps(mosquitto, 3)
    async with fleet:
        await fleet.all_ready()
        new = next(iter(fleet)).identity.device_id
        await fleet.power_off(new)
        await engine.until(
            lambda: any(each.state == "lost" for each in engine.ingest.fleet.devices), "one is lost"
        )
        await engine.written()
        await engine.upload(sample_image(KIND, "1.0.0", "v3"))
        firmware = await engine.upload(next_image(KIND, "v3"))
        number = await start(engine, firmware, "fw:lamp -state:lost", standing=True, follow="2.*")
        await counted(engine, number, booted=2)
        fleet.power_on(new)
        await counted(engine, number, booted=3)
        assert (await row(engine, number)).state is S.RUNNING
        await engine.upload(next_image(KIND, "v3", "2.1.0"))
        engine.bus.say("firmware")
        assert "goes on with it" in (await reach(engine, number, S.FINISHED)).reason
        await counted(engine, number + 1, booted=3)
        assert {each.sketch.version for each in fleet} == {"2.1.0"}


async def test_a_member_goes_over_a_stepping_stone(engine: Engine, mosquitto: Mosquitto) -> None:
    async with lamps(mosquitto, 2) as fleet:
        await known(engine, fleet)
        last = await engine.upload(next_image(KIND, "v3", "3.0.0"))
        wanted = replace(last, requires=">=2.0")
        await engine.database.write(lambda conn: firmwares.write_about(conn, wanted))
        number = await start(engine, wanted)
        ended = await reach(engine, number, S.FINISHED, S.PAUSED)
        assert "2 of 2" in ended.reason
        assert {each.sketch.version for each in fleet} == {"3.0.0"}
        assert {each.images_received for each in fleet} == {2}


async def test_a_bench_device_shows_first_that_the_image_can_be_updated_again(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    async with lamps(mosquitto, 3) as fleet:
        firmware = await known(engine, fleet)
        bench = next(iter(fleet)).identity.device_id
        pk = await engine.pk(bench)
        await engine.database.write(lambda conn: marks.put_tag(conn, pk, "bench", by="test", now=1.0))
        number = await start(engine, firmware)
        ended = await reach(engine, number, S.FINISHED, S.PAUSED)
        assert ended.state is S.FINISHED, ended.reason
        assert fleet[bench].images_received == 3
        proven = await engine.database.read(lambda conn: firmwares.get(conn, firmware.sha256))
        assert proven is not None
        assert proven.proven == "renewable"
