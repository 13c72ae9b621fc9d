"""The virtual fleet on a real mosquitto: every generation is updated, and each fault shows what it should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import md5

import pytest

from homie_ota.errors import Unreachable
from homie_ota.model import Publish
from homie_ota.mqtt import Broker, Connection
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.fleet import FleetOptions, sample_image
from homie_ota.simulator.setup import Phase
from homie_ota.simulator.shell import VirtualFleet, run_fleet
from homie_ota.simulator.values import OtaServer, Timing
from servers import Mosquitto

FAST = 20.0
OVER_MQTT = ("v2", "v3", "v3dev", "v4", "v5")


def options(broker: Mosquitto, **changed: object) -> FleetOptions:
    settings: dict[str, object] = {"speed": FAST, "timing": Timing(reboot=1.0)}
    return FleetOptions(broker.url, **(settings | changed))  # type: ignore[arg-type]


class Person:
    """A client that commands devices and hears what they say."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.heard: list[tuple[str, str, bool]] = []

    @classmethod
    @asynccontextmanager
    async def at(cls, broker: Mosquitto, *filters: str) -> AsyncIterator[Person]:
        heard: list[tuple[str, str, bool]] = []
        connection = await Connection.open(
            Broker.from_url(broker.url),
            client_id="person",
            on_message=lambda topic, payload, _qos, retain: heard.append(
                (topic, payload.decode("latin-1"), retain)
            ),
        )
        connection.subscribe(filters)
        person = cls(connection)
        person.heard = heard
        try:
            yield person
        finally:
            await connection.close()

    async def send(self, device: VirtualDevice, below: str, payload: bytes) -> None:
        await self.connection.deliver(Publish(f"{device.identity.topic}/{below}", payload))

    def statuses(self, device: VirtualDevice) -> list[str]:
        topic = f"{device.identity.topic}/$implementation/ota/status"
        return [text for at, text, _ in self.heard if at == topic]


async def until(is_so: Callable[[], bool], word: str, seconds: float = 15.0) -> None:
    """Wait until something is so."""
    try:
        async with asyncio.timeout(seconds):
            while not is_so():
                await asyncio.sleep(0.01)
    except TimeoutError:
        pytest.fail(f"not within {seconds:g} s: {word}")


def new_image(device: VirtualDevice) -> bytes:
    return sample_image(device.sketch.name, "1.1.0", device.generation.key)


async def offer(person: Person, device: VirtualDevice) -> None:
    image = new_image(device)
    await person.send(device, f"$implementation/ota/firmware/{md5(image).hexdigest()}", image)


async def updated(device: VirtualDevice) -> None:
    await until(lambda: is_new(device) and device.phase is Phase.READY, f"{device.identity.topic} runs 1.1.0")


def is_new(device: VirtualDevice) -> bool:
    return device.firmware.version == "1.1.0"


async def test_devices_of_every_generation_take_an_image_over_mqtt(mosquitto: Mosquitto) -> None:
    fleet = VirtualFleet(options(mosquitto, devices=5, mix=dict.fromkeys(OVER_MQTT, 1)))
    async with fleet, Person.at(mosquitto, "+/+/$implementation/ota/status", "homie/5/#") as person:
        await fleet.all_ready()
        for device in fleet:
            await offer(person, device)
        for device in fleet:
            await updated(device)
            assert (device.boots, device.images_received) == (2, 1)
            assert person.statuses(device)[0] == "202"
            assert person.statuses(device)[-1] == "200"


async def test_beta_1_asks_for_the_digest_first(mosquitto: Mosquitto) -> None:
    fleet = VirtualFleet(options(mosquitto, devices=1, mix={"beta1": 1}))
    async with fleet, Person.at(mosquitto, "+/+/$implementation/ota/status") as person:
        await fleet.all_ready()
        (device,) = fleet
        image = new_image(device)
        await person.send(device, "$implementation/ota/firmware", image)
        await until(lambda: person.statuses(device) == ["400 NOT_REQUESTED"], "not requested")
        await person.send(device, "$implementation/ota/checksum", md5(image).hexdigest().encode())
        await until(lambda: person.statuses(device)[-1] == "202", "accepted")
        await person.send(device, "$implementation/ota/firmware", image)
        await updated(device)


@asynccontextmanager
async def image_server(image: bytes, requests: list[str]) -> AsyncIterator[OtaServer]:
    """A web server that has one image."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(image)}\r\nx-MD5: {md5(image).hexdigest()}\r\n\r\n"
        writer.write(head.encode() + image)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield OtaServer("127.0.0.1", server.sockets[0].getsockname()[1], "/ota")


async def test_a_1_5_device_is_told_a_version_and_asks_over_http(mosquitto: Mosquitto) -> None:
    requests: list[str] = []
    (device,) = VirtualFleet(options(mosquitto, devices=1, mix={"v1": 1}))
    async with image_server(new_image(device), requests) as server:
        fleet = VirtualFleet(options(mosquitto, devices=1, mix={"v1": 1}, server=server))
        async with fleet, Person.at(mosquitto) as person:
            await fleet.all_ready()
            (device,) = fleet
            await person.send(device, "$ota", b"1.1.0")
            await updated(device)
            assert f"x-ESP8266-version: {device.identity.device_id}=" in requests[0]
            assert requests[0].startswith("GET /ota HTTP/1.0\r\n")
            assert (device.boots, device.images_received, len(requests)) == (3, 1, 1)


async def test_a_1_5_device_that_gets_an_image_of_3_comes_back_under_its_mac(mosquitto: Mosquitto) -> None:
    image = sample_image("lamp", "2.0.0", "v3")
    async with image_server(image, []) as server:
        fleet = VirtualFleet(options(mosquitto, devices=1, mix={"v1": 1}, server=server))
        async with fleet, Person.at(mosquitto) as person:
            await fleet.all_ready()
            (old,) = fleet
            await person.send(old, "$ota", b"2.0.0")
            await until(lambda: len(fleet) == 2, "it came back")
            new = fleet[old.identity.mac.replace(":", "").lower()]
            await until(lambda: new.phase is Phase.READY, "ready")
            assert new.identity.base == "homie/"
            assert new.firmware.version == "2.0.0"
            assert old.phase is Phase.GONE


async def test_an_esp32_is_told_an_address_and_fetches_from_there(mosquitto: Mosquitto) -> None:
    requests: list[str] = []
    fleet = VirtualFleet(options(mosquitto, devices=1, mix={"url": 1}))
    (device,) = fleet
    said = Person.at(mosquitto, "+/+/$implementation/ota/+")
    async with image_server(new_image(device), requests) as server, fleet, said as person:
        await fleet.all_ready()
        url = f"http://{server.host}:{server.port}/i/abc"
        await person.send(device, "$implementation/ota/url", url.encode())
        await updated(device)
        assert requests[0].startswith("GET /i/abc HTTP/1.1\r\n")
        assert person.statuses(device) == ["202 ota begin", "200"]
        running = [text for topic, text, _ in person.heard if topic.endswith("ota/running")]
        assert running[0] != running[-1]


@pytest.mark.parametrize(
    ("fault", "last", "boots", "phase"),
    [
        ("never-return", "200", 1, Phase.GONE),
        ("come-back-old", "200", 2, Phase.READY),
        ("no-space", "400 NOT_ENOUGH_SPACE", 1, Phase.READY),
        ("bad-checksum", "400 BAD_CHECKSUM", 1, Phase.READY),
        ("disabled", "403", 1, Phase.READY),
        ("refuse", "403", 1, Phase.READY),
    ],
)
async def test_a_faulty_device_keeps_its_old_firmware(
    mosquitto: Mosquitto, fault: str, last: str, boots: int, phase: Phase
) -> None:
    fleet = VirtualFleet(options(mosquitto, devices=1, mix={"v3": 1}, faults={fault: 1}))
    async with fleet, Person.at(mosquitto, "+/+/$implementation/ota/status") as person:
        await fleet.all_ready()
        (device,) = fleet
        await offer(person, device)
        await until(lambda: person.statuses(device)[-1:] == [last], last)
        await until(lambda: (device.boots, device.phase) == (boots, phase), f"{boots} boots")
        await until(lambda: device.images_received == 1, "it took in the rest, to no purpose")
        assert not is_new(device)


async def test_a_device_whose_statuses_are_lost_succeeds_without_a_word(mosquitto: Mosquitto) -> None:
    fleet = VirtualFleet(options(mosquitto, devices=1, mix={"v3": 1}, faults={"statuses-lost": 1}))
    async with fleet, Person.at(mosquitto, "+/+/$implementation/ota/status") as person:
        await fleet.all_ready()
        (device,) = fleet
        await offer(person, device)
        await updated(device)
        assert [text.partition(" ")[0] for text in person.statuses(device)] == ["202", "206"]


async def test_a_device_that_drops_in_the_middle_takes_the_next_image(mosquitto: Mosquitto) -> None:
    fleet = VirtualFleet(options(mosquitto, devices=1, mix={"v3": 1}, faults={"drops": 1}))
    async with fleet, Person.at(mosquitto, "+/+/$state") as person:
        await fleet.all_ready()
        (device,) = fleet
        await offer(person, device)
        await until(lambda: any(text == "lost" for _, text, _ in person.heard), "lost")
        await until(lambda: device.phase is Phase.READY, "back")
        await fleet.all_ready()
        assert not is_new(device)
        assert (device.boots, device.images_received) == (1, 0)
        await offer(person, device)
        await updated(device)


async def test_a_slow_device_drops_itself_without_a_will(mosquitto: Mosquitto) -> None:
    fleet = VirtualFleet(options(mosquitto, devices=1, mix={"v3": 1}, faults={"slow": 1}, speed=60.0))
    async with fleet, Person.at(mosquitto, "+/+/$state") as person:
        await fleet.all_ready()
        (device,) = fleet
        await until(lambda: [text for _, text, _ in person.heard][-1:] == ["ready"], "heard ready")
        person.heard.clear()
        await offer(person, device)
        await until(lambda: len(person.heard) == 2, "back")
        assert [text for _, text, _ in person.heard] == ["init", "ready"]
        assert not is_new(device)


async def test_a_sleeping_device_is_there_for_a_moment_only(mosquitto: Mosquitto) -> None:
    naps = Timing(awake=4.0, asleep=4.0)
    fleet = VirtualFleet(options(mosquitto, devices=1, mix={"v3": 1}, timing=naps))
    async with fleet, Person.at(mosquitto, "+/+/$state") as person:
        await until(
            lambda: [text for _, text, _ in person.heard][-4:] == ["sleeping", "init", "ready", "sleeping"],
            "naps",
        )
        assert all(text != "lost" for _, text, _ in person.heard)


async def test_a_connection_that_is_cut_comes_back_without_a_boot(mosquitto: Mosquitto) -> None:
    fleet = VirtualFleet(options(mosquitto, devices=1, mix={"v2": 1}))
    async with fleet, Person.at(mosquitto, "+/+/$online") as person:
        await fleet.all_ready()
        (device,) = fleet
        await until(lambda: [text for _, text, _ in person.heard][-1:] == ["true"], "online")
        fleet.cut(device.identity.device_id)
        await until(lambda: [text for _, text, _ in person.heard][-2:] == ["false", "true"], "back")
        assert device.boots == 1


async def test_a_device_that_is_switched_off_leaves_its_will(mosquitto: Mosquitto) -> None:
    fleet = VirtualFleet(options(mosquitto, devices=2, mix={"v3": 1}))
    async with fleet, Person.at(mosquitto, "+/+/$state") as person:
        await fleet.all_ready()
        first, second = fleet
        await fleet.power_off(first.identity.device_id)
        await until(lambda: (f"{first.identity.topic}/$state", "lost", False) in person.heard, "lost")
        assert second.phase is Phase.READY
        fleet.power_on(first.identity.device_id)
        await until(lambda: first.phase is Phase.READY and first.boots == 2, "back")


async def test_a_thousand_devices_live_in_one_process(mosquitto: Mosquitto) -> None:
    fleet = VirtualFleet(options(mosquitto, devices=1000, speed=1.0))
    async with (
        fleet,
        Person.at(mosquitto, "+/+/$fw/version", "+/+/$fwversion", "homie/5/+/$fw/version") as person,
    ):
        await fleet.all_ready(seconds=30)
        await until(lambda: len({topic for topic, _, _ in person.heard}) == 1000, "all announced")
        assert len(fleet) == 1000


async def test_a_fleet_without_a_broker_says_so(free_port: int) -> None:
    with pytest.raises(Unreachable):
        await run_fleet(FleetOptions(f"mqtt://127.0.0.1:{free_port}"), asyncio.Event())
