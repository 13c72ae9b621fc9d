"""The first steps: the lines to paste are right for each generation, and change with what is there."""

from __future__ import annotations

import html
import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest

from homie_ota.esp.image import inspect
from homie_ota.simulator.images import make_image
from homie_ota.web import first_run
from homie_ota.web.first_run import Facts, Lines
from homie_ota.web.shell import BrokerStatus, Door
from web.world import BROWSER, World, form_word

OWN = Facts(
    connected=True,
    host="10.0.0.5",
    own=True,
    username="homie",
    password="s3cret",
    server="http://10.0.0.5:9080/ota",
)
OTHER = Facts(connected=True, host="broker.lan", port=1884, server="https://ota.example/fw/ota")


def lines(facts: Facts, key: str, *, may_flash: bool = True) -> Lines:
    (found,) = [each for each in first_run.lines(facts, may_flash=may_flash) if each.key == key]
    return found


def config(facts: Facts, key: str, **more: bool) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lines(facts, key, **more).config)
    return found


@pytest.mark.parametrize("key", ["1.5", "2", "3"])
def test_a_configuration_is_one_that_the_device_takes(key: str) -> None:
    """Keys that homie-esp8266 requires: name, wifi.ssid, wifi.password, mqtt.host, ota.enabled."""
    told = config(OWN, key)
    assert told["name"]
    assert set(told["wifi"]) == {"ssid", "password"}
    assert told["mqtt"]["host"] == "10.0.0.5"
    assert told["ota"]["enabled"] is True
    assert (told["mqtt"]["auth"], told["mqtt"]["username"], told["mqtt"]["password"]) == (
        True,
        "homie",
        "s3cret",
    )
    assert len(lines(OWN, key).config) < 1000, "what a device can hold"


def test_homie_1_5_is_told_where_to_fetch_and_the_others_are_not() -> None:
    assert config(OWN, "1.5")["ota"] == {"enabled": True, "host": "10.0.0.5", "port": 9080, "path": "/ota"}
    assert config(OTHER, "1.5")["ota"] == {
        "enabled": True, "host": "ota.example", "port": 443, "path": "/fw/ota", "ssl": True,
    }  # fmt: skip
    assert config(OWN, "3")["ota"] == config(OWN, "2")["ota"] == {"enabled": True}


@pytest.mark.parametrize(
    ("bases", "old", "new"),
    [
        (("homie/", "devices/"), "devices/", "homie/"),
        (("home/iot/",), "home/iot/", "home/iot/"),
        (("homie/5/", "x/"), "x/", "x/"),
        (("homie/5/",), "homie/", "homie/"),
    ],
)
def test_the_base_topic_is_one_that_this_server_listens_to(
    bases: tuple[str, ...], old: str, new: str
) -> None:
    facts = replace(OWN, bases=bases)
    assert [config(facts, key)["mqtt"]["base_topic"] for key in ("1.5", "2", "3")] == [old, new, new]


def test_a_broker_of_somebody_else_has_users_that_we_do_not_know() -> None:
    assert "auth" not in config(OTHER, "3")["mqtt"]
    assert config(OTHER, "3")["mqtt"]["port"] == 1884
    named = config(replace(OTHER, username="homie-ota", tls=True), "3")["mqtt"]
    assert (named["password"], named["ssl"]) == ("the password of that user", True)
    assert config(Facts(), "3")["mqtt"]["host"] == "the address of the broker"


def test_the_password_of_our_own_broker_is_for_those_who_may_flash() -> None:
    for each in first_run.lines(OWN, may_flash=False):
        assert "s3cret" not in each.config
        assert "ask whoever runs homie-ota" in each.config
    assert "s3cret" not in repr(OWN)


def c_string(text: str) -> bytes:
    """The bytes of C string literals beside each other."""
    parts = re.findall(r'"([^"]*)"', text)
    return "".join(parts).encode().decode("unicode_escape").encode("latin-1")


def test_the_marks_of_a_1_x_sketch_are_those_that_this_server_reads() -> None:
    sketch = lines(OWN, "1.5").sketch
    names = dict(re.findall(r'#define (\w+)\s+"([^"]*)"', sketch))
    marks = re.findall(r"_MARK\[\]\s*= (.*);", sketch)
    for word, value in names.items():
        marks = [re.sub(rf" {word} ", f' "{value}" ', each) for each in marks]
    assert len(marks) == 3
    image = make_image("x", "0", homie=False, size=40_000)
    placed = b"".join(c_string(each) + b"\0" for each in marks)
    found = inspect(image + placed)
    assert (found.name, found.version) == (names["NAME"], names["VERSION"])


# --- The steps


def test_the_steps_follow_each_other() -> None:
    facts = Facts()
    changes: tuple[tuple[str, dict[str, Any]], ...] = (
        ("broker", {"connected": True}),
        ("device", {"devices": True}),
        ("firmware", {"firmware": True}),
        ("update", {"updated": True}),
    )
    for key, change in changes:
        step = first_run.next_step(facts)
        assert step is not None
        assert step.key == key
        facts = replace(facts, **change)
    assert first_run.next_step(facts) is None
    assert [step.done for step in first_run.steps(facts)] == [True] * 4


def test_which_broker_it_listens_to_is_said() -> None:
    said = {step.key: step.text for step in first_run.steps(replace(OTHER, connected=False))}
    assert "broker.lan:1884, and cannot reach it" in said["broker"]
    assert "below homie/ and devices/" in said["device"]
    assert "its own broker on port 1883" in first_run.steps(OWN)[0].text
    assert 'base_topics = ["a/", "b/"]' in first_run.other_broker(replace(OWN, bases=("a/", "b/")))


@pytest.mark.parametrize(
    ("host", "shut_in"), [("127.0.0.1", True), ("::1", True), ("10.0.0.5", False), ("", False)]
)
def test_a_broker_that_no_device_reaches_is_told_to_be_one(host: str, shut_in: bool) -> None:
    step = first_run.steps(replace(OWN, host=host))[1]
    assert ("--embedded-broker 0.0.0.0:1883" in step.text) is shut_in
    told = config(
        replace(OWN, host=host, server=f"http://{'[::1]' if host == '::1' else host or 'x'}:9080/ota"), "1.5"
    )
    assert (told["mqtt"]["host"] == "the address of the broker") is (shut_in or not host)
    assert (told["ota"]["host"] == "the address of this server") is shut_in


# --- On pages


DOOR = Door("10.0.0.5", 1883, False, True, "homie", "s3cret", "http://10.0.0.5:9080/ota")


def shown(world: World, path: str) -> str:
    answer = world.client(headers=BROWSER).get(path)
    assert answer.status_code == 200
    return html.unescape(answer.text)


@pytest.mark.parametrize("path", ["/", "/firmware", "/rollouts", "/first-steps"])
def test_each_empty_page_says_the_next_step_with_the_lines_for_it(world: World, path: str) -> None:
    world.broker = BrokerStatus(connected=True, since=time.time(), door=DOOR)
    first = shown(world, path)
    if path == "/firmware":
        assert "Homie_setFirmware" in first, "there the sketch is what somebody looks for"
    else:
        assert '"host": "10.0.0.5"' in first
        assert "s3cret" in first
    assert re.search(r'aria-current="step"><b>A device', first)
    world.device("hall")
    if path != "/":
        then = shown(world, path)
        assert re.search(r'aria-current="step"><b>A firmware', then)
        assert "Homie_setFirmware" in then
    world.firmware()
    assert ("ol class" in shown(world, path)) == (path == "/first-steps"), "only there for ever"


def test_without_a_broker_the_first_step_is_one(world: World) -> None:
    world.broker = BrokerStatus(connected=False, since=time.time(), door=Door(host="10.0.0.9"))
    text = shown(world, "/")
    assert re.search(r'aria-current="step"><b>A broker', text)
    assert "10.0.0.9:1883, and cannot reach it" in text
    assert "homie-ota serve --mqtt" in text
    assert "base_topics" in text


def test_who_may_only_look_is_not_told_the_password(make_world: Any) -> None:
    world = make_world(admin=True)
    world.broker = BrokerStatus(connected=True, since=time.time(), door=DOOR)
    client = world.client(headers=BROWSER)
    client.post(
        "/login", data={"word": form_word(client.get("/login")), "name": "admin", "password": world.login[1]}
    )
    token = re.search(r'class="secret">([^<]+)<', _make_token(client))
    assert token
    read_only = world.client(headers={"accept": "text/html", "authorization": f"Bearer {token[1]}"})
    for path in ("/", "/first-steps"):
        assert "s3cret" in client.get(path).text
        answer = read_only.get(path)
        assert answer.status_code == 200
        assert "s3cret" not in answer.text
        assert "ask whoever runs homie-ota" in answer.text


def _make_token(client: Any) -> str:
    form = {
        "word": form_word(client.get("/account")),
        "action": "token",
        "label": "x",
        "right": "read",
        "days": "30",
    }
    answer = client.post("/account", data=form, follow_redirects=True)
    return str(answer.text)
