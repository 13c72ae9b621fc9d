"""Moving a whole installation: saved while its server runs and restored elsewhere; taken over from the old server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx

from e2e.serving import API, PLAIN, Server, run
from homie_ota.simulator.images import make_image
from migrate.old_server import INI, OldServer
from servers import Mosquitto


async def test_a_backup_of_a_server_that_is_being_used_starts_elsewhere(
    mosquitto: Mosquitto, make_server: Callable[..., Server]
) -> None:
    old = await make_server("--mqtt", mosquitto.url).up()
    new = make_server("--mqtt", mosquitto.url)
    for topic, payload in (("$homie", "3.0.1"), ("$name", "Hall"), ("$fw/name", "lamp"), ("$state", "ready")):
        await asyncio.to_thread(mosquitto.publish, f"homie/hall/{topic}", payload, retain=True)
    await old.upload(make_image("lamp", "1.0.0", "brand"), description="The first.")
    saved = asyncio.create_task(asyncio.to_thread(run, old.folder, "backup", "one.tar", "--data", "data"))
    number = 0
    while not saved.done():  # people go on working
        number += 1
        await old.upload(make_image("lamp", f"2.0.{number}", "brand"))
    done = await saved
    assert (done.returncode, done.stderr) == (0, "")
    file = str(old.folder / "one.tar")
    back = await asyncio.to_thread(run, new.folder, "restore", file, "--data", "data")
    assert (back.returncode, back.stderr) == (0, "")
    await old.down()
    await new.up()
    stored = (await new.get("/firmware"))["items"]
    assert 1 <= len(stored) <= 1 + number
    for image in stored:
        answer = await new.ask("GET", f"{API}/firmware/{image['sha256']}/file")
        assert (answer.status_code, len(answer.content)) == (200, image["size"])
    assert [each["description"] for each in stored if each["version"] == "1.0.0"] == ["The first."]
    assert (await new.get("/devices/hall"))["name"] == "Hall"


async def test_an_installation_of_the_old_server_goes_on_here(
    mosquitto: Mosquitto, make_server: Callable[..., Server], tmp_path: Path
) -> None:
    before = OldServer(tmp_path / "old", INI.replace("MQTT_CAFILE", "; MQTT_CAFILE"))
    before.upload("lamp", "1.0.0", "The first.")
    new = make_server()
    address = before.folder / "homie-ota.ini"
    address.write_text(
        address.read_text().replace("broker.example.org", mosquitto.host).replace("8883", str(mosquitto.port))
    )
    done = await asyncio.to_thread(run, new.folder, "migrate", str(before.folder))
    assert (done.returncode, done.stderr) == (0, "")
    new.options = ("--host", "127.0.0.1", "--port", str(new.port))
    await new.up()
    async with httpx.AsyncClient(base_url=new.url, **PLAIN, auth=("anna", "s%cr=t")) as client:
        found = (await client.get(f"{API}/devices")).json()["items"]
        images = (await client.get(f"{API}/firmware")).json()["items"]
        nobody = await client.get(f"{API}/devices", auth=("anna", "guessed"))
    assert {each["name"]: each["state"] for each in found} == {
        "Hall": "unknown",
        "Küche": "unknown",
        "Attic": "unknown",
    }
    assert [(each["name"], each["description"]) for each in images] == [("lamp", "The first.")]
    assert nobody.status_code == 401
    again = await asyncio.to_thread(run, new.folder, "migrate", str(before.folder))
    assert (again.returncode, "A server runs on these data" in again.stderr) == (4, True)
