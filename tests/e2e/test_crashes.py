"""When the server is killed or its broker goes: no image is sent twice, no deployment and no value is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from e2e.conftest import House
from e2e.passage import Passage
from e2e.serving import FAST, Server, first, fleet_of, listening, retained, until
from homie_ota.simulator.fleet import sample_image
from servers import Mosquitto

SLOW = 2_000
"""Bytes a second of the device's own time: its transfer takes one of our seconds."""


@pytest.fixture
def mosquitto(house: House) -> Mosquitto:
    return house.mosquitto


@pytest.fixture
def server(house: House) -> Server:
    return house.server


BANNER = "No connection to the broker"


async def crash_and_rise(server: Server) -> None:
    """kill -9, and a start with the same data."""
    await asyncio.to_thread(server.kill)
    await server.up()
    await server.is_connected()


@pytest.mark.parametrize("state", ["queued", "transferring", "rebooting"])
async def test_an_update_survives_the_kill_of_the_server_and_its_image_is_not_sent_again(
    server: Server, mosquitto: Mosquitto, state: str
) -> None:
    faults = {"slow-reboot": 1} if state == "rebooting" else {}
    async with fleet_of(mosquitto.url, "v3", rate=SLOW, faults=faults) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        if state == "queued":
            await fleet.power_off(device_id)
            await server.sees(device_id, "lost")
        number = await server.order(device_id, firmware)
        await server.reach(number, state)
        await crash_and_rise(server)
        if state == "queued":
            assert (await server.deployment(number))["state"] == "queued"
            fleet.power_on(device_id)
        ended = await server.succeed(number)
        assert server.story(ended).count("offered") == 1
        assert fleet[device_id].images_received == 1
        assert (await server.sees(device_id, version="2.0.0"))["firmware"]["sha256"] == firmware["sha256"]


@pytest.mark.parametrize("generation", ["v1", "v3"])
async def test_a_kill_between_the_decision_and_the_first_byte_ends_with_a_reason_and_without_an_image(
    make_server: Callable[..., Server], mosquitto: Mosquitto, generation: str
) -> None:
    async with Passage(mosquitto).opened() as passage, fleet_of(mosquitto.url, generation) as fleet:
        server = await make_server("--mqtt", passage.url, rollout__offered="2").up()
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", generation), kind, "2.0.0")
        passage.stop_before = b"/$ota" if generation == "v1" else b"/ota/firmware/"
        number = await server.order(device_id, firmware)
        await asyncio.wait_for(passage.held.wait(), 20)
        await asyncio.to_thread(server.kill)
        passage.stop_before = b""
        await server.up()
        await server.is_connected()
        ended = await server.reach(number)
        assert ended["state"] == "failed"
        assert "did not answer the offer" in ended["reason"] or "has not asked this server" in ended["reason"]
        assert ended["harmful"] is False
        assert fleet[device_id].images_received == 0
        assert fleet[device_id].boots == 1
        # And the way is free for a new attempt, which is a row of its own.
        second = await server.try_order(device_id, firmware)
        assert second.status_code == 202
        assert second.json()["attempt"] == 2


async def test_a_kill_right_after_the_image_has_left_does_not_send_it_again(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    async with Passage(mosquitto).opened() as passage, fleet_of(mosquitto.url, "v3", rate=SLOW) as fleet:
        server = await make_server("--mqtt", passage.url).up()
        device_id, kind = first(fleet)
        await server.sees(device_id)
        image = sample_image(kind, "2.0.0", "v3")
        firmware = await server.upload(image)
        before = passage.passed
        number = await server.order(device_id, firmware)
        await until(lambda: passage.passed - before > len(image), "the image has left")
        await crash_and_rise(server)
        ended = await server.succeed(number)
        assert server.story(ended).count("offered") == 1
        assert fleet[device_id].images_received == 1


async def test_two_step_updates_of_beta_1_are_not_repeated_either(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    """Killed after the `202` and before the image: only the claim of the image says that it may not leave again."""
    async with Passage(mosquitto).opened() as passage, fleet_of(mosquitto.url, "beta1") as fleet:
        server = await make_server("--mqtt", passage.url, rollout__transferring="2").up()
        device_id, kind = first(fleet)
        await server.sees(device_id)
        image = sample_image(kind, "2.0.0", "beta1")
        firmware = await server.upload(image)
        passage.stop_before = b"/ota/firmware"
        number = await server.order(device_id, firmware)
        await asyncio.wait_for(passage.held.wait(), 20)
        await asyncio.to_thread(server.kill)
        passage.stop_before = b""
        async with listening(mosquitto, "homie/+/$implementation/ota/+") as heard:
            await server.up()
            ended = await server.reach(number)
            assert ended["state"] == "failed"
            assert not [each for each in heard if each.payload == image]
        assert fleet[device_id].images_received == 0


async def test_names_and_values_are_there_before_the_broker_is_and_their_age_is_said(
    server: Server, mosquitto: Mosquitto
) -> None:
    async with fleet_of(mosquitto.url, "v3") as fleet:
        device_id, _ = first(fleet)
        name = fleet[device_id].identity.name
        node = fleet[device_id].nodes[0]
        topic = f"homie/{device_id}/{node.id}/{node.properties[0].id}"
        await server.sees(device_id)
        mosquitto.publish(topic, "true", retain=True)

        async def is_stored() -> bool:
            found = (await server.get(f"/devices/{device_id}/readings"))["items"]
            return "true" in [each["value"] for each in found]

        await until(is_stored, "the value is known")
        await asyncio.sleep(1.2)  # readings are written once a second
        await asyncio.to_thread(server.kill)
    mosquitto.stop()
    await server.up()
    assert (await server.device(device_id))["name"] == name
    assert await is_stored()
    assert (await server.health())["status"] == "degraded"
    page = (await server.ask("GET", "/")).text
    assert name in page
    assert BANNER in page
    assert "What is shown is what was known then" in page
    mosquitto.start()
    await server.is_connected()


async def test_the_broker_goes_and_comes_back_and_a_queued_update_leaves_once(
    server: Server, mosquitto: Mosquitto
) -> None:
    async with fleet_of(mosquitto.url, "v3") as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        assert BANNER not in (await server.ask("GET", "/")).text
        mosquitto.stop()

        async def is_degraded() -> bool:
            return str((await server.health())["status"]) == "degraded"

        await until(is_degraded, "healthz says that the broker is gone")
        number = await server.order(device_id, firmware)
        assert f"{BANNER} mqtt://127.0.0.1:{mosquitto.port}" in (await server.ask("GET", "/")).text
        await asyncio.sleep(0.5)
        assert (await server.deployment(number))["state"] == "queued"
        mosquitto.start()
        await server.is_connected()
        ended = await server.succeed(number)
        assert server.story(ended).count("offered") == 1
        assert fleet[device_id].images_received == 1
        kept = await retained(mosquitto, "homie/+/$implementation/ota/#")
        assert not [topic for topic in kept if "firmware" in topic]


async def test_a_broker_that_goes_in_the_middle_of_an_image_does_not_get_it_again(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    # When the device is back before we are, what it retained proves no failure: the deadline has to say it.
    server = await make_server("--mqtt", mosquitto.url, rollout__transferring="3").up()
    async with fleet_of(mosquitto.url, "v3", rate=SLOW, timing=FAST) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        number = await server.order(device_id, firmware)
        await server.reach(number, "transferring")
        mosquitto.kill()
        await asyncio.sleep(0.3)
        mosquitto.start()
        await server.is_connected()
        ended = await server.reach(number)
        assert fleet[device_id].images_received <= 1
        assert server.story(ended).count("offered") == 1
        if ended["state"] == "failed":
            assert "still runs the old firmware" in ended["reason"]
            assert (await server.sees(device_id))["firmware"]["version"] == "1.0.0"
