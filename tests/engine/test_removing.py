"""A device is deleted and put back on a real broker: what is cleared, in which order, and what never comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from engines import Engine
from homie_ota.errors import Conflict, Unreachable
from homie_ota.homie.removal import LONGEST
from homie_ota.ingest.removing import Removing
from homie_ota.model import Publish
from homie_ota.mqtt import Broker, Connection, scan
from homie_ota.store import devices, marks, removed
from servers import Mosquitto

TOLD = {
    "$homie": "3.0.1",
    "$state": "ready",
    "$name": "Hall lamp",
    "$mac": "A0:20:A6:14:85:06",
    "$nodes": "light",
    "$fw/name": "lamp",
    "$fw/version": "1.0.0",
    "$implementation": "esp8266",
    "$implementation/config": '{"name":"Hall lamp"}',
    "$implementation/ota/enabled": "true",
    "$implementation/ota/status": "206 1/2",
    "$implementation/mystery": "of a fork",
    "light/$name": "Lamp",
    "light/on": "true",
    "light/on/$settable": "true",
}
FLASHING = ("$implementation/ota/firmware/d3c356ac479b3f857a2f7980acbcfcc2", "$ota", "light/on/set")


def broker_of(mosquitto: Mosquitto) -> Broker:
    return Broker(mosquitto.host, mosquitto.port)


class Lamp:
    """A device that a test plays; `kept` is what the broker keeps of it, `cleared` what was cleared, in order."""

    def __init__(self, mosquitto: Mosquitto) -> None:
        self.mosquitto = mosquitto
        self.cleared: list[str] = []

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[Connection]:
        connection = await Connection.open(broker_of(self.mosquitto), client_id="lamp", on_message=self._hear)
        connection.subscribe(["homie/lamp/#"])
        yield connection
        await connection.close()

    def _hear(self, topic: str, payload: bytes, _qos: int, retain: bool) -> None:
        if not payload and not retain:
            self.cleared.append(topic.removeprefix("homie/lamp/"))

    async def tell(self, connection: Connection, **more: str) -> None:
        for below, text in (TOLD | more).items():
            await connection.deliver(Publish(f"homie/lamp/{below}", text.encode(), 1, True))

    async def kept(self) -> dict[str, str]:
        found = await scan(broker_of(self.mosquitto), ["homie/lamp/#"], head=LONGEST)
        assert found is not None
        return {each.topic.removeprefix("homie/lamp/"): each.head.decode(errors="replace") for each in found}


@pytest.fixture
def lamp(mosquitto: Mosquitto) -> Lamp:
    return Lamp(mosquitto)


@pytest.fixture
def removing(engine: Engine, mosquitto: Mosquitto) -> Removing:
    return Removing(engine.ingest, partial(scan, broker_of(mosquitto), head=LONGEST))


async def away(engine: Engine, lamp: Lamp, connection: Connection) -> int:
    """The lamp told everything and went; its `pk`."""
    await lamp.tell(connection)
    await engine.devices_are("ready", 1)
    await connection.deliver(Publish("homie/lamp/$state", b"disconnected", 1, True))
    await engine.devices_are("disconnected", 1)
    return await engine.pk("lamp")


async def test_all_that_the_broker_keeps_of_a_device_goes_and_what_says_that_it_exists_goes_first(
    engine: Engine, lamp: Lamp, removing: Removing
) -> None:
    async with lamp.listening() as connection:
        pk = await away(engine, lamp, connection)
        assert removing.topics(pk)[:2] == ["homie/lamp/$state", "homie/lamp/$homie"]
        count = await removing.forget(engine.session, pk, by="anna")
        assert count >= len(TOLD)
        await engine.until(lambda: len(lamp.cleared) >= len(TOLD), "all is cleared")
        assert lamp.cleared[:2] == ["$state", "$homie"]
        assert "$implementation/mystery" in lamp.cleared  # nobody here knows what it means
        assert await lamp.kept() == {}
        assert len(engine.ingest.fleet) == 0
        assert (await engine.database.read(devices.counts)) == {}


async def test_put_back_it_is_as_it_was_here_and_on_the_broker_but_for_what_would_flash_it(
    engine: Engine, lamp: Lamp, removing: Removing
) -> None:
    async with lamp.listening() as connection:
        pk = await away(engine, lamp, connection)
        for below in FLASHING:
            await connection.deliver(Publish(f"homie/lamp/{below}", b"\xe9image", 1, True))
        await engine.database.write(lambda c: marks.put_tag(c, pk, "attic", by="anna", now=1.0))
        row = await engine.row("lamp")
        await removing.forget(engine.session, pk, by="anna")
        found = await removing.put_back(engine.session, pk, by="anna")
        assert found.address.device_id == "lamp"
        await engine.written()
        again = await engine.row("lamp")
        assert {**again, "facts": {}} == {**row, "facts": {}}
        assert again["pk"] == pk
        assert await engine.database.read(lambda c: marks.tags_of(c, pk)) == ["attic"]
        await asyncio.sleep(0.3)
        kept = await lamp.kept()
        meant = {k: v for k, v in TOLD.items() if not k.startswith("$implementation/ota")}
        assert {k: v for k, v in kept.items() if k not in FLASHING} == meant | {"$state": "disconnected"}
        assert await engine.database.read(lambda c: removed.recent(c, engine.clock())) == []


async def test_one_that_came_back_by_itself_has_its_old_history_again_and_keeps_telling(
    engine: Engine, lamp: Lamp, removing: Removing
) -> None:
    async with lamp.listening() as connection:
        pk = await away(engine, lamp, connection)
        await engine.database.write(lambda c: marks.put_tag(c, pk, "attic", by="anna", now=1.0))
        await removing.forget(engine.session, pk, by="anna")
        await lamp.tell(connection, **{"$fw/version": "1.0.1"})
        await engine.devices_are("ready", 1)
        assert await engine.pk("lamp") != pk
        await removing.put_back(engine.session, pk, by="anna")
        await connection.deliver(Publish("homie/lamp/$fw/version", b"1.0.2", 1, True))
        await engine.until(
            lambda: (
                engine.database.read_now(lambda c: (devices.row(c, pk) or {}).get("fw_version")) == "1.0.2"
            ),
            "its old row has the news",
        )
        assert await engine.pk("lamp") == pk
        assert (await engine.database.read(devices.counts)) == {"ready": 1}
        assert await engine.database.read(lambda c: marks.tags_of(c, pk)) == ["attic"]


async def test_what_is_online_is_not_deleted_and_without_a_broker_nothing_is(
    engine: Engine, lamp: Lamp, removing: Removing, mosquitto: Mosquitto
) -> None:
    async with lamp.listening() as connection:
        await lamp.tell(connection)
        await engine.devices_are("ready", 1)
        pk = await engine.pk("lamp")
        with pytest.raises(Conflict, match="is online"):
            await removing.forget(engine.session, pk, by="anna")
        await connection.deliver(Publish("homie/lamp/$state", b"disconnected", 1, True))
        await engine.devices_are("disconnected", 1)
    mosquitto.stop()
    await engine.until(lambda: not engine.session.connected, "the broker is gone")
    with pytest.raises(Unreachable):
        await removing.forget(engine.session, pk, by="anna")
    assert await engine.pk("lamp") == pk


async def test_the_number_of_a_deleted_device_is_given_to_no_other(
    engine: Engine, lamp: Lamp, removing: Removing, mosquitto: Mosquitto
) -> None:
    async with lamp.listening() as connection:
        pk = await away(engine, lamp, connection)
        await removing.forget(engine.session, pk, by="anna")
    folder = engine.images.directory.parent
    path = str(folder / "homie-ota.sqlite3")
    async with Engine(folder, broker_of(mosquitto), database=path, client_id="again") as again:
        async with lamp.listening() as connection:
            await connection.deliver(Publish("homie/other/$homie", b"3.0.1", 1, True))
            await connection.deliver(Publish("homie/other/$state", b"ready", 1, True))
            await again.until(
                lambda: again.ingest.is_written and len(again.ingest.fleet) == 1, "another device"
            )
        assert await again.pk("other") > pk
