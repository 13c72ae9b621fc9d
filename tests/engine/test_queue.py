"""The queue over a real broker: stuck devices are cured, leftovers found and cleared, one server of two sends."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from engines import FAILED, SUCCEEDED, Engine, next_image
from homie_ota import homie
from homie_ota.dispatch import Sender, leading
from homie_ota.dispatch.leftovers import Leftovers
from homie_ota.errors import Conflict
from homie_ota.model import Deployment, DeploymentState, Publish
from homie_ota.mqtt import Broker, Connection, scan
from homie_ota.rollout.attempts import Budget
from homie_ota.simulator.fleet import FleetOptions, make_device, sample_image
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import Timing
from homie_ota.store import (
    alarms,
    attempts,
    deployments,
    events,
    lease,
    leftovers,
    quarantine,
    rhythm,
    waiting,
)
from homie_ota.store.tables import deployment
from servers import Mosquitto

BASES = ("homie/", "devices/")
FAST = Timing(reboot=2.0, reconnect=0.5, interval=30.0)
CANCELLED = DeploymentState.CANCELLED


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(attempts.BUDGET, "budget", Budget(backoff=0.1, longest=0.1))


def one(
    mosquitto: Mosquitto, generation: str, fault: str = "", timing: Timing = FAST, rate: float = 200_000
) -> VirtualFleet:
    """A fleet of one device, twenty times as fast as a real one."""
    options = FleetOptions(
        mqtt=mosquitto.url, devices=1, mix={generation: 1}, faults={fault: 1} if fault else {}, timing=timing,
        speed=20.0, readings_every=0, rate=rate,
    )  # fmt: skip
    return VirtualFleet(options)


async def known(engine: Engine, fleet: VirtualFleet, state: str = "ready") -> tuple[str, str]:
    await fleet.all_ready()
    device_id = next(iter(fleet)).identity.device_id
    await engine.devices_are(state, 1)
    return device_id, device_id.split("-")[1]


async def attempt(engine: Engine, device_id: str, number: int, seconds: float = 20.0) -> Deployment:
    """Wait until this attempt of the device has ended."""
    pk, until = await engine.pk(device_id), time.monotonic() + seconds
    while True:
        found = await engine.database.read(lambda c: deployments.find(c, device_pk=pk))
        ended = [each for each in found if each.attempt == number and each.outcome]
        if ended:
            return ended[0]
        assert time.monotonic() < until, [(each.attempt, each.state, each.reason) for each in found]
        await asyncio.sleep(0.02)


def configured(engine: Engine) -> list[Publish]:
    return [each for each in engine.sent if each.topic.endswith("/config/set")]


# --- Attempts -------------------------------------------------------------------------------------------------------


async def test_a_transfer_that_broke_is_tried_again_and_succeeds(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    async with one(mosquitto, "v3", "drops") as fleet:
        device_id, kind = await known(engine, fleet)
        made = await engine.order(device_id, await engine.upload(next_image(kind, "v3")))
        assert (await engine.reach(made.id, FAILED)).code == "transfer-broken"
        second = await attempt(engine, device_id, 2)
        assert second.state is SUCCEEDED, second.reason
        assert second.created_by == "retry"


async def test_2_0_0_is_restarted_once_after_a_cut_transfer_and_the_next_attempt_succeeds(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    """Recorded: after a cut transfer it answers every update with `202` and `500 INTERNAL_ERROR 0` until it reboots."""
    async with one(mosquitto, "v2", "drops") as fleet:
        device_id, kind = await known(engine, fleet)
        made = await engine.order(device_id, await engine.upload(next_image(kind, "v2")))
        assert (await engine.reach(made.id, FAILED)).code == "transfer-broken"
        second = await attempt(engine, device_id, 2)
        assert (second.state, second.code) == (FAILED, "stuck")
        third = await attempt(engine, device_id, 3)
        assert third.state is SUCCEEDED, third.reason
        (cure,) = configured(engine)
        assert cure.topic == f"homie/{device_id}/$implementation/config/set"
        assert cure.payload == f'{{"name":"{fleet[device_id].identity.name}"}}'.encode()
        pk = await engine.pk(device_id)
        kinds = await engine.database.read(lambda c: [row["kind"] for row in events.recent(c, device_pk=pk)])
        assert kinds.count("cure") == 1
        assert (await engine.row(device_id))["fw_version"] == "2.0.0"


async def test_after_three_broken_transfers_the_device_is_left_to_a_person(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    async with one(mosquitto, "v3", "bad-checksum") as fleet:
        device_id, kind = await known(engine, fleet)
        firmware = await engine.upload(next_image(kind, "v3"))
        await engine.order(device_id, firmware)
        await attempt(engine, device_id, 2)
        await asyncio.sleep(0.5)
        assert fleet[device_id].images_received == 2, "once more, and no more"
        pk = await engine.pk(device_id)
        held = await engine.database.read(lambda c: quarantine.of(c, pk, firmware.sha256))
        assert held is not None
        assert held.code == "bad-checksum"


async def test_what_waits_until_a_date_for_a_device_that_does_not_come_ends_as_absent(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    async with one(mosquitto, "v3") as fleet:
        device_id, kind = await known(engine, fleet)
        firmware = await engine.upload(next_image(kind, "v3"))
        await fleet.power_off(device_id)
        await engine.devices_are("lost", 1)
        made = await engine.order(device_id, firmware)
        until = engine.clock() + 0.5
        await engine.database.write(
            lambda c: c.execute(deployment.update().where(deployment.c.id == made.id).values(not_after=until))
        )
        engine.bus.say("order")
        ended = await engine.reach(made.id, CANCELLED)
        assert ended.outcome == "absent"


async def test_ready_and_silent_after_a_cut_transfer_is_noticed(
    engine: Engine, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Builds after 3.0.1 are ready again, and tell no statistics until the next update ends."""
    monkeypatch.setitem(attempts.BUDGET, "budget", Budget(attempts=1))
    async with one(mosquitto, "v3dev", "drops") as fleet:
        device_id, kind = await known(engine, fleet)
        await engine.until(
            lambda: any(each.recent and each.recent.rounds for each in engine.ingest.fleet.devices),
            "statistics",
        )
        made = await engine.order(device_id, await engine.upload(next_image(kind, "v3dev")))
        await engine.reach(made.id, FAILED)
        await engine.devices_are("ready", 1)
        later = engine.clock() + 300.0
        found = await engine.database.read(lambda c: alarms.current(c, later))
        assert [each.code for each in found] == ["silent"]


# --- Rhythm ---------------------------------------------------------------------------------------------------------


async def test_the_rhythm_of_a_sleeper_is_learned_from_its_wake_ups(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    sleeper = Timing(reboot=1.0, reconnect=0.2, interval=30.0, awake=4.0, asleep=16.0)
    fleet = one(mosquitto, "v3")
    device = next(iter(fleet))
    asleep = VirtualFleet(
        fleet._options, [make_device(device.generation, replace(device._setup, timing=sleeper))]
    )
    async with asleep:
        device_id = device.identity.device_id
        await engine.until(lambda: len(engine.ingest.fleet) == 1, "it is known")
        await engine.written()
        pk = await engine.pk(device_id)
        until = time.monotonic() + 30.0
        while True:
            found = await engine.database.read(lambda c: rhythm.outlook(c, pk, 1000, engine.clock()))
            if found.rhythm is not None:
                break
            assert time.monotonic() < until, await engine.database.read(lambda c: rhythm.presences(c, pk))
            await asyncio.sleep(0.1)
        assert found.rhythm.every == pytest.approx(1.0, abs=0.4)
        assert found.rhythm.awake_for < found.rhythm.every
        assert found.chance is not None


# --- Leftovers ------------------------------------------------------------------------------------------------------


def looking(engine: Engine) -> Leftovers:
    sender = Sender(engine._deliver, lambda: engine.session.connected)
    return Leftovers(
        engine.database, engine.bus, sender, partial(scan, engine.session.broker), BASES, clock=engine.clock
    )  # fmt: skip


async def listed(engine: Engine) -> list[leftovers.Leftover]:
    return await engine.database.read(leftovers.every)


def kept(mosquitto: Mosquitto, topic: str) -> list[str]:
    """What the broker keeps on a topic."""
    return mosquitto.collect(topic, seconds=1, options=["--retained-only"])


async def test_an_image_that_somebody_left_on_the_broker_is_found_told_and_cleared_on_request(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    async with one(mosquitto, "v3") as fleet:
        device_id, kind = await known(engine, fleet)
        await fleet.power_off(device_id)
        topic = f"homie/{device_id}/$implementation/ota/firmware/{'a' * 32}"
        mosquitto.publish(topic, sample_image(kind, "9.9.9", "v3"), retain=True)
        before = engine.ingest.messages
        room = looking(engine)
        await room.step()
        (found,) = await listed(engine)
        assert (found.topic, found.kind) == (topic, "image")
        assert found.size == len(sample_image(kind, "9.9.9", "v3"))
        assert engine.ingest.messages - before < 10, "the image did not come in where messages are taken in"
        made = await engine.order(device_id, await engine.upload(next_image(kind, "v3")))
        await asyncio.to_thread(mosquitto.publish, topic + "x", b"", retain=True)
        await room.step()
        assert kept(mosquitto, topic), "nothing is cleared by itself"
        await engine.database.write(lambda c: leftovers.ask(c, topic, by="me", now=engine.clock()))
        await room.step()
        assert await listed(engine) == []
        assert kept(mosquitto, topic) == []
        fleet.power_on(device_id)
        ended = await engine.reach(made.id, SUCCEEDED, FAILED)
        assert ended.state is SUCCEEDED, ended.reason
        assert fleet[device_id].images_received == 1, "only ours"


async def test_a_retained_request_makes_a_1_5_restart_for_ever_until_the_running_version_is_put_there(
    engine: Engine, mosquitto: Mosquitto
) -> None:
    async with one(mosquitto, "v1") as fleet:
        device_id, _ = await known(engine, fleet)
        topic = f"devices/{device_id}/$ota"
        mosquitto.publish(topic, "7.7.7", retain=True)
        await engine.until(lambda: fleet[device_id].boots > 3, "it restarts again and again")
        room = looking(engine)
        await room.step()
        (found,) = await listed(engine)
        assert (found.kind, found.text) == ("ota", "7.7.7")
        await engine.database.write(lambda c: leftovers.ask(c, topic, by="me", now=engine.clock()))
        await room.step()
        assert kept(mosquitto, topic) == [f"{topic} 1.0.0"], "never an empty payload"
        await fleet.all_ready()
        await asyncio.sleep(0.5)
        boots = fleet[device_id].boots
        await asyncio.sleep(0.7)
        assert fleet[device_id].boots == boots, "it rests"
        await engine.devices_are("ready", 1)
        with pytest.raises(Conflict, match="switch the device off"):
            await engine.database.write(lambda c: leftovers.ask(c, topic, by="me", now=engine.clock()))


async def test_a_live_image_ends_a_look_and_it_is_looked_again_later(mosquitto: Mosquitto) -> None:
    broker = Broker(mosquitto.host, mosquitto.port)
    sender = await Connection.open(broker, client_id="sender", on_message=lambda *_: None)
    filters = homie.leftovers.filters(BASES)
    looks = asyncio.create_task(scan(broker, filters))
    live = Publish("homie/lamp/$implementation/ota/firmware/" + "b" * 32, b"\xe9" * 1000)
    while not looks.done():
        await sender.deliver(live)
        await asyncio.sleep(0.01)
    assert looks.result() is None
    assert await scan(broker, filters) == []
    await sender.close()


# --- Two servers ----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest) -> str:
    """The database of two servers: a file in their folder, or PostgreSQL."""
    return "" if request.param == "sqlite" else request.getfixturevalue("postgres").replace("+psycopg", "")


def stall(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """The server is held up in the middle of a look (a disk, a debugger, a sleeping machine) until the event is set."""
    goes_on = asyncio.Event()
    monkeypatch.setattr(engine.dispatch._upkeep, "run", partial(_held, goes_on))
    engine.bus.say("order")
    return goes_on


async def _held(until: asyncio.Event) -> bool:
    await until.wait()
    return False


async def test_of_two_servers_one_sends_and_the_other_takes_over_when_it_is_silent_for_too_long(
    tmp_path: Path, mosquitto: Mosquitto, shared: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(mosquitto.host, mosquitto.port)
    first = Engine(tmp_path, broker, database=shared)
    second = Engine(tmp_path, broker, database=shared, client_id="engine-2")
    for each in (first, second):
        each.dispatch._leading.ttl = 2.0
    async with one(mosquitto, "v3") as fleet, first:
        device_id, kind = await known(first, fleet)
        await first.until(first.dispatch.leads, "the first leads")
        async with second:
            made = await first.order(device_id, await first.upload(next_image(kind, "v3")))
            second.bus.say("order")
            assert (await first.reach(made.id, SUCCEEDED, FAILED)).state is SUCCEEDED
            assert second.sent == []
            assert not second.dispatch.leads()

            old = first.dispatch._leading.token
            goes_on = stall(first, monkeypatch)
            await second.until(second.dispatch.leads, "the second takes over")
            later = await second.order(device_id, await second.upload(next_image(kind, "v3", "3.0.0")))
            assert (await second.reach(later.id, SUCCEEDED, FAILED)).state is SUCCEEDED
            assert len(second.sent) == 1
            assert len(first.sent) == 1

            # What the first would do if it were held up between its look and its offer.
            await fleet.power_off(device_id)
            await second.devices_are("lost", 1)
            last = await second.order(device_id, await second.upload(next_image(kind, "v3", "4.0.0")))
            assert old is not None
            ready = await first.database.read(partial(waiting._with_firmware, number=last.id))
            assert ready is not None
            assert not await first.dispatch._offering.send(ready, old)
            assert len(first.sent) == 1
            assert (await first.deployment(last.id)).state == "queued"
            goes_on.set()
            await first.until(lambda: not first.dispatch.leads(), "the first knows that it lost")


async def test_a_server_that_was_killed_on_this_machine_is_not_waited_for(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    broker = Broker(mosquitto.host, mosquitto.port)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])  # noqa: ASYNC220 - quick
    try:
        async with Engine(tmp_path, broker) as engine:
            await engine.until(engine.dispatch.leads, "it leads")
        machine, pid, started = leading._process(process.pid)
        other = str(leading.Holder(machine, pid, started, "word"))
        async with Engine(tmp_path, broker) as engine:
            mine = str(engine.dispatch._leading.holder)

            def hand_over(conn: sa.Connection) -> None:
                lease.give_back(conn, lease.DISPATCH, mine)
                lease.take(conn, lease.DISPATCH, other, time.time(), 3600.0)

            await engine.database.write(hand_over)
            engine.dispatch._leading.lost()
            await engine.dispatch.step()
            assert not engine.dispatch.leads(), "it lives"
            process.kill()
            process.wait()
            engine.dispatch._leading.lost()
            await engine.dispatch.step()
            assert engine.dispatch.leads()
    finally:
        process.kill()
        process.wait()


def test_of_a_holder_elsewhere_nobody_can_say_that_it_is_dead() -> None:
    for holder in ("", "x", "other-machine:1:1:word", ":1:1:word", f"{leading._machine()}:nine:1:word"):
        assert not leading.is_dead(holder)
    assert leading.is_dead(f"{leading._machine()}:{2**22 + 1}:1:word")
