"""Adopted devices beside those of the broker: each keeps its number and its row, through restarts and deletions."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from engines import Engine
from homie_ota.esp.request import UpdateRequest
from homie_ota.ingest.removing import Removing
from homie_ota.model import FIRST_ASKER, Publish
from homie_ota.mqtt import Broker, Connection, scan
from homie_ota.store import adopting, asking, devices, knocks
from servers import Mosquitto

ASKED = UpdateRequest("esp8266", have="1.0.0", mac="A0:20:A6:14:85:06", md5="a" * 32)
LAMP = {"$homie": "3.0.1", "$fw/name": "lamp", "$fw/version": "1.0.0", "$implementation": "esp8266"}
LAMP |= {"$implementation/ota/enabled": "true", "$state": "ready"}


async def adopted(engine: Engine) -> int:
    """A sketch that knocked and was adopted; its `pk`."""

    def write(conn: Any) -> int:
        knocks.note(conn, ASKED, address="10.0.0.9", network="10.0.0.9", now=engine.clock())
        made = adopting.adopt(conn, ASKED.mac, "Greenhouse", by="anna", now=engine.clock())
        pk = devices.resolve(conn, made.key)
        asking.come(conn, pk, ASKED, address="10.0.0.9", now=engine.clock())
        asking.go(conn, pk, now=engine.clock())
        return pk

    return await engine.database.write(write)


async def announce(mosquitto: Mosquitto, device_id: str, **more: str) -> None:
    broker = Broker(mosquitto.host, mosquitto.port)
    connection = await Connection.open(broker, client_id=device_id, on_message=lambda *_: None)
    for below, text in (LAMP | more).items():
        await connection.deliver(Publish(f"homie/{device_id}/{below}", text.encode(), 1, True))
    await connection.close()


async def test_devices_of_the_broker_get_numbers_of_their_own_also_after_a_restart(
    tmp_path: Path, mosquitto: Mosquitto
) -> None:
    broker = Broker(mosquitto.host, mosquitto.port)
    async with Engine(tmp_path / "engine", broker) as first:
        pk = await adopted(first)
        await announce(mosquitto, "hall")
        await first.devices_are("ready", 1)
        hall = await first.pk("hall")
    assert hall < FIRST_ASKER <= pk
    async with Engine(tmp_path / "engine", broker) as second:
        await announce(mosquitto, "porch")
        await second.devices_are("ready", 2)
        assert await second.pk("hall") == hall
        assert hall < await second.pk("porch") < FIRST_ASKER
        row = await second.row("a020a6148506")
        assert (row["pk"], row["state"], row["name"], row["way"]) == (pk, "sleeping", "Greenhouse", "asks")


async def test_one_that_comes_to_the_broker_keeps_its_history(engine: Engine, mosquitto: Mosquitto) -> None:
    pk = await adopted(engine)
    await announce(mosquitto, "greenhouse", **{"$mac": ASKED.mac})
    await engine.devices_are("ready", 1)
    row = await engine.row("greenhouse")
    assert (row["pk"], row["base"], row["way"]) == (pk, "homie/", "mqtt")
    assert [each["kind"] for each in row["addresses"]] == ["homie", "http"]
    assert not await engine.database.read(lambda c: asking.is_adopted(c, pk))


async def test_an_adopted_device_is_deleted_and_put_back(engine: Engine, mosquitto: Mosquitto) -> None:
    removing = Removing(engine.ingest, partial(scan, Broker(mosquitto.host, mosquitto.port), head=4096))
    pk = await adopted(engine)
    before = await engine.row("a020a6148506")
    assert await removing.forget(engine.session, pk, by="anna") == 0
    found = await removing.put_back(engine.session, pk, by="anna")
    assert found.device_pk == pk
    assert len(engine.ingest.fleet) == 0
    assert await engine.row("a020a6148506") == before
    again = await engine.database.read(lambda c: asking.is_adopted(c, pk))
    assert again


@pytest.mark.parametrize("what", ["deleted", "there"])
async def test_the_next_one_that_is_adopted_gets_the_next_number(
    engine: Engine, mosquitto: Mosquitto, what: str
) -> None:
    pk = await adopted(engine)
    if what == "deleted":
        removing = Removing(engine.ingest, partial(scan, Broker(mosquitto.host, mosquitto.port), head=4096))
        await removing.forget(engine.session, pk, by="anna")
    other = UpdateRequest("esp32", have="1.0.0", mac="A0:20:A6:14:85:07")

    def write(conn: Any) -> int:
        knocks.note(conn, other, address="10.0.0.9", network="10.0.0.9", now=1.0)
        return devices.resolve(conn, adopting.adopt(conn, other.mac, "Pump", by="anna", now=1.0).key)

    assert await engine.database.write(write) == pk + 1
