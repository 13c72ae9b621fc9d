"""Rollouts over a real broker to a virtual fleet: waves, harm, pause, abort, the way back, late joiners, a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

import pytest

from engines import Engine, next_image
from homie_ota.model import Firmware
from homie_ota.mqtt import Broker
from homie_ota.rollout.course import Move
from homie_ota.rollout.plan import Gate, Limits, Plan, RolloutState, WaveRule
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.fleet import FleetOptions, make_device, make_fleet, sample_image
from homie_ota.simulator.images import read_sketch
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import Timing
from homie_ota.store import memberships, previews, rollouts, steering
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
    """Wait until so many members are what is wanted."""
    until = time.monotonic() + seconds
    while not wanted.items() <= (found := await counts(engine, number)).items():
        assert time.monotonic() < until, found
        await asyncio.sleep(0.05)


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
