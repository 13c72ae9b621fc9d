"""Homie 1.5 and esp32-homie: devices that fetch their image from the running server."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import House
from e2e.serving import API, Heard, Server, first, fleet_of, listening, retained, run, until
from homie_ota.homie.v1 import short_hash
from homie_ota.simulator.fleet import sample_image
from homie_ota.simulator.images import make_image
from homie_ota.simulator.values import OtaServer
from servers import Mosquitto, unused_port


@pytest.fixture
def mosquitto(house: House) -> Mosquitto:
    return house.mosquitto


@pytest.fixture
def server(house: House) -> Server:
    return house.server


def endpoint(server: Server) -> OtaServer:
    return OtaServer(server.host, server.port, "/ota")


def said(heard: list[Heard], tail: str) -> list[bytes]:
    return [each.payload for each in heard if each.topic.endswith(tail)]


@pytest.mark.parametrize("is_same_name", [True, False])
async def test_a_device_of_1_5_is_told_the_version_fetches_it_and_proves_it_by_its_announce(
    server: Server, mosquitto: Mosquitto, is_same_name: bool
) -> None:
    async with fleet_of(mosquitto.url, "v1", server=endpoint(server)) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        name = kind if is_same_name else "dual-relay-module"
        firmware = await server.upload(make_image(name, "1.0.3", homie=False), name, "1.0.3")
        async with listening(mosquitto, f"devices/{device_id}/$ota") as heard:
            ended = await server.succeed(await server.order(device_id, firmware))
            wanted = "1.0.3" if is_same_name else f"{short_hash(name, 10)}@1.0.3"
            assert said(heard, "/$ota") == [wanted.encode()]
        assert len(wanted) <= 16
        assert ended["late"] is False
        assert server.story(ended) == [
            "queued", "offered", "transferring", "rebooting", "verifying", "succeeded",
        ]  # fmt: skip
        found = await server.sees(device_id, version="1.0.3")
        assert found["firmware"]["name"] == name
        assert found["mac"] == fleet[device_id].identity.mac  # 1.5 tells it in its request only
        assert fleet[device_id].images_received == 1
        kept = await retained(mosquitto, f"devices/{device_id}/#")
        assert not [topic for topic in kept if topic.endswith("/$ota") or "/ota/firmware" in topic]


async def test_a_device_that_asks_another_server_comes_back_old_and_that_is_what_is_said(
    server: Server, mosquitto: Mosquitto
) -> None:
    async with fleet_of(mosquitto.url, "v1", server=OtaServer("127.0.0.1", unused_port())) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v1"), kind, "2.0.0")
        ended = await server.reach(await server.order(device_id, firmware))
        assert ended["state"] == "failed"
        assert "without asking this server" in ended["reason"]
        assert ended["harmful"] is False
        assert fleet[device_id].boots == 3  # its first, into OTA mode, and back


@pytest.mark.parametrize(
    ("fault", "end"),
    [("", "succeeded:booted"), ("come-back-old", "failed:came-back-old"), ("no-space", "failed:")],
)
async def test_a_case_of_1_5_ends_as_it_did_when_it_is_played_again(
    server: Server, mosquitto: Mosquitto, tmp_path: Path, fault: str, end: str
) -> None:
    faults = {fault: 1} if fault else None
    async with fleet_of(mosquitto.url, "v1", server=endpoint(server), faults=faults) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v1"), kind, "2.0.0")
        ended = await server.reach(await server.order(device_id, firmware))
    assert f"{ended['state']}:{ended['code']}".startswith(end), ended["reason"]
    case = await server.get(f"/deployments/{ended['id']}/case")
    assert case["device"]["way"] == "http"
    path = tmp_path / "case.json"
    path.write_text(json.dumps(case))
    played = await asyncio.to_thread(run, tmp_path, "--json", "replay", str(path))
    assert played.stdout, played.stderr
    found = json.loads(played.stdout)
    assert (played.returncode, found["as_expected"]) == (0, True), played.stdout + played.stderr
    assert [each["state"] for each in found["moves"]] == server.story(ended)
    assert found["sent"] == [f"devices/{device_id}/$ota"]
    if fault == "no-space":
        return  # it was refused: what it says afterwards changes nothing
    # Had it come back with the version that it ran before, or with the wanted one, it would not have ended so.
    other = _with_version(case, "1.0.0" if ended["state"] == "succeeded" else "2.0.0")
    path.write_text(json.dumps(other))
    differs = await asyncio.to_thread(run, tmp_path, "--json", "replay", str(path))
    assert (differs.returncode, json.loads(differs.stdout)["as_expected"]) == (1, False), differs.stdout


def _with_version(case: dict[str, Any], version: str) -> dict[str, Any]:
    """The same case, but after it was offered the device says that it runs this version."""
    said = [
        {**each, "text": version} if each["topic"].endswith("/$fwversion") else each
        for each in case["messages"]
    ]
    return {**case, "messages": said}


async def test_a_device_that_does_not_listen_to_its_ota_topic_ends_at_the_deadline(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, rollout__offered="0.5").up()
    async with fleet_of(mosquitto.url, "v1", server=endpoint(server), faults={"disabled": 1}) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v1"), kind, "2.0.0")
        ended = await server.reach(await server.order(device_id, firmware))
        assert ended["state"] == "failed"
        assert "has not asked this server" in ended["reason"]
        assert fleet[device_id].boots == 1


async def test_a_device_without_room_is_refused_with_a_sentence_and_never_asked_again(
    server: Server, mosquitto: Mosquitto
) -> None:
    async with fleet_of(mosquitto.url, "v1", server=endpoint(server), faults={"no-space": 1}) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        firmware = await server.upload(sample_image(kind, "2.0.0", "v1"), kind, "2.0.0")
        ended = await server.reach(await server.order(device_id, firmware))
        assert ended["state"] == "failed"
        assert ended["harmful"] is False
        assert f"{firmware['size']} bytes" in ended["reason"]
        assert "has 4096 bytes free" in ended["reason"]
        await server.sees(device_id)
        again = await server.try_order(device_id, firmware)
        assert again.status_code == 409
        assert again.json()["code"] == "not-eligible"
        assert "4096" in again.json()["detail"]
        assert fleet[device_id].images_received == 0
        lifted = await server.try_order(device_id, firmware, "it was given a larger flash chip")
        assert lifted.status_code == 202, lifted.text


def headers(device_id: str, name: str, have: str, want: str, **more: str) -> dict[str, str]:
    """What 1.5 sends, spelled as no server would guess."""
    told = {
        "x-ESP8266-version": f"{device_id}={name}={have}={want}",
        "X-Esp8266-Sta-Mac": "5C:CF:7F:00:00:01",
    }
    return told | {f"x-ESP8266-{word.replace('_', '-')}": value for word, value in more.items()}


async def test_nobody_gets_an_image_who_was_not_told_to_ask(server: Server, mosquitto: Mosquitto) -> None:
    async with fleet_of(mosquitto.url, "v1", server=endpoint(server)) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        await server.upload(sample_image(kind, "2.0.0", "v1"), kind, "2.0.0")
        asked = {
            "a browser": {},
            "a stranger": headers("stranger", kind, "1.0.0", "2.0.0"),
            "a device that nobody told": headers(device_id, kind, "1.0.0", "2.0.0"),
        }
        for who, given in asked.items():
            answer = await server.ask("GET", "/ota", headers=given)
            assert answer.status_code == 403, who
            assert b"\xe9" not in answer.content
        idle = {"x-ESP8266-mode": "sketch", "x-ESP8266-STA-MAC": fleet[device_id].identity.mac}
        # Without the header of Homie it is a plain sketch: it knocks, and there is nothing for it.
        assert (await server.ask("GET", "/ota", headers=idle)).status_code == 304
        nothing = await server.ask("GET", "/ota", headers=headers(device_id, kind, "1.0.0", ""))
        assert nothing.status_code == 304
        assert nothing.content == b""
        assert (await server.deployments(device_id)) == []


async def test_what_was_never_stored_is_answered_with_304_also_when_the_broker_says_to_ask_for_it(
    server: Server, mosquitto: Mosquitto
) -> None:
    async with fleet_of(mosquitto.url, "v1", server=endpoint(server)) as fleet:
        device_id, _ = first(fleet)
        await server.sees(device_id)
        mosquitto.publish(f"devices/{device_id}/$ota", "9.9.9")
        await until(lambda: fleet[device_id].boots == 3, "the device asked and came back")
        await server.sees(device_id, version="1.0.0")
        assert fleet[device_id].images_received == 0
        assert re.search(rf"{device_id} at 127.0.0.1 asked: 304, it asks for 9.9.9", server.log)
        assert (await server.deployments(device_id)) == []


@pytest.mark.parametrize("is_retained", [False, True])
async def test_a_bare_version_that_somebody_else_publishes_is_honoured_and_shown_as_such(
    server: Server, mosquitto: Mosquitto, is_retained: bool
) -> None:
    async with fleet_of(mosquitto.url, "v1", server=endpoint(server)) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        await server.upload(sample_image(kind, "2.0.0", "v1"), kind, "2.0.0")
        mosquitto.publish(f"devices/{device_id}/$ota", "2.0.0", retain=is_retained)
        await server.sees(device_id, version="2.0.0")
        assert fleet[device_id].images_received == 1
        (made,) = await server.deployments(device_id)
        ended = await server.succeed(made["id"])
        assert ended["created_by"] == "$ota"
        page = (await server.ask("GET", f"/deployment/{made['id']}", headers={"accept": "text/html"})).text
        assert "$ota" in page
        assert fleet[device_id].boots == 3  # a retained word that has come true calls for nothing


async def test_an_external_request_while_the_server_was_away_is_honoured_when_it_is_retained(
    server: Server, mosquitto: Mosquitto
) -> None:
    async with fleet_of(mosquitto.url, "v1", server=endpoint(server)) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        await server.upload(sample_image(kind, "2.0.0", "v1"), kind, "2.0.0")
        await server.down()
        await fleet.power_off(device_id)
        mosquitto.publish(f"devices/{device_id}/$ota", "2.0.0", retain=True)
        await server.up()
        await server.is_connected()
        fleet.power_on(device_id)
        await server.sees(device_id, version="2.0.0")
        (made,) = await server.deployments(device_id)
        await server.succeed(made["id"])


# --- esp32-homie -----------------------------------------------------------------------------------------------------


async def test_esp32_homie_pulls_its_image_from_an_address_that_is_good_for_this_attempt_only(
    server: Server, mosquitto: Mosquitto
) -> None:
    fleet = fleet_of(mosquitto.url, "url")
    device_id, kind = first(fleet)
    async with fleet, listening(mosquitto, f"homie/{device_id}/+/ota/url") as heard:
        await server.sees(device_id)
        image = sample_image(kind, "2.0.0", "url")
        firmware = await server.upload(image, kind, "2.0.0")
        ended = await server.succeed(await server.order(device_id, firmware))
        assert "tells no checksum" in ended["reason"]
        (address,) = said(heard, "/ota/url")
        assert address.decode().startswith(f"{server.url}/ota/i/")
        assert len(address) <= 256
        path = address.decode().removeprefix(server.url)
        assert (await server.ask("GET", path)).status_code == 403
        assert (await server.ask("GET", "/ota/i/" + "A" * 32)).status_code == 403
        assert fleet[device_id].images_received == 1
        assert not await retained(mosquitto, "homie/+/$implementation/ota/url")


def announce_esp32(mosquitto: Mosquitto, device_id: str) -> None:
    """An ESP32 that is there and does nothing."""
    said = {
        "$online": "true", "$fw/name": "plug", "$fw/version": "1.0.0", "$implementation": "esp32-idf",
        "$implementation/ota/enabled": "true", "$implementation/ota/running": "0x00010000",
        "$implementation/ota/boot": "0x00010000",
    }  # fmt: skip
    for topic, text in said.items():
        mosquitto.publish(f"homie/{device_id}/{topic}", text, retain=True)


async def test_an_address_brings_the_image_of_its_own_device_and_dies_with_its_time(
    make_server: Callable[..., Server], mosquitto: Mosquitto
) -> None:
    server = await make_server("--mqtt", mosquitto.url, ota__url_lifetime="3", rollout__parallel="2").up()
    images = {
        "east": make_image("plug", "2.0.0", size=40_960, homie=False),
        "west": make_image("plug", "2.0.1", size=49_152, homie=False),
    }
    async with listening(mosquitto, "homie/+/+/ota/url") as heard:
        for device_id, image in images.items():
            announce_esp32(mosquitto, device_id)
            await server.sees(device_id)
            await server.order(
                device_id, await server.upload(image, "plug", "2.0.0" if device_id == "east" else "2.0.1")
            )
        await until(lambda: len(said(heard, "/ota/url")) == 2, "both devices were told an address")
        paths = {
            each.topic.split("/")[1]: each.payload.decode().removeprefix(server.url)
            for each in heard
            if each.topic.endswith("/ota/url")
        }
        for device_id, path in paths.items():
            answer = await server.ask("GET", path)
            assert answer.status_code == 200
            assert answer.content == images[device_id]
        middle = await server.ask("GET", paths["east"], headers={"Range": "bytes=100-199"})
        assert (middle.status_code, middle.content) == (206, images["east"][100:200])

        async def are_dead() -> bool:
            return {(await server.ask("GET", path)).status_code for path in paths.values()} == {403}

        await until(are_dead, "both addresses are dead")
        # Their attempts still wait for the devices: only the addresses are over.
        assert {each["state"] for each in await server.deployments()} == {"rebooting"}


# --- Crossing --------------------------------------------------------------------------------------------------------


async def test_a_crossing_from_1_5_to_3_is_one_device_with_one_history(
    server: Server, mosquitto: Mosquitto
) -> None:
    async with fleet_of(mosquitto.url, "v1", server=endpoint(server)) as fleet:
        device_id, kind = first(fleet)
        await server.sees(device_id)
        mac = fleet[device_id].identity.mac
        firmware = await server.upload(sample_image(kind, "3.0.0", "v3"))
        number = await server.order(device_id, firmware)
        ended = await server.succeed(number)
        new_id = mac.replace(":", "").lower()
        found = await server.sees(f"homie~{new_id}", version="3.0.0")
        assert found["firmware"]["sha256"] == firmware["sha256"]
        everyone = await server.get(f"/devices?q={device_id} OR {new_id}")
        assert [each["id"] for each in everyone["items"]] == [f"homie~{new_id}"]
        assert ended["device"] == f"homie~{new_id}"
        # Its old name still leads to it, and so does its history.
        assert [each["id"] for each in await server.deployments(device_id)] == [number]
        assert (await server.ask("GET", f"{API}/devices/devices~{device_id}")).json()["id"] == found["id"]
        assert next(each for each in fleet if each.identity.device_id == new_id).sketch.version == "3.0.0"
