"""Plain Arduino sketches against the running server: they knock, are adopted, updated when it is their turn, proven."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from e2e.conftest import House
from e2e.serving import API, Server, fleet_of, run, until
from homie_ota.simulator.arduino import ArduinoDevice
from homie_ota.simulator.fleet import sample_image
from homie_ota.simulator.images import make_image
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import OtaServer, Timing
from servers import Mosquitto

OFTEN = Timing(reboot=2.0, interval=10.0)
"""They ask every half a second of ours."""
QUICK = {"verified": 1.0, "harmful": 0, "soak": 0, "minimum": 1}


@asynccontextmanager
async def sketches(
    server: Server, mosquitto: Mosquitto, core: str = "arduino", devices: int = 1, **faults: int
) -> AsyncIterator[VirtualFleet]:
    """Sketches that ask this server, all adopted."""
    wanted = {name.replace("_", "-"): count for name, count in faults.items()}
    at = OtaServer(server.host, server.port, "/ota")
    fleet = fleet_of(mosquitto.url, core, server=at, devices=devices, timing=OFTEN, faults=wanted)
    async with fleet:
        for each in fleet:
            await adopt(server, each.identity.mac, each.identity.name)
        yield fleet


async def adopt(server: Server, mac: str, name: str) -> None:
    async def knocks() -> bool:
        found = await server.get("/knocks?limit=1000")
        return mac in {each["mac"] for each in found["items"]}

    await until(knocks, f"{mac} knocks")
    answer = await server.ask("POST", f"{API}/knocks/{mac}/adopt", json={"name": name})
    assert answer.status_code == 201, answer.text


def id_of(sketch: Any) -> str:
    return f"arduino~{sketch.identity.mac.replace(':', '').lower()}"


def kind_of(sketch: Any) -> str:
    return str(sketch.sketch.name)


@pytest.mark.parametrize(
    ("core", "code"), [("arduino", "verified"), ("arduino32", "verified"), ("arduino-old", "booted")]
)
async def test_a_sketch_that_was_adopted_is_updated_and_proves_it(house: House, core: str, code: str) -> None:
    server = house.server
    async with sketches(server, house.mosquitto, core) as fleet:
        (sketch,) = fleet
        device, kind = id_of(sketch), kind_of(sketch)
        firmware = await server.upload(sample_image(kind, "2.0.0", core), kind, "2.0.0")
        ended = await server.succeed(await server.order(device, firmware))
        assert server.story(ended) == [
            "queued", "offered", "transferring", "rebooting", "verifying", "succeeded",
        ]  # fmt: skip
        assert (ended["code"], ended["late"], ended["harmful"]) == (code, False, None)
        found = await server.sees(device, "sleeping", "2.0.0")
        assert found["firmware"]["name"] == kind
        assert isinstance(sketch, ArduinoDevice)
        assert sketch.images_received == 1
        asked = sketch.asked
        await until(lambda: sketch.asked > asked + 2, "it asks again, and gets nothing")
        assert sketch.images_received == 1


@pytest.mark.parametrize(
    ("fault", "code", "harmful"),
    [("come_back_old", "came-back-old", True), ("bad_checksum", "came-back-old", True)],
)
async def test_a_sketch_that_does_not_take_its_image_is_left_alone_after_it(
    house: House, fault: str, code: str, harmful: bool
) -> None:
    server = house.server
    async with sketches(server, house.mosquitto, "arduino", 1, **{fault: 1}) as fleet:
        (sketch,) = fleet
        kind = kind_of(sketch)
        firmware = await server.upload(sample_image(kind, "2.1.0", "arduino"), kind, "2.1.0")
        ended = await server.reach(await server.order(id_of(sketch), firmware))
        assert (ended["state"], ended["code"], ended["harmful"]) == ("failed", code, harmful)
        assert isinstance(sketch, ArduinoDevice)
        asked = sketch.asked
        await until(lambda: sketch.asked > asked + 2, "it asks again, and gets nothing")
        assert sketch.images_received == 1
        refused = await server.try_order(id_of(sketch), firmware)
        assert (refused.status_code, "quarantine" in refused.text) == (409, True)


@pytest.mark.parametrize(
    ("fault", "end"), [("", "succeeded:verified"), ("come_back_old", "failed:came-back-old")]
)
async def test_a_case_of_a_sketch_ends_as_it_did_when_it_is_played_again(
    house: House, tmp_path: Path, fault: str, end: str
) -> None:
    server = house.server
    async with sketches(server, house.mosquitto, "arduino", 1, **({fault: 1} if fault else {})) as fleet:
        (sketch,) = fleet
        kind = kind_of(sketch)
        firmware = await server.upload(sample_image(kind, "2.3.0", "arduino"), kind, "2.3.0")
        ended = await server.reach(await server.order(id_of(sketch), firmware))
    assert f"{ended['state']}:{ended['code']}" == end
    case = await server.get(f"/deployments/{ended['id']}/case")
    asked = [each for each in case["messages"] if each["topic"] == "HTTP"]
    assert [each["direction"] for each in asked] == ["in", "out"] * 2
    assert asked[1]["text"].startswith(f"200: gets {kind} 2.3.0")
    path = tmp_path / "case.json"
    path.write_text(json.dumps(case))
    played = await asyncio.to_thread(run, tmp_path, "--json", "replay", str(path))
    assert played.returncode == 0, played.stdout + played.stderr
    assert [each["state"] for each in json.loads(played.stdout)["moves"]] == server.story(ended)
    # Had it told the other checksum the last time it asked, it would not have ended so.
    other = firmware["md5"] if fault else case["deployment"]["before"]["md5"]
    asked[2]["text"] = re.sub(r"sketch-md5: \w+", f"sketch-md5: {other}", asked[2]["text"])
    path.write_text(json.dumps(case))
    assert (await asyncio.to_thread(run, tmp_path, "--json", "replay", str(path))).returncode == 1


async def test_a_sketch_without_room_is_told_nothing_for_you_and_why_is_in_its_history(house: House) -> None:
    server = house.server
    async with sketches(server, house.mosquitto, no_space=1) as fleet:
        (sketch,) = fleet
        kind = kind_of(sketch)
        firmware = await server.upload(sample_image(kind, "2.2.0", "arduino"), kind, "2.2.0")
        refused = await server.try_order(id_of(sketch), firmware)
        assert refused.status_code == 409
        assert "4096 bytes free" in refused.text
        assert sketch.images_received == 0


async def test_a_sketch_that_never_asks_again_is_missed_by_its_own_rhythm(
    make_server: Callable[..., Server], house: House
) -> None:
    quick = {"rollout__rebooting": "2", "rollout__deadline_floor": "1"}
    server = await make_server("--mqtt", house.mosquitto.url, **quick).up()
    async with sketches(server, house.mosquitto, never_return=1) as fleet:
        (sketch,) = fleet
        assert isinstance(sketch, ArduinoDevice)
        await until(lambda: sketch.asked > 6, "its rhythm is known")
        kind = kind_of(sketch)
        firmware = await server.upload(sample_image(kind, "2.0.0", "arduino"), kind, "2.0.0")
        ended = await server.reach(await server.order(id_of(sketch), firmware))
        assert (ended["state"], ended["code"], ended["harmful"]) == ("failed", "not-back", True)
        assert "has not asked again" in ended["reason"]


async def rollout(server: Server, firmware: dict[str, Any], query: str) -> int:
    plan = {"waves": [{"count": 2, "gate": QUICK}, {"gate": QUICK}]}
    body = {"query": query, "firmware": firmware["sha256"], "plan": plan}
    made = await server.ask("POST", f"{API}/rollouts", json=body)
    assert made.status_code == 201, made.text
    number = int(made.json()["id"])
    started = await server.ask("POST", f"{API}/rollouts/{number}/start", json={"reason": "test"})
    assert started.status_code == 200, started.text
    return number


async def reaches(server: Server, number: int, state: str) -> dict[str, Any]:
    async def so() -> bool:
        return bool((await server.get(f"/rollouts/{number}"))["state"] == state)

    await until(so, f"rollout {number} is {state}", 90.0)
    found: dict[str, Any] = await server.get(f"/rollouts/{number}")
    return found


async def test_ten_sketches_are_updated_in_waves_each_once(
    make_server: Callable[..., Server], house: House
) -> None:
    server = await make_server("--mqtt", house.mosquitto.url).up()
    async with sketches(server, house.mosquitto, devices=10) as fleet:
        firmware = await server.upload(sample_image("lamp", "2.0.0", "arduino"), "lamp", "2.0.0")
        number = await rollout(server, firmware, "ota:asks")
        await reaches(server, number, "finished")
        ended = await server.deployments()
        assert sorted(each["state"] for each in ended) == ["succeeded"] * 10
        assert {each["code"] for each in ended} == {"verified"}
        assert [each.images_received for each in fleet] == [1] * 10
        first = {each["device"] for each in ended if each["wave"] == 0}
        assert len(first) == 2
        last_of_first = max(each["updated_at"] for each in ended if each["wave"] == 0)
        assert all(each["created_at"] >= last_of_first for each in ended if each["wave"] == 1)


async def test_harm_in_the_first_wave_stops_the_others(
    make_server: Callable[..., Server], house: House
) -> None:
    server = await make_server("--mqtt", house.mosquitto.url).up()
    async with sketches(server, house.mosquitto, devices=4, come_back_old=4) as fleet:
        firmware = await server.upload(sample_image("lamp", "2.0.0", "arduino"), "lamp", "2.0.0")
        number = await rollout(server, firmware, "ota:asks")
        await reaches(server, number, "paused")
        asked = [each.asked for each in fleet if isinstance(each, ArduinoDevice)]
        await asyncio.sleep(2.0)
        assert sum(each.images_received for each in fleet) <= 2
        assert all(each.asked > before for each, before in zip(fleet, asked, strict=True))  # type: ignore[attr-defined]


async def test_a_server_that_is_killed_in_a_transfer_sends_that_attempt_no_second_time(
    make_server: Callable[..., Server], house: House
) -> None:
    server = await make_server("--mqtt", house.mosquitto.url, rollout__backoff="0").up()
    mac, old = "5C:CF:7F:00:00:77", "a" * 32
    told = {
        "x-ESP8266-STA-MAC": mac,
        "x-ESP8266-sketch-md5": old,
        "x-ESP8266-version": "1.0.0",
        "x-ESP8266-free-space": "15000000",
        "x-ESP8266-chip-size": "16777216",
    }
    assert (await server.ask("GET", "/ota", headers=told)).status_code == 304
    await adopt(server, mac, "Pump")
    image = make_image("pump", "2.0.0", size=12 << 20, flash_size=16 << 20, homie=False)
    firmware = await server.upload(image, "pump", "2.0.0")
    number = await server.order("arduino~5ccf7f000077", firmware)
    with socket.socket() as small:
        small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # else the kernel takes in all of it
        small.connect((server.host, server.port))
        reader, writer = await asyncio.open_connection(sock=small.dup(), limit=4096)
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    writer.write(f"GET /ota HTTP/1.0\r\nHost: x\r\n{lines}\r\n".encode())
    assert (await reader.readexactly(12)).endswith(b"200")
    await asyncio.to_thread(server.kill)
    writer.close()
    await server.up()
    assert (await server.deployment(number))["state"] == "transferring"
    # It asks again with what it ran: that attempt is over, and the next one, which may go at once, is another one.
    again = await server.ask("GET", "/ota", headers=told)
    assert (again.status_code, len(again.content)) == (200, firmware["size"])
    ended = await server.deployment(number)
    assert (ended["state"], ended["code"], ended["harmful"]) == ("failed", "transfer-broken", False)
    mine = await server.deployments("arduino~5ccf7f000077")
    assert [each["attempt"] for each in mine] == [2, 1]
    await server.reach(mine[0]["id"], "rebooting")
    told["x-ESP8266-sketch-md5"] = firmware["md5"]
    assert (await server.ask("GET", "/ota", headers=told)).status_code == 304
    assert (await server.deployment(mine[0]["id"]))["code"] == "verified"
