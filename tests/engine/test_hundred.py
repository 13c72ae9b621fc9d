"""A hundred virtual devices over a real mosquitto, a fifth of them faulty in every way there is.

All harmful ones are found, the rollout stops where it must, and goes through where it may. Everything runs twenty times
as fast as in a house: the devices, the server's clock, the soak.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from engines import Engine, next_image
from homie_ota.model import Firmware
from homie_ota.mqtt import Broker
from homie_ota.rollout.course import Move
from homie_ota.rollout.plan import Gate, Limits, OnHarm, Plan, RolloutState, WaveRule
from homie_ota.rollout.soak import Terms
from homie_ota.simulator.fleet import FAULTS, KINDS, FleetOptions, make_device, make_fleet, sample_image
from homie_ota.simulator.images import read_sketch
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import Timing
from homie_ota.store import memberships, previews, rollouts, steering
from homie_ota.store.database import Connection
from homie_ota.store.rollouts import Rollout
from servers import Mosquitto

KIND, SPEED, COUNT = "heating", 20.0, 100
GENERATION = "v4"
"""The one that tells its free heap, too; heatings have two nodes, of which one can be missing."""

TIMING = Timing(reboot=2.0, reconnect=0.5, interval=5.0, awake=30.0)
SOAK = Terms(soak=10.0, intervals=2, wakes=1, ready=60.0, away=60.0)

EXPECTED = {
    "drops": "verified",  # at the second attempt
    "never-return": "harmful",
    "come-back-old": "harmful",
    "statuses-lost": "verified",
    "mode-rewritten": "verified",
    "no-space": "unharmed",
    "disabled": "skipped",
    "slow": "unharmed",
    "restart-loop": "harmful",
    "restarts": "harmful",
    "restarts-once": "verified",
    "alternate": "harmful",
    "less-heap": "harmful",
    "weak-signal": "harmful",
    "node-missing": "harmful",
    "silent": "harmful",
    "bad-checksum": "unharmed",
    "refuse": "unharmed",
    "slow-reboot": "verified",
    "sleeping": "verified",
}
"""What must become of a device with each fault."""

HARMFUL = {name for name, outcome in EXPECTED.items() if outcome == "harmful"}


def test_every_fault_there_is_takes_part() -> None:
    assert set(EXPECTED) == set(FAULTS)
    assert len(EXPECTED) == COUNT // 5


class Hundred:
    """The fleet on its broker, the engine, and which device has which fault."""

    def __init__(
        self, engine: Engine, fleet: VirtualFleet, faults: dict[str, str], firmware: Firmware
    ) -> None:
        self.engine, self.fleet, self.faults, self.firmware = engine, fleet, faults, firmware

    async def start(self, plan: Plan) -> int:
        """Make a rollout to all of them, and start it."""

        def write(conn: Connection) -> int:
            now = self.engine.clock()
            seen = previews.make(conn, self.firmware, f"fw:{KIND}", plan, now=now)
            made = previews.found(conn, seen, f"fw:{KIND}", by="test", now=now)
            steering.steer(conn, made.id, Move.START, now=now, by="test")
            return made.id

        number = await self.engine.database.write(write)
        self.engine.bus.say("rollout", id=number)
        return number

    async def ended(self, number: int, seconds: float = 50.0) -> Rollout:
        """The rollout when it does not run any more."""
        until = time.monotonic() + seconds
        while True:
            found = await self.engine.database.read(lambda conn: rollouts.require(conn, number))
            if found.state not in (RolloutState.RUNNING, RolloutState.REVERTING):
                return found
            assert time.monotonic() < until, await self.open(number)
            await asyncio.sleep(0.1)

    async def open(self, number: int) -> str:
        members = await self.members(number)
        return f"{Counter(members.values())}, {[each for each in members.items() if each[1] in ('queued', 'running')]}"

    async def members(self, number: int) -> dict[str, str]:
        found, _ = await self.engine.database.read(lambda conn: memberships.page(conn, number, limit=1000))
        return {each.device_id: str(each.outcome) for each in found}

    async def reasons(self, number: int) -> dict[str, str]:
        found, _ = await self.engine.database.read(lambda conn: memberships.page(conn, number, limit=1000))
        return {each.device_id: each.reason for each in found}


@asynccontextmanager
async def hundred(
    folder: Path, mosquitto: Mosquitto, count: int = COUNT, faults: Collection[str] = tuple(EXPECTED)
) -> AsyncIterator[Hundred]:
    """Everything up, all devices in the inventory with the statistics that later ones are compared with.

    A smaller `count` is for what does not depend on it.
    """
    options = FleetOptions(
        mqtt=mosquitto.url, devices=count, mix={GENERATION: 1}, faults=dict.fromkeys(faults, 1), timing=TIMING,
        speed=SPEED, readings_every=0, rate=400_000,
    )  # fmt: skip
    sketch = read_sketch(sample_image(KIND, options.version, GENERATION, options.image_bytes))
    made = make_fleet(options, (mosquitto.host, mosquitto.port))
    alike = [
        make_device(each.generation, replace(each._setup, sketch=sketch, nodes=KINDS[KIND])) for each in made
    ]
    by_faults = {each: name for name, (_, each) in FAULTS.items() if name != "sleeping"}
    names = {each.identity.device_id: by_faults.get(each.faults, "") for each in alike}
    names |= {each.identity.device_id: "sleeping" for each in alike if each.timing.asleep}
    broker = Broker(mosquitto.host, mosquitto.port)
    engine = Engine(folder / "engine", broker, speed=SPEED, soak=SOAK, parallel=12)
    async with VirtualFleet(options, alike) as fleet, engine:
        await fleet.all_ready(60.0)
        await engine.until(lambda: len(engine.ingest.fleet) == count, "all are known", 60.0)
        await engine.written()
        await engine.upload(sample_image(KIND, "1.0.0", GENERATION))
        yield Hundred(engine, fleet, names, await engine.upload(next_image(KIND, GENERATION)))


GENEROUS = Gate(verified=0.0, harmful=COUNT, soak=0.0)
LIMITS = Limits(parallel=10)


async def test_it_goes_through_where_it_may_and_every_device_ends_as_it_must(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async with hundred(tmp_path, mosquitto) as world:
        number = await world.start(Plan((WaveRule(gate=GENEROUS),), LIMITS, absent_after=3600.0))
        ended = await world.ended(number)
        assert ended.state is RolloutState.FINISHED, ended.reason
        found, reasons = await world.members(number), await world.reasons(number)
        wrong = {
            fault or "healthy": (found[device], reasons[device])
            for device, fault in world.faults.items()
            if found[device] != EXPECTED.get(fault, "verified")
        }
        assert wrong == {}
        assert all(reasons[device] for device, outcome in found.items() if outcome != "verified")


async def test_it_stops_where_it_must_and_nobody_of_a_later_wave_is_touched(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    """Two harmful failures are borne: the wave in which the third comes fails, and the next one never begins."""
    strict = Gate(verified=0.5, harmful=2, soak=0.0)
    waves = (*(WaveRule(share=0.2, gate=strict) for _ in range(4)), WaveRule(gate=strict))
    async with hundred(tmp_path, mosquitto) as world:
        number = await world.start(Plan(waves, LIMITS, absent_after=3600.0))
        ended = await world.ended(number)
        assert ended.state is RolloutState.PAUSED, ended.reason
        assert "harm" in ended.reason
        found = await world.members(number)
        harmed = {device for device, outcome in found.items() if outcome == "harmful"}
        assert len(harmed) >= 3
        assert {world.faults[device] for device in harmed} <= HARMFUL
        rows = await world.engine.database.read(lambda conn: rollouts.waves(conn, number))
        begun = [each.number for each in rows[:-1] if each.started_at is not None]
        assert begun == list(range(len(begun)))
        assert len(begun) < len(waves), "it never stopped"
        members, _ = await world.engine.database.read(lambda conn: memberships.page(conn, number, limit=1000))
        later = [each.device_id for each in members if each.wave > max(begun)]
        assert later
        assert {world.fleet[device].images_received for device in later} == {0}


async def test_a_canary_that_takes_harm_keeps_it_from_everybody_else(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    async with hundred(tmp_path, mosquitto, 20, ["come-back-old"]) as world:
        canary = next(device for device, fault in world.faults.items() if fault == "come-back-old")
        plan = Plan(
            (WaveRule(count=1, gate=GENEROUS), WaveRule(gate=GENEROUS)), LIMITS, last=f"-id:{canary}",
            on_harm=OnHarm.DRAIN,
        )  # fmt: skip
        number = await world.start(plan)
        ended = await world.ended(number)
        assert ended.state in (RolloutState.DRAINING, RolloutState.FINISHED)
        assert (await world.members(number))[canary] == "harmful"
        others = [each for each in world.fleet if each.identity.device_id != canary]
        assert {each.images_received for each in others} == {0}
