"""The pages of rollouts: previewed, started, looked at, steered, without a line of JavaScript."""

from __future__ import annotations

import pytest

from homie_ota.rollout import strategy
from homie_ota.store import acting, filling, progress, rollouts
from homie_ota.store.database import Connection
from web.world import BROWSER, World, form_word

HOSTILE = ["<script>alert(1)", '"><img src=x onerror=alert(1)>', "a b", "{{ 7*7 }}", "ä€😀", 'x"y\\z']


def turn(world: World, number: int) -> None:
    """What the engine does, once."""

    def write(conn: Connection) -> None:
        for _ in range(5):
            of = rollouts.require(conn, number)
            acting.act(conn, of, strategy.decide(progress.view(conn, of), 10.0), now=10.0)
        filling.fill(conn, rollouts.require(conn, number), now=10.0)

    world.write(write)


def test_an_installation_without_any_has_a_page_all_the_same(world: World) -> None:
    client = world.client(headers=BROWSER)
    assert "There was no rollout yet." in client.get("/rollouts").text
    assert "None is paused." in client.get("/rollouts?state=paused").text
    assert "upload some" in client.get("/rollouts/new").text
    world.firmware()
    assert "Preview" in client.get("/rollouts/new").text


def test_a_rollout_is_previewed_started_and_steered_by_forms(world: World) -> None:
    firmware = world.firmware()
    for at in range(5):
        world.device(f"lamp-{at}", signal=90.0 - at)
    world.device("off", ota_enabled=False)
    client = world.client(headers=BROWSER)
    asked = client.get(
        "/rollouts/new", params={"query": "fw:lamp", "firmware": firmware.sha256, "waves": "2,rest"}
    )
    assert "Bring 5 devices to" in asked.text
    assert "Start with lamp-0" in asked.text
    assert "has OTA switched off" in asked.text
    assert "way back: 0 of 5" in asked.text
    form = {"word": form_word(asked), "query": "fw:lamp", "firmware": firmware.sha256, "waves": "2,rest"}
    made = client.post("/rollouts", data={**form, "on_harm": "revert", "action": "start"})
    assert (made.status_code, made.headers["location"]) == (303, "/rollouts/1")
    turn(world, 1)
    page = client.get("/rollouts/1")
    assert "verified 0/2" in page.text
    assert "2,rest" in page.text
    assert "late joiners" in page.text
    for at in range(5):
        assert f'href="/device/homie~lamp-{at}"' in page.text
    for action, state in (
        ("pause", "paused"),
        ("resume", "running"),
        ("drain", "draining"),
        ("abort", "aborted"),
    ):
        answer = client.post("/rollouts/1", data={"word": form["word"], "action": action})
        assert answer.headers["location"] == "/rollouts/1"
        page = client.get("/rollouts/1")
        assert f'<span class="state {state}">' in page.text
    assert "5 will not start." in page.text
    assert client.post("/rollouts/1", data={"word": form["word"], "action": "start"}).status_code == 409
    assert "fw:lamp" in client.get("/rollouts", params={"state": "aborted"}).text


def test_a_draft_is_kept_for_later(world: World) -> None:
    firmware = world.firmware()
    world.device("hall"), world.device("wall")
    client = world.client(headers=BROWSER)
    asked = client.get("/rollouts/new", params={"query": "fw:lamp", "firmware": firmware.sha256})
    form = {"word": form_word(asked), "query": "fw:lamp", "firmware": firmware.sha256, "action": "keep"}
    client.post("/rollouts", data=form)
    page = client.get("/rollouts/1").text
    assert '<button name="action" value="start" class="go"' in page
    assert "1 of 2 are in the first wave." in page


def test_all_devices_of_a_name_get_a_rollout_and_one_alone_does_not(world: World) -> None:
    firmware = world.firmware("lamp", "2.0.0")
    world.device("a"), world.device("b"), world.device("c", way="none"), world.device("d", fw_name="other")
    client = world.client(headers=BROWSER)
    asked = client.get("/update-all", params={"firmware": firmware.sha256})
    assert "Bring 2 devices to" in asked.text
    assert "cannot be updated from here" in asked.text
    form = {"word": form_word(asked), "firmware": firmware.sha256}
    assert client.post("/update-all", data=form).headers["location"] == "/rollouts/1"
    other = world.firmware("other", "2.0.0")
    done = client.post("/update-all", data={**form, "firmware": other.sha256})
    assert done.headers["location"] == "/deployment/1"


@pytest.mark.parametrize("name", HOSTILE)
def test_what_devices_say_is_shown_as_text(world: World, name: str) -> None:
    firmware = world.firmware(name[:20], "2.0.0")
    for at in range(2):
        world.device(f"{name}-{at}".replace("/", ""), fw_name=firmware.name, fw_version=name)
    client = world.client(headers=BROWSER)
    asked = client.get("/update-all", params={"firmware": firmware.sha256})
    assert "Bring 2 devices to" in asked.text
    client.post("/update-all", data={"word": form_word(asked), "firmware": firmware.sha256})
    for page in (asked, client.get("/rollouts"), client.get("/rollouts/1")):
        assert page.status_code == 200
        assert "<script>alert" not in page.text
        assert "<img src=x" not in page.text


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/rollouts/99", 404), ("/rollouts/x", 404), ("/rollouts?state=x", 400), ("/rollouts/new", 200),
        ("/rollouts/99/story", 404), ("/rollouts/x/story", 404), ("/rollouts/new?query=fw:lamp", 200),
        ("/rollouts/new?query=colour:red&firmware=lamp@2.0.0", 400),
        ("/rollouts/new?query=fw:lamp&firmware=lamp@2.0.0&waves=x", 400),
        ("/rollouts/new?query=fw:lamp&firmware=lamp@9", 404),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_on_a_page(world: World, path: str, status: int) -> None:
    world.firmware()
    assert world.client(headers=BROWSER).get(path).status_code == status


def test_a_form_of_another_site_starts_nothing(world: World) -> None:
    firmware = world.firmware()
    world.device("hall"), world.device("wall")
    form = {"query": "fw:lamp", "firmware": firmware.sha256, "action": "start"}
    client = world.client(headers={**BROWSER, "sec-fetch-site": "cross-site"})
    assert client.post("/rollouts", data=form).status_code == 403
    assert world.read(rollouts.find) == []
