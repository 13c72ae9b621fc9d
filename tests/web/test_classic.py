"""The routes of the old homie-ota, as its scripts use them."""

from __future__ import annotations

import pytest

from homie_ota.model import DeploymentState
from web.world import World

CURL = {"user-agent": "curl/7.88.1", "accept": "*/*"}


def test_an_update_is_ordered_by_name_and_version(world: World) -> None:
    world.firmware("lamp", "2.0.0"), world.device("hall", state="lost")
    client = world.client(headers=CURL)
    for firmware, status in (
        ("lamp@2.0.0", 200),
        ("lamp @ 2.0.0", 409),
        ("lamp@9", 404),
        ("-", 400),
        ("", 400),
    ):
        answer = client.post("/update", data={"device": "hall", "firmware": firmware})
        assert answer.status_code == status, answer.text
        assert answer.text.count("\n") == 1
    assert world.deployment(1).state is DeploymentState.QUEUED
    aborted = client.post("/update", data={"device": "-", "firmware": "lamp@2.0.0"})
    assert aborted.text == "OTA request aborted; no device chosen\n"


def test_of_several_images_of_one_name_the_one_that_fits_is_taken(world: World) -> None:
    fits = world.firmware("lamp", "2.0.0", size=60_000)
    world.firmware("lamp", "2.0.0", size=200_000)
    pk = world.device("hall")
    from homie_ota.store import devices

    world.write(lambda c: devices.learn(c, pk, {"free_space": "100000"}, evidence="test", now=1.0))
    client = world.client(headers=CURL)
    assert client.post("/update", data={"device": "hall", "firmware": "lamp@2.0.0"}).status_code == 200
    assert world.deployment(1).sha256 == fits.sha256
    world.device("porch")
    several = client.post("/update", data={"device": "porch", "firmware": "lamp@2.0.0"})
    assert several.status_code == 409
    assert fits.sha256[:12] in several.text


def test_firmware_is_deleted_by_its_file_name_unless_it_is_in_use(world: World) -> None:
    firmware = world.firmware()
    client = world.client(headers=CURL)
    world.device("hall", md5=firmware.md5)
    assert client.delete(f"/firmware/{firmware.filename}").status_code == 409
    world.device("hall", pk=1, md5="")
    assert client.delete(f"/firmware/{firmware.filename}").text == f"Firmware {firmware.filename} deleted\n"
    assert client.delete(f"/firmware/{firmware.filename}").status_code == 404


@pytest.mark.parametrize(
    "name", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "....//", "lamp-2.0.0.txt", "%00", "web.sqlite3", "*"]
)
@pytest.mark.parametrize("method", ["GET", "DELETE", "POST"])
def test_a_name_in_a_route_is_looked_up_and_never_a_path(world: World, method: str, name: str) -> None:
    world.firmware()
    answer = world.client(headers=CURL).request(method, f"/firmware/{name}")
    assert answer.status_code in (400, 404, 405)
    assert len(list(world.images.directory.iterdir())) == 1


def test_a_device_is_deleted_unless_it_is_online_or_being_updated(world: World) -> None:
    firmware = world.firmware()
    world.device("on"), world.device("off", state="lost")
    busy = world.device("busy", state="lost")
    world.order(busy, firmware)
    client = world.client(headers=CURL)
    assert client.delete("/device/on").status_code == 409
    assert client.delete("/device/busy").status_code == 409
    assert client.delete("/device/nobody").status_code == 404
    gone = client.delete("/device/off")
    assert gone.status_code == 200
    assert gone.text.startswith("off is forgotten")
    assert client.delete("/device/off").status_code == 404


def test_the_blurb_says_where_the_endpoint_and_the_firmware_are(world: World) -> None:
    firmware = world.firmware()
    text = world.client(headers=CURL).get("/blurb").text
    assert "OTA endpoint is: http://ota.local/ota\n" in text
    assert f"Firmware root is {world.images.directory}\n" in text
    assert f"\t{firmware.filename}\n" in text


def test_the_health_page_tells_the_broker_and_the_database(world: World) -> None:
    told = world.client().get("/healthz").json()
    assert told["status"] == "ok"
    assert told["broker"]["connected"] is True
    assert told["database"]["ms"] >= 0
    assert told["lag_ms"] >= 0
