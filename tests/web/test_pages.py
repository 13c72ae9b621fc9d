"""The pages: what they show, that they escape, that forms do what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from homie_ota.model import DeploymentState
from homie_ota.store import devices
from homie_ota.web.app import BrokerStatus
from web.world import BROWSER, World, form_word

HOSTILE = [
    "<script>alert(1)",
    "..",
    '"><img src=x onerror=alert(1)>',
    "a b",
    "a?b#c",
    "ä€😀",
    "x'y",
    "{{ 7*7 }}",
]


def test_every_page_answers_in_an_empty_installation(world: World) -> None:
    client = world.client(headers=BROWSER)
    for path in ("/", "/firmware", "/deployments", "/log", "/login", "/api/v1/docs"):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_a_device_is_shown_with_what_it_says_and_runs(world: World) -> None:
    firmware = world.firmware()
    pk = world.device("hall", nodes={"relay": {"name": "Relay", "properties": {"on": {"unit": "V"}}}})
    world.write(
        lambda c: devices.save_readings(
            c, [{"device_pk": pk, "node": "relay", "prop": "on", "value": "true", "num": 1.0, "at": 1.0}]
        )
    )
    client = world.client(headers=BROWSER)
    inventory = client.get("/").text
    assert 'href="/device/homie~hall"' in inventory
    page = client.get("/device/homie~hall").text
    for said in ("Hall", "10.0.0.7", "Relay", "true", firmware.version, "lamp"):
        assert said in page


@pytest.mark.parametrize("device_id", HOSTILE)
def test_what_devices_say_is_shown_as_text(world: World, device_id: str) -> None:
    pk = world.device(device_id, name=device_id, fw_name=device_id, facts={"reset/reason": device_id})
    attempt = world.order(pk, world.firmware(), override=device_id)
    client = world.client(headers=BROWSER)
    inventory = client.get("/")
    href = inventory.text.partition('href="/device/')[2].partition('"')[0]
    pages = [
        inventory,
        client.get(f"/device/{href}"),
        client.get(f"/deployment/{attempt.id}"),
        client.get("/log"),
    ]
    for page in pages:
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text


@pytest.mark.parametrize(
    "path", ["/device/homie~nobody", "/device/../../etc/passwd", "/deployment/99", "/deployment/x"]
)
@pytest.mark.parametrize("more", ["", "/"])
def test_what_is_not_there_is_said_on_a_page(world: World, path: str, more: str) -> None:
    answer = world.client(headers=BROWSER).get(path + more)
    assert answer.status_code == 404
    assert "<h1>Not found</h1>" in answer.text


def test_a_query_without_meaning_is_said_above_an_empty_list(world: World) -> None:
    world.device("hall")
    answer = world.client(headers=BROWSER).get("/", params={"q": "colour:<script>"})
    assert answer.status_code == 400
    assert "colour" in answer.text
    assert "<script>" not in answer.text.partition("<main")[2].partition("</main>")[0]


def test_lists_are_paged_and_nothing_is_lost_between_pages(world: World) -> None:
    for number in range(130):
        world.device(f"d{number:03}")
    client, path, seen = world.client(headers=BROWSER), "/", []
    while path:
        page = client.get(path).text
        seen += [part.partition('"')[0] for part in page.split('href="/device/')[1:]]
        path = (
            page.partition('" rel="next"')[0].rpartition('href="')[2].replace("&amp;", "&")
            if 'rel="next"' in page
            else ""
        )
    assert seen == [f"homie~d{number:03}" for number in range(130)]


def test_without_the_broker_pages_say_how_old_they_are(world: World) -> None:
    world.broker = BrokerStatus(connected=False, address="10.0.0.1:1883", since=1.0, last_error="refused <b>")
    page = world.client(headers=BROWSER).get("/").text
    assert "No connection to the broker 10.0.0.1:1883 for" in page
    assert "refused &lt;b&gt;. What is shown" in page
    world.broker = replace(world.broker, last_error="It is away.")
    assert "It is away. What is shown" in world.client(headers=BROWSER).get("/").text


def test_what_the_limits_refused_is_shown(world: World) -> None:
    world.broker = BrokerStatus(connected=True, refused={"topics of one device": 12}, dropped=34)
    page = world.client(headers=BROWSER).get("/").text
    assert "12 topics of one device refused" in page
    assert "34 messages" in page


def test_an_update_is_asked_for_shown_confirmed_and_cancelled(world: World) -> None:
    firmware, pk = world.firmware(), world.device("hall")
    client = world.client(headers=BROWSER)
    asked = client.get("/update", params={"device": "homie~hall", "firmware": firmware.sha256})
    assert "Update" in asked.text
    form = {"word": form_word(asked), "device": "homie~hall", "firmware": firmware.sha256}
    ordered = client.post("/update", data=form)
    assert ordered.status_code == 303
    page = client.get(ordered.headers["location"])
    assert "queued" in page.text
    assert "the device is ready" in page.text
    cancelled = client.post(ordered.headers["location"], data={"word": form_word(page), "action": "cancel"})
    assert cancelled.status_code == 303
    found = world.read(lambda c: devices.row(c, pk))
    assert found is not None
    assert world.deployment(1).state is DeploymentState.CANCELLED
    assert "cancelled an update" in client.get("/log/audit").text


def test_what_does_not_fit_is_refused_with_the_reason_unless_a_person_says_why(world: World) -> None:
    firmware = world.firmware()
    world.device("wall", implementation="esp32")
    client = world.client(headers=BROWSER)
    asked = client.get("/update", params={"device": "wall", "firmware": firmware.sha256})
    assert "ESP8266 image, but wall is an ESP32" in asked.text
    form = {"word": form_word(asked), "device": "wall", "firmware": firmware.sha256}
    assert client.post("/update", data=form).status_code == 409
    assert client.post("/update", data={**form, "override": "the header lies"}).status_code == 303
    assert world.deployment(1).override == "the header lies"


def test_firmware_is_described_downloaded_and_deleted(world: World) -> None:
    firmware = world.firmware()
    client = world.client(headers=BROWSER)
    page = client.get(f"/firmware/{firmware.filename}")
    word = form_word(page)
    client.post(
        f"/firmware/{firmware.filename}", data={"word": word, "action": "describe", "description": "<b>x"}
    )
    assert "&lt;b&gt;x" in client.get("/firmware").text
    image = client.get(f"/firmware/{firmware.filename}/image")
    assert len(image.content) == firmware.size
    assert image.headers["content-disposition"] == f'attachment; filename="{firmware.filename}"'
    gone = client.post(f"/firmware/{firmware.filename}", data={"word": word, "action": "delete"})
    assert gone.status_code == 303
    assert client.get(f"/firmware/{firmware.filename}").status_code == 404
    assert list(world.images.directory.iterdir()) == []


def test_a_device_is_deleted_by_its_page_only_when_it_is_away(world: World) -> None:
    pk = world.device("hall")
    client = world.client(headers=BROWSER)
    form = {"word": form_word(client.get("/device/hall")), "action": "delete", "typed": "hall"}
    assert client.post("/device/hall", data=form).status_code == 409
    world.device("hall", pk=pk, state="lost")
    assert client.post("/device/hall", data={**form, "typed": "hell"}).status_code == 400
    assert client.get("/device/hall").status_code == 200
    assert client.post("/device/hall", data=form).status_code == 303
    assert client.get("/device/hall").status_code == 410


def test_behind_a_proxy_every_link_has_the_prefix(make_world: Callable[..., World]) -> None:
    world = make_world(http={"base_path": "/homie-ota"})
    world.device("hall")
    firmware = world.firmware()
    client = world.client(headers=BROWSER)
    for path in (
        "/",
        "/homie-ota/",
        "/firmware",
        f"/firmware/{firmware.filename}",
        "/device/hall",
        "/api/v1/docs",
    ):
        page = client.get(path)
        assert page.status_code == 200, path
        for part in page.text.replace('src="', 'href="').replace('action="', 'href="').split('href="')[1:]:
            assert part.startswith(("/homie-ota/", "/homie-ota?", "#")), part[:60]
    assert client.get("/homie-ota/api/v1/openapi.json").json()["servers"] == [{"url": "/homie-ota/api/v1"}]


def test_pages_load_nothing_from_elsewhere_and_run_no_inline_script(world: World) -> None:
    world.device("hall")
    client = world.client(headers=BROWSER)
    for path in ("/", "/firmware", "/device/hall", "/api/v1/docs", "/log"):
        page = client.get(path)
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert "unsafe" not in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        for word in ("http://", "https://", " style=", " onclick=", "<style", "<script>"):
            assert word not in page.text.replace("http://ota.local/upload", ""), (path, word)
    for name in ("style.css", "common.js", "api.js", "icon.svg"):
        assert client.get(f"/static/{name}").status_code == 200
