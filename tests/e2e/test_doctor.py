"""`homie-ota doctor` beside a server and a broker that run: what it says, and that nothing of it stays anywhere."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from e2e.conftest import House
from e2e.serving import first, fleet_of, listening, run
from homie_ota.simulator.fleet import sample_image
from homie_ota.simulator.values import OtaServer
from servers import unused_port


async def examined(folder: Path, *options: str, **settings: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit status and findings of `homie-ota doctor`."""
    done = await asyncio.to_thread(run, folder, "doctor", *options, "--json", **settings)
    assert done.stderr == ""
    told = json.loads(done.stdout)
    return done.returncode, told["findings"]


async def test_beside_a_running_fleet_the_doctor_disturbs_nobody(tmp_path: Path, house: House) -> None:
    mosquitto, server = house
    settings = {"http__host": "127.0.0.1", "http__port": str(server.port)}
    data = str(server.folder / "data")
    async with fleet_of(mosquitto.url, "v3") as fleet:
        name, _kind = first(fleet)
        await server.sees(name)
        before = await server.health()
        async with listening(mosquitto, "homie/+/$state") as heard:
            where = ("--data", data, "--mqtt", mosquitto.url)
            status, findings = await examined(tmp_path / "doctor", *where, **settings)
        assert [each["topic"] for each in findings if each["verdict"] == "bad"] == ["address"]
        assert status == 1
        by_topic = {each["topic"]: each for each in findings}
        assert "for each of them is itself" in by_topic["address"]["said"]
        assert by_topic["memory"]["said"] == "Of 1 devices that are known the broker has 1."
        assert [
            each for each in heard if each.topic.startswith("homie/") and not each.retain
        ] == []  # the device stayed where it was
        health = await server.health()
        assert (health["status"], health["devices"]) == ("ok", 1)
        assert health["broker"]["since"] == before["broker"]["since"]


async def test_without_a_server_and_a_broker_the_doctor_says_so_and_makes_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "doctor"
    status, findings = await examined(folder, "--data", str(folder / "data"), "--mqtt", "mqtt://127.0.0.1:1")
    assert status == 1
    assert {each["topic"] for each in findings if each["verdict"] != "good"} >= {"broker", "database"}
    assert all(each["fix"] for each in findings if each["verdict"] != "good")
    assert list(folder.iterdir()) == []


async def test_devices_of_1_5_that_the_server_left_behind_are_named_with_what_to_change(
    tmp_path: Path, house: House
) -> None:
    mosquitto, server = house
    settings = {"http__host": "127.0.0.1", "http__port": str(server.port)}
    where = ("--data", str(server.folder / "data"), "--mqtt", mosquitto.url)

    async def told(elsewhere: OtaServer) -> tuple[str, str, str]:
        """What is said of a device whose update failed, for it asked there: its id, sentences, fixes."""
        async with fleet_of(mosquitto.url, "v1", server=elsewhere) as fleet:
            device_id, kind = first(fleet)
            await server.sees(device_id)
            firmware = await server.upload(sample_image(kind, "2.0.0", "v1"), kind, "2.0.0")
            ended = await server.reach(await server.order(device_id, firmware))
            assert ended["state"] == "failed"
        _status, findings = await examined(tmp_path / "doctor", *where, **settings)
        found = [each for each in findings if each["topic"] == "1.5 devices" and device_id in each["said"]]
        return device_id, found[0]["said"], found[0]["fix"]

    device_id, said, fix = await told(OtaServer(server.host, server.port, "/custom_ota"))
    assert said.startswith(f"devices/{device_id} asks for its image at 127.0.0.1:{server.port}/custom_ota")
    right = f'"ota": {{"enabled": true, "host": "127.0.0.1", "port": {server.port}, "path": "/ota"}}'
    assert fix.startswith('path = "/custom_ota" in [ota]; or ')
    assert fix.endswith(right)
    device_id, said, fix = await told(OtaServer(server.host, unused_port()))
    assert "never asked this server" in said
    assert fix.endswith(right)
    assert "of Homie 1.5 ask for images where there is nothing" in (await server.ask("GET", "/health")).text
