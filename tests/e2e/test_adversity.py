"""What would break an update: echoes, forgeries, other servers, impatient people, brokers with limits."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections import Counter
from collections.abc import Callable

import pytest

from e2e.conftest import House
from e2e.serving import API, Heard, Server, command, environment, first, fleet_of, listening, until
from homie_ota.simulator.fleet import sample_image
from homie_ota.simulator.images import make_image
from servers import Mosquitto

SLOW = 2_000
"""Bytes a second of the device's own time: its transfer takes one of our seconds."""


@pytest.fixture
def mosquitto(house: House) -> Mosquitto:
    return house.mosquitto


@pytest.fixture
def server(house: House) -> Server:
    return house.server


def images(heard: list[Heard]) -> int:
    return sum("/ota/firmware" in each.topic for each in heard)


async def test_of_orders_at_the_same_moment_one_is_taken(server: Server, mosquitto: Mosquitto) -> None:
    async with fleet_of(mosquitto.url, "v3") as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        answers = await asyncio.gather(*(server.try_order(device_id, firmware) for _ in range(8)))
        assert Counter(each.status_code for each in answers) == {202: 1, 409: 7}
        assert {each.json()["code"] for each in answers if each.status_code == 409} == {"conflict"}
        await server.succeed(next(each.json()["id"] for each in answers if each.status_code == 202))
        assert fleet[device_id].images_received == 1


async def test_only_what_is_queued_can_be_cancelled(server: Server, mosquitto: Mosquitto) -> None:
    async with fleet_of(mosquitto.url, "v3", rate=SLOW) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        await fleet.power_off(device_id)
        await server.sees(device_id, "lost")
        queued = await server.order(device_id, firmware)
        cancelled = await server.ask("POST", f"{API}/deployments/{queued}/cancel")
        assert cancelled.json()["state"] == "cancelled"
        fleet.power_on(device_id)
        await server.sees(device_id)
        number = await server.order(device_id, firmware)
        await server.reach(number, "offered", "transferring")
        refused = await server.ask("POST", f"{API}/deployments/{number}/cancel")
        assert refused.status_code == 409
        assert "cannot be told to stop" in refused.json()["detail"]
        await server.succeed(number)
        assert fleet[device_id].images_received == 1


async def test_statuses_that_somebody_else_publishes_do_not_end_an_update(
    server: Server, mosquitto: Mosquitto
) -> None:
    async with fleet_of(mosquitto.url, "v3", rate=SLOW) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        topic = f"homie/{device_id}/$implementation/ota/status"
        mosquitto.publish(topic, "200")
        number = await server.order(device_id, firmware)
        await server.reach(number, "transferring")
        for forged in (
            "206 7/10",
            "206 999999999/1",
            "206 -1/-1",
            f"206 99999999/{firmware['size']}",
            "206",
            "ÿ",
        ):
            mosquitto.publish(topic, forged)
        found = await server.deployment(number)
        assert found["state"] == "transferring"
        assert found["bytes_total"] == firmware["size"]
        assert 0 <= found["bytes_done"] <= firmware["size"]  # a forged one that cannot be was not believed
        await server.succeed(number)
        # Afterwards they mean nothing at all.
        for late in ("500 INTERNAL_ERROR 8", "400 BAD_CHECKSUM", "202"):
            mosquitto.publish(topic, late)
        await asyncio.sleep(0.3)
        assert (await server.deployment(number))["state"] == "succeeded"


async def test_a_device_that_was_renamed_or_forgotten_by_the_broker_while_queued_is_still_the_same(
    server: Server, mosquitto: Mosquitto
) -> None:
    async with fleet_of(mosquitto.url, "v3") as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        await fleet.power_off(device_id)
        await server.sees(device_id, "lost")
        number = await server.order(device_id, firmware)
        mosquitto.publish(f"homie/{device_id}/$name", "Another name", retain=True)
        mosquitto.publish(f"homie/{device_id}/$state", "", retain=True)
        mosquitto.publish(f"homie/{device_id}/$homie", "", retain=True)
        await asyncio.sleep(0.3)
        assert (await server.deployment(number))["state"] == "queued"
        fleet.power_on(device_id)
        await server.succeed(number)
        assert fleet[device_id].images_received == 1


async def test_a_device_whose_connection_flaps_gets_one_image(server: Server, mosquitto: Mosquitto) -> None:
    async with (
        fleet_of(mosquitto.url, "v3") as fleet,
        listening(mosquitto, "homie/+/+/ota/firmware/+") as heard,
    ):
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        await fleet.power_off(device_id)
        await server.sees(device_id, "lost")
        number = await server.order(device_id, firmware)
        for word in ("init", "ready", "lost", "init", "ready", "ready", "lost", "ready"):
            mosquitto.publish(f"homie/{device_id}/$state", word, retain=True)
        await server.reach(
            number, "offered", "rebooting"
        )  # with the last `lost` heard before or after the offer
        await until(lambda: images(heard) == 1, "the image was offered")
        fleet.power_on(device_id)
        ended = await server.reach(number)
        # The image went to a device that was not there: it comes back with the old one, and that is said.
        assert ended["state"] == "failed"
        assert ended["harmful"] is False
        assert images(heard) == 1


async def test_an_image_that_was_changed_on_the_disk_is_given_to_nobody(
    server: Server, mosquitto: Mosquitto
) -> None:
    async with (
        fleet_of(mosquitto.url, "v3") as fleet,
        listening(mosquitto, "homie/+/+/ota/firmware/+") as heard,
    ):
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.7.0", "v3"))
        path = server.folder / "data" / "firmwares" / firmware["filename"]
        path.write_bytes(sample_image(kind, "2.7.1", "v3"))
        ended = await server.reach(await server.order(device_id, firmware))
        assert ended["state"] == "failed"
        assert "changed on the disk" in ended["reason"]
        assert images(heard) == 0
        # Uploaded again it is good again.
        assert (await server.upload(sample_image(kind, "2.7.0", "v3")))["sha256"] == firmware["sha256"]
        await server.succeed(await server.order(device_id, firmware))


async def test_a_second_server_on_the_same_broker_looks_on_and_does_nothing(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    one, other = make_server("--mqtt", mosquitto.url), make_server("--mqtt", mosquitto.url)
    await asyncio.gather(one.up(), other.up())
    async with (
        fleet_of(mosquitto.url, "v3") as fleet,
        listening(mosquitto, "homie/+/+/ota/firmware/+") as heard,
    ):
        device_id, kind = first(fleet)
        await asyncio.gather(one.sees(device_id), other.sees(device_id))
        image = sample_image(kind, "2.0.0", "v3")
        firmware = await one.upload(image)
        await other.upload(image)
        await one.succeed(await one.order(device_id, firmware))
        assert (await other.sees(device_id, version="2.0.0"))["firmware"]["sha256"] == firmware["sha256"]
        assert await other.deployments(device_id) == []
        assert images(heard) == 1
        assert (await one.health())["status"] == (await other.health())["status"] == "ok"


async def test_a_new_attempt_does_not_go_on_top_of_an_image_that_may_still_be_under_way(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    """Given up too early by us, the device still takes the first image in: a second one could damage it."""
    server = await make_server(
        "--mqtt", mosquitto.url, rollout__transferring="0.3", rollout__offered="0.3"
    ).up()
    async with (
        fleet_of(mosquitto.url, "v3", rate=1_500, faults={"statuses-lost": 1}) as fleet,
        listening(mosquitto, "homie/+/+/ota/firmware/+") as heard,
    ):
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        given_up = await server.reach(await server.order(device_id, firmware))
        assert given_up["state"] == "failed"
        again = await server.try_order(device_id, firmware)
        assert again.status_code == 202
        await server.sees(device_id, version="2.0.0")
        await server.reach(again.json()["id"])
        first_attempt = await server.deployment(given_up["id"])
        assert first_attempt["state"] == "succeeded"
        assert first_attempt["late"] is True
        assert (await server.deployment(again.json()["id"]))["state"] == "cancelled"
        assert images(heard) == 1
        assert fleet[device_id].images_received == 1


@pytest.mark.parametrize("limit", ["message_size_limit 20000", "max_packet_size 20000"])
async def test_a_broker_that_lets_no_image_through_is_named_as_what_may_be_wrong(
    make_server: Callable[..., Server], start_mosquitto: Callable[..., Mosquitto], limit: str
) -> None:
    broker = start_mosquitto(limit)
    server = await make_server("--mqtt", broker.url, rollout__offered="2").up()
    async with fleet_of(broker.url, "v3") as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v3"))
        ended = await server.reach(await server.order(device_id, firmware))
        assert ended["state"] == "failed"
        assert "the broker lets an image of this size through" in ended["reason"]
        assert server.story(ended).count("offered") == 1
        await server.is_connected()
        assert fleet[device_id].images_received == 0
        assert fleet[device_id].boots == 1


async def test_a_polite_stop_in_the_middle_of_an_image_does_not_send_it_again_either(
    server: Server, mosquitto: Mosquitto
) -> None:
    async with fleet_of(mosquitto.url, "v3", rate=SLOW) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        number = await server.order(device_id, await server.upload(sample_image(kind, "2.0.0", "v3")))
        await server.reach(number, "transferring")
        await server.down()
        assert "Traceback" not in server.log
        await server.up()
        ended = await server.succeed(number)
        assert server.story(ended).count("offered") == 1
        assert fleet[device_id].images_received == 1


ESP = {
    "x-ESP8266-STA-MAC": "A0:20:A6:14:85:06", "x-ESP8266-free-space": "15000000", "x-ESP8266-mode": "sketch",
}  # fmt: skip


def announce_light(mosquitto: Mosquitto) -> None:
    """A 1.5 device that a test plays: it is there, and does nothing by itself."""
    for topic, text in {"$online": "true", "$fwname": "light", "$fwversion": "1.0.0"}.items():
        mosquitto.publish(f"devices/c631f278/{topic}", text, qos=0, retain=True)


async def test_a_kill_in_the_middle_of_an_image_over_http_ends_with_a_reason(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url).up()
    announce_light(mosquitto)
    await server.sees("c631f278")
    large = make_image("light", "1.1.0", size=12 << 20, flash_size=16 << 20, homie=False)
    firmware = await server.upload(large, "light", "1.1.0")
    number = await server.order("c631f278", firmware)
    await server.reach(number, "offered")
    told = {"Host": "x", **ESP, "x-ESP8266-version": "c631f278=light=1.0.0=1.1.0"}
    lines = ["GET /ota HTTP/1.0", *(f"{name}: {value}" for name, value in told.items()), "", ""]
    with socket.socket() as small:
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # else the kernel takes in all of it
        small.connect((server.host, server.port))
        reader, writer = await asyncio.open_connection(sock=small.dup(), limit=4096)
    writer.write("\r\n".join(lines).encode())
    assert (await reader.readline()).split()[1] == b"200"
    assert (await server.deployment(number))["state"] == "transferring"
    await asyncio.to_thread(server.kill)
    writer.close()
    await server.up()
    await server.is_connected()
    assert (await server.deployment(number))["state"] == "transferring"
    # Who asks again for the same attempt gets nothing a second time.
    assert (await server.ask("GET", "/ota", headers=told)).status_code == 304
    announce_light(mosquitto)
    ended = await server.reach(number)
    assert ended["state"] == "failed"
    assert "still runs the old firmware" in ended["reason"]


async def test_the_command_line_updates_and_tells_how_it_went(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, rollout__backoff="0.3").up()

    async def homie_ota(*arguments: str) -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *command(*arguments), env={**environment(), "HOMIE_OTA_SERVER": server.url},
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out, _ = await process.communicate()
        return process.returncode, out.decode()

    async with fleet_of(mosquitto.url, "v3") as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        path = server.folder / "new.bin"
        path.write_bytes(sample_image(kind, "2.0.0", "v3"))
        status, text = await homie_ota("upload", str(path), "--description", "the new one")
        assert status == 0, text
        update = ("update", device_id, "--to", f"{kind}@2.0.0", "--watch", "--yes")
        status, text = await homie_ota(*update)
        assert status == 0, text
        assert "succeeded" in text
        status, text = await homie_ota(*update)
        assert status in (0, 4), text  # it runs it already
        assert "already" in text
        assert fleet[device_id].images_received == 1
    async with fleet_of(mosquitto.url, "v2", faults={"bad-checksum": 1}) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        path.write_bytes(sample_image(kind, "3.0.0", "v2"))
        assert (await homie_ota("upload", str(path)))[0] == 0
        status, text = await homie_ota("update", device_id, "--to", f"{kind}@3.0.0", "--watch", "--yes")
        assert status == 1, text
        assert "BAD_CHECKSUM" in text
        # What came over badly is sent once more, and watched to its end.
        assert fleet[device_id].images_received == 2
        assert len(await server.deployments(device_id)) == 2
        assert f"homie-ota release {device_id}" in text


async def test_a_stop_does_not_wait_for_who_looks_at_the_live_stream(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url).up()
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET /events HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n\r\n")
    assert b"200" in await reader.readline()
    process = server._process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    assert await asyncio.to_thread(process.wait, 20) == 0
    writer.close()
    assert "Traceback" not in server.log
