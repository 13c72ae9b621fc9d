"""Home Assistant from the outside: what its MQTT integration would see of a server with real devices, and may press.

It is played by a client of its own (`Person`), which reads messages by the rules of `announce/home_assistant_rules.py`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from announce.home_assistant_rules import read_discovery, read_state
from e2e.guarded import SERVER, GuardedMosquitto
from e2e.serving import NO_SOAK, Server, first, fleet_of, retained, until
from homie_ota.model import Publish
from homie_ota.mqtt import Broker, Connection
from homie_ota.simulator.fleet import sample_image
from servers import BrokerAt, Mosquitto, unused_port

ON = {"announce__home_assistant": "true", **NO_SOAK}
OURS = ("homie-ota/status", "homie-ota/device/#", "homeassistant/#")


class Person:
    """Somebody at Home Assistant: sees what its MQTT integration sees, in order."""

    def __init__(self, prefix: str = "homeassistant") -> None:
        self.prefix = prefix
        self.now: dict[str, bytes] = {}
        self.seen: list[tuple[str, bytes]] = []
        self.connection: Connection | None = None

    def hear(self, topic: str, payload: bytes, _qos: int, _retain: bool) -> None:
        self.seen.append((topic, payload))
        self.now[topic] = payload
        if not payload:
            del self.now[topic]

    @property
    def entities(self) -> dict[str, dict[str, Any]]:
        """The update entity of each device by the device's name."""
        there = f"{self.prefix}/device/"
        found = [
            read_discovery(topic, payload) for topic, payload in self.now.items() if topic.startswith(there)
        ]
        return {each["dev"]["name"]: each["cmps"]["update"] for each in found}

    def state(self, name: str) -> dict[str, Any]:
        topic = self.entities.get(name, {}).get("state_topic", "")
        return read_state(self.now[topic]) if topic in self.now else {}

    async def shows(self, name: str, **wanted: Any) -> dict[str, Any]:
        await until(
            lambda: self.state(name).items() >= wanted.items() and self.state(name), f"{name} {wanted}"
        )
        return self.state(name)

    async def say(self, topic: str, payload: bytes, retain: bool = False) -> None:
        assert self.connection is not None
        await self.connection.deliver(Publish(topic, payload, 1, retain))

    async def press(self, name: str, retain: bool = False) -> None:
        entity = self.entities[name]
        await self.say(entity["command_topic"], entity["payload_install"].encode(), retain)


@asynccontextmanager
async def at_home(broker: BrokerAt | Broker) -> AsyncIterator[Person]:
    person = Person()
    where = broker if isinstance(broker, Broker) else Broker(broker.host, broker.port)
    client_id = f"home-{where.username or 'assistant'}"
    connection = await Connection.open(where, client_id=client_id, on_message=person.hear)
    person.connection = connection
    try:
        connection.subscribe(OURS)
        yield person
    finally:
        await connection.close()


def told_name(device: Any) -> str:
    return str(device["name"] or device["id"])


async def test_install_in_home_assistant_brings_the_device_to_the_image_and_shows_how_far_it_is(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, **ON).up()
    async with at_home(mosquitto) as person, fleet_of(mosquitto.url, "v3", rate=60_000) as fleet:
        device_id, kind = first(fleet)
        name = told_name(await server.sees(device_id))
        before = await person.shows(name, in_progress=False)
        assert before["latest_version"] == before["installed_version"]
        assert person.now["homie-ota/status"] == b"online"
        await server.upload(sample_image(kind, "9.1.0", "v3"), description="Dims softly.")
        shown = await person.shows(name, latest_version="9.1.0", in_progress=False)
        assert shown["release_summary"] == "Dims softly."
        assert (await server.ask("GET", shown["release_url"].removeprefix(server.url))).status_code == 200
        await person.press(name)
        await person.shows(name, installed_version="9.1.0", in_progress=False)
        await person.shows(name, latest_version="9.1.0")
        (made,) = await server.deployments(device_id)
        done = await server.succeed(made["id"])
        assert done["events"][0]["actor"] == "home assistant"
        topic = person.entities[name]["state_topic"]
        states = [read_state(payload) for at, payload in person.seen if at == topic]
        percents = [each["update_percentage"] for each in states if each["update_percentage"] is not None]
        assert percents, "it is seen how far it is"
        assert percents == sorted(percents)
        assert any(each["in_progress"] and each["update_percentage"] is None for each in states)
        config = json.loads(person.now[f"homeassistant/device/{topic.split('/')[2]}/config"])
        assert config["dev"]["sw"] == "9.1.0"
        assert config["dev"]["cns"] == [["mac", done_mac(await server.device(device_id))]]


def done_mac(device: dict[str, Any]) -> str:
    return str(device["mac"]).lower()


async def test_a_device_that_sleeps_can_be_installed_and_gets_it_when_it_wakes(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, **ON).up()
    async with at_home(mosquitto) as person, fleet_of(mosquitto.url, "v3") as fleet:
        device_id, kind = first(fleet)
        name = told_name(await server.sees(device_id))
        await server.upload(sample_image(kind, "9.1.0", "v3"))
        await person.shows(name, latest_version="9.1.0")
        await fleet.power_off(device_id)
        await server.sees(device_id, "lost")
        await person.press(name)
        await person.shows(name, in_progress=True, update_percentage=None)
        fleet.power_on(device_id)
        await person.shows(name, installed_version="9.1.0", in_progress=False)


async def test_a_server_killed_in_the_middle_is_seen_to_be_away_and_shows_the_truth_when_it_is_back(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, **ON).up()
    async with at_home(mosquitto) as person, fleet_of(mosquitto.url, "v3", rate=30_000) as fleet:
        device_id, kind = first(fleet)
        name = told_name(await server.sees(device_id))
        await server.upload(sample_image(kind, "9.1.0", "v3"))
        await person.shows(name, latest_version="9.1.0")
        await person.press(name)
        await until(lambda: person.state(name)["update_percentage"], "it is on its way")
        await asyncio.to_thread(server.kill)
        await until(lambda: person.now["homie-ota/status"] == b"offline", "its last will says so")
        assert person.state(name)["in_progress"], "this is what must not hang"
        await until(lambda: fleet[device_id].images_received == 1, "the device has all of it")
        await server.up()
        await person.shows(name, installed_version="9.1.0", in_progress=False)
        assert person.now["homie-ota/status"] == b"online"
        await server.down()
        await until(lambda: person.now["homie-ota/status"] == b"offline", "a polite end says so, too")


async def test_of_two_servers_one_tells_and_when_it_dies_the_other_contradicts_its_will(
    tmp_path: Path, make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    shared = ("--mqtt", mosquitto.url, "--data", str(tmp_path / "shared"))
    leads = await make_server(*shared, **ON).up()
    async with at_home(mosquitto) as person, fleet_of(mosquitto.url, "v3") as fleet:
        device_id, kind = first(fleet)
        name = told_name(await leads.sees(device_id))
        await leads.upload(sample_image(kind, "9.1.0", "v3"))
        await person.shows(name, latest_version="9.1.0")
        watches = await make_server(*shared, **ON).up()
        await watches.sees(device_id)
        count = len(person.seen)
        await asyncio.sleep(1.0)
        assert len(person.seen) == count, "who only watches says nothing"
        await asyncio.to_thread(leads.kill)
        await until(
            lambda: b"offline" in [payload for _, payload in person.seen[count:]], "its will is heard"
        )
        await until(lambda: person.now["homie-ota/status"] == b"online", "the other one is there")
        await person.press(name)
        await person.shows(name, installed_version="9.1.0", in_progress=False)
        assert len(await watches.deployments(device_id)) == 1


async def test_a_refused_press_is_told_at_the_device_and_nothing_is_ordered(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, **ON).up()
    async with at_home(mosquitto) as person, fleet_of(mosquitto.url, "v3") as fleet:
        device_id, _ = first(fleet)
        name = told_name(await server.sees(device_id))
        await person.shows(name, in_progress=False)
        await person.press(name)

        async def told() -> bool:
            page = await server.ask("GET", f"/log?device={device_id}")
            return "Install in Home Assistant was refused" in page.text

        await until(told, "the log says why")
        assert await server.deployments(device_id) == []


async def test_a_press_that_the_broker_kept_is_none(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, **ON).up()
    async with at_home(mosquitto) as person, fleet_of(mosquitto.url, "v3") as fleet:
        device_id, kind = first(fleet)
        name = told_name(await server.sees(device_id))
        await server.upload(sample_image(kind, "9.1.0", "v3"))
        await person.shows(name, latest_version="9.1.0")
        await fleet.power_off(device_id)
        await server.sees(device_id, "lost")
        await server.down()
        await person.press(name, retain=True)
        await server.up()
        await person.shows(name, latest_version="9.1.0", in_progress=False)
        fleet.power_on(device_id)
        await server.sees(device_id)
        assert await server.deployments(device_id) == []


async def test_everything_is_told_again_when_home_assistant_starts(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, **ON).up()
    async with fleet_of(mosquitto.url, "v3") as fleet:
        device_id, _ = first(fleet)
        name = told_name(await server.sees(device_id))
        async with at_home(mosquitto) as person:
            await person.shows(name)
            kept = dict(person.now)
            for topic in list(kept):
                await person.say(topic, b"", retain=True)  # a broker that keeps nothing
            await until(lambda: not person.entities, "all is gone")
            await person.say("homeassistant/status", b"online")
            await person.shows(name, in_progress=False)
            assert {each: person.now[each] for each in kept if each in person.now}.items() <= kept.items()


@pytest.mark.parametrize("gone", ["deleted", "switched off"])
async def test_what_is_no_more_goes_from_home_assistant(
    make_server: Callable[..., Server], mosquitto: Mosquitto, gone: str
) -> None:
    server = await make_server("--mqtt", mosquitto.url, **ON).up()
    async with at_home(mosquitto) as person, fleet_of(mosquitto.url, "v3") as fleet:
        device_id, _ = first(fleet)
        name = told_name(await server.sees(device_id))
        await person.shows(name)
        if gone == "deleted":
            await fleet.power_off(device_id)
            await server.sees(device_id, "lost")
            assert (await server.ask("DELETE", f"/device/{device_id}")).status_code == 200
        else:
            await server.down()
            server.settings = NO_SOAK
            await server.up()
        await until(lambda: not person.entities, "the entity is gone")
        stays = {"homie-ota/status"} if gone == "deleted" else set()

        async def cleared() -> bool:
            return set(await retained(mosquitto, *OURS)) == stays

        await until(cleared, "nothing stays on the broker")


async def test_sensors_on_request_tell_signal_uptime_and_firmware(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, announce__diagnostics="true", **ON).up()
    async with at_home(mosquitto) as person, fleet_of(mosquitto.url, "v5") as fleet:
        device_id, _ = first(fleet)
        seen = await server.sees(device_id)
        await person.shows(told_name(seen))
        topic = person.entities[told_name(seen)]["state_topic"].replace("/update", "/diagnostics")
        await until(lambda: topic in person.now, "the sensors are told")
        told = json.loads(person.now[topic])
        assert told["firmware"] == f"{seen['firmware']['name']} {seen['firmware']['version']}"
        (config,) = [json.loads(payload) for at, payload in person.now.items() if at.endswith("/config")]
        assert set(config["cmps"]) == {"update", "signal", "uptime", "firmware"}


async def test_under_the_rights_of_broker_config_home_assistant_installs_and_a_device_cannot_press(
    tmp_path: Path, make_server: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOMIE_OTA_ANNOUNCE__HOME_ASSISTANT", "true")
    options = ("--home-assistant", "hass", "--shared-user", "things")
    broker = GuardedMosquitto(tmp_path / "guarded", unused_port(), *options)
    broker.let_in([SERVER, "hass", "things"])
    broker.start()
    try:
        server = await make_server("--mqtt", broker.url(SERVER), **ON).up()
        async with (
            at_home(broker.as_user("hass")) as person,
            at_home(broker.as_user("things")) as thing,
            fleet_of(broker.url("things"), "v3") as fleet,
        ):
            device_id, kind = first(fleet)
            name = told_name(await server.sees(device_id))
            await server.upload(sample_image(kind, "9.1.0", "v3"))
            await person.shows(name, latest_version="9.1.0")
            assert not thing.seen, "devices are not told what Home Assistant is"
            await thing.say(person.entities[name]["command_topic"], b"install")
            await asyncio.sleep(0.5)
            assert await server.deployments(device_id) == []
            await person.press(name)
            await person.shows(name, installed_version="9.1.0", in_progress=False)
            await person.say("homeassistant/status", b"online")
    finally:
        broker.stop()


async def test_without_the_setting_home_assistant_hears_nothing(server: Server, mosquitto: Mosquitto) -> None:
    async with at_home(mosquitto) as person, fleet_of(mosquitto.url, "v3") as fleet:
        device_id, _ = first(fleet)
        await server.sees(device_id)
        await person.say("homie-ota/status", b"offline")
        await asyncio.sleep(1.0)
        assert [topic for topic, _ in person.seen] == ["homie-ota/status"]
