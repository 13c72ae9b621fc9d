"""Who knocks, on the page and over the API: shown as what it says, adopted by people who may."""

from __future__ import annotations

import time

import pytest

from homie_ota.store import devices, knocks
from web.arduino import MAC, headers
from web.world import BROWSER, World, form_word

API = "/api/v1"


def knock(world: World, mac: str = MAC, host: str = "192.168.4.7", **told: str) -> None:
    answer = world.client(client=(host, 50000)).get("/ota", headers=headers(mac, **told))
    assert answer.status_code == 304


def test_the_page_shows_what_a_stranger_says_and_what_image_that_is(world: World) -> None:
    image = world.firmware("greenhouse", "1.5.0")
    knock(world, md5=image.md5, version="")
    knock(world, "A0:20:A6:14:85:07", md5="", version="<b>1.0</b>")
    told = world.client(headers=BROWSER).get("/knocking").text
    assert "greenhouse 1.5.0" in told
    assert "&lt;b&gt;1.0&lt;/b&gt;" in told
    assert "no checksum: only its version will tell" in told
    assert "192.168.4.7" in told


def test_one_mac_from_two_places_is_said(world: World) -> None:
    knock(world)
    knock(world, host="192.168.4.66")
    assert "from 2 places" in world.client(headers=BROWSER).get("/knocking").text


def test_a_stranger_is_adopted_on_the_page_and_is_a_device_then(world: World) -> None:
    knock(world)
    client = world.client(headers=BROWSER)
    word = form_word(client.get("/knocking"))
    form = {"word": word, "action": "adopt", "mac": MAC, "name": "Greenhouse"}
    answer = client.post("/knocking", data=form)
    assert answer.headers["location"] == "/device/arduino~a020a6148506"
    assert "Greenhouse" in client.get(answer.headers["location"]).text
    assert "Nobody knocks" in client.get("/knocking").text
    assert "adopted as Greenhouse" in client.get("/log").text


def test_a_stranger_is_forgotten_on_the_page(world: World) -> None:
    knock(world)
    client = world.client(headers=BROWSER)
    word = form_word(client.get("/knocking"))
    form = {"word": word, "action": "forget", "mac": MAC}
    assert client.post("/knocking", data=form).headers["location"] == "/knocking"
    assert world.read(knocks.count) == 0
    assert client.post("/knocking", data=form).status_code == 404
    assert client.post("/knocking", data={**form, "action": "eat"}).status_code == 400


def test_the_api_lists_page_by_page_and_adopts(world: World) -> None:
    for number in range(3):
        knock(world, f"A0:20:A6:14:85:0{number}", host=f"192.168.4.{number}")
    client = world.client()
    first = client.get(f"{API}/knocks", params={"limit": 2}).json()
    assert (len(first["items"]), first["total"]) == (2, 3)
    second = client.get(f"{API}/knocks", params={"limit": 2, "cursor": first["next"]}).json()
    macs = {each["mac"] for each in (*first["items"], *second["items"])}
    assert macs == {f"A0:20:A6:14:85:0{number}" for number in range(3)}
    made = client.post(f"{API}/knocks/a020a6148501/adopt", json={"name": "Porch", "base": "garden"})
    assert (made.status_code, made.json()) == (201, {"device": "garden~a020a6148501", "name": "Porch"})
    shown = client.get(f"{API}/devices/garden~a020a6148501").json()
    assert (shown["name"], shown["mac"], shown["ota"]["way"]) == ("Porch", "A0:20:A6:14:85:01", "asks")
    assert client.get(f"{API}/knocks").json()["total"] == 2
    assert client.delete(f"{API}/knocks/A0:20:A6:14:85:02").json()["detail"].startswith("A0:20:A6:14:85:02")
    assert client.get(f"{API}/knocks").json()["total"] == 1


WRONG = [
    ("A0:20:A6:14:85:99", {"name": "Lamp"}, 404),
    ("nonsense", {"name": "Lamp"}, 404),
    (MAC, {"name": ""}, 400),
    (MAC, {"name": " "}, 400),
    (MAC, {"name": "Lamp", "base": "homie/"}, 400),
    (MAC, {"name": "Lamp", "base": "../x"}, 400),
    (MAC, {}, 400),
]


@pytest.mark.parametrize(("mac", "body", "status"), WRONG)
def test_what_cannot_be_adopted_says_why(world: World, mac: str, body: dict[str, str], status: int) -> None:
    knock(world)
    answer = world.client().post(f"{API}/knocks/{mac}/adopt", json=body)
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert world.read(knocks.count) == 1


def test_an_adopted_device_can_be_deleted_and_knocks_again(world: World) -> None:
    world.now = time.time()
    knock(world)
    client = world.client()
    made = client.post(f"{API}/knocks/{MAC}/adopt", json={"name": "Porch"}).json()["device"]
    assert client.delete(f"{API}/devices/{made}").status_code == 200
    world.now += 60.0
    knock(world)
    assert client.get(f"{API}/knocks").json()["total"] == 1
    again = client.post(f"{API}/knocks/{MAC}/adopt", json={"name": "Porch"})
    assert again.status_code == 201
    assert world.read(lambda c: devices.resolve(c, made)) > 0


def test_the_list_of_devices_says_that_somebody_knocks(world: World) -> None:
    client = world.client(headers=BROWSER)
    assert "knocking: adopt?" not in client.get("/").text
    knock(world)
    assert '<a href="/knocking">1 is knocking: adopt?</a>' in client.get("/").text
    knock(world, "A0:20:A6:14:85:07")
    assert "2 are knocking: adopt?" in client.get("/").text
