"""Who may publish and read which topics, and the text that tells it to mosquitto."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from homie_ota.announce.home_assistant.topics import STATUS, birth, object_id, topics
from homie_ota.cli import main
from homie_ota.homie import access, push, url, v1
from homie_ota.homie.reader import READERS
from homie_ota.model import Address
from homie_ota.mqtt import mosquitto
from homie_ota.mqtt.mosquitto import Facts
from homie_ota.simulator.generations import GENERATIONS, NODES, Generation
from homie_ota.store.database import Database
from homie_ota.store.tables import device, device_address
from webserver import DEVICE

TOLD = {tail for each in access.GENERATIONS for tail in each.tells}
HEARD = {tail for each in access.GENERATIONS for tail in each.hears}


def fits(topic: str, filters: set[str]) -> bool:
    """Whether one of the filters has this topic."""
    levels = topic.split("/")

    def one(pattern: str) -> bool:
        wanted = pattern.split("/")
        if wanted[-1] == "#":
            return all(left in ("+", right) for left, right in zip(wanted[:-1], levels, strict=False))
        same_depth = len(wanted) == len(levels)
        return same_depth and all(left in ("+", right) for left, right in zip(wanted, levels, strict=True))

    return any(one(each) for each in filters)


@pytest.mark.parametrize("generation", GENERATIONS.values(), ids=GENERATIONS)
def test_a_virtual_device_may_say_all_that_its_generation_says(generation: Generation) -> None:
    said = {*generation.order, *generation.stats, generation.liveness.topic} - {NODES}
    assert {each for each in said if not fits(each, TOLD)} == set()


def test_what_the_server_reads_of_a_device_the_device_may_say_and_its_commands_it_may_not() -> None:
    assert {each for each in READERS if not fits(each, TOLD)} == {"$ota"}
    commands = {each for each in HEARD if not each.endswith("/#")} - {"+/+/set"}
    own = {each for each in commands if fits(each, TOLD)}
    assert own == {f"$implementation/{each}" for each in ("reset", "reboot", "logging")}


def test_every_offer_reaches_a_device_that_may_read_its_commands() -> None:
    lamp = Address("homie/", "lamp")
    offers = (
        v1.offer(lamp, firmware_name="a", version="2", running_name="a", running_version="1"),
        push.offer(lamp, "0" * 32, b"x"),
        url.offer(lamp, "http://here/"),
    )
    for offer in offers:
        assert offer is not None
        assert fits(offer.topic.removeprefix("homie/lamp/"), HEARD)


@pytest.mark.parametrize("device", ["5", "a+b", "#", "a/b", "a:b", "a b", "a\nb"])
def test_an_id_that_would_speak_for_others_or_break_the_file_is_no_user(device: str) -> None:
    assert not access.is_user(device)
    text = mosquitto.configuration(Facts(bases=("homie/",), devices=(device, "GuestRoom")))
    assert "homie-ota.passwd GuestRoom\n" in text
    assert f"NOT for {device!a}" in text
    assert [line for line in text.splitlines() if "NOT for" in line and not line.startswith("#")] == []


def test_the_limit_of_a_message_is_the_largest_image_as_base64() -> None:
    lines = mosquitto.configuration(Facts(bases=("homie/",), largest_image=3 << 20)).splitlines()
    assert f"message_size_limit {(4 << 20) + 65_536}" in lines
    assert "max_queued_messages 1000000" in lines


def test_the_command_takes_base_topics_and_user_from_the_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "homie-ota.toml"
    config.write_text('[mqtt]\nbase_topics = ["house/"]\nusername = "updater"\n', "utf-8")
    assert main(["broker-config", "--json", "--config", str(config), "--data", str(tmp_path)]) == 0
    files = json.loads(capsys.readouterr().out)
    assert "user updater\ntopic readwrite house/#\n" in files["homie-ota.acl"]
    assert "pattern read house/5/%u/$implementation/ota/firmware/+\n" in files["homie-ota.acl"]
    assert "homie/%u" not in files["homie-ota.acl"]


@pytest.mark.parametrize("options", [["--reader", "a b"], ["--reader", "x", "--shared-user", "x"]])
def test_a_name_that_cannot_be_a_user_of_its_own_is_wrong_use(
    tmp_path: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["broker-config", "--data", str(tmp_path), *options]) == 2
    assert "user" in capsys.readouterr().err


def test_the_devices_that_are_known_get_their_command_for_a_password(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    database = Database(str(tmp_path / "homie-ota.sqlite3"))
    database.migrate()
    now = {"state_since": 1.0, "first_seen": 1.0, "last_seen": 1.0}
    known = {**DEVICE, **now, "version_key": "", "pk": 1, "base": "homie/", "device_id": "hall-lamp"}
    address = {"kind": "homie", "base": "homie/", "device_id": "hall-lamp", "device_pk": 1, "since": 1.0}
    database.write_now(lambda c: c.execute(device.insert(), [known]))
    database.write_now(lambda c: c.execute(device_address.insert(), [address]))
    database.close()
    assert main(["broker-config", "--json", "--data", str(tmp_path)]) == 0
    text = json.loads(capsys.readouterr().out)["homie-ota.conf"]
    assert "mosquitto_passwd /etc/mosquitto/homie-ota.passwd hall-lamp\n" in text


# --- Home Assistant -------------------------------------------------------------------------------------------------


def test_home_assistant_may_use_just_the_topics_on_which_it_is_told() -> None:
    at = topics("hass", object_id(Address("homie/", "hall-lamp")))
    may = {
        right: {each.topic for each in access.of_home_assistant("hass") if right in each.access}
        for right in ("read", "write")
    }
    assert all(
        fits(topic, may["read"]) for topic in (at.config, at.state, at.diagnostics, STATUS, birth("hass"))
    )
    assert all(fits(topic, may["write"]) for topic in (at.install, birth("hass")))
    assert not any(fits(topic, may["write"]) for topic in (at.state, at.diagnostics, STATUS))
    only_shown = access.of_home_assistant("hass", installs=False)
    assert not any(fits(at.install, {each.topic}) for each in only_shown)
    server = {each.topic for each in access.of_server(("homie/",), "hass")}
    assert all(fits(topic, server) for topic in (*at, STATUS, birth("hass")))


def test_its_user_is_a_reader_who_sees_and_presses_and_gets_a_password() -> None:
    facts = Facts(("homie/",), home_assistant="hass", discovery="ha")
    text = mosquitto.rights(facts)
    hers = text.partition("user hass\n")[2].partition("\n\n")[0]
    for line in (
        "write homie/+/+/+/set",
        "write homie-ota/device/+/install",
        "read homie-ota/status",
        "readwrite ha/#",
    ):
        assert f"topic {line}" in hers.splitlines(), line
    assert "topic readwrite ha/#" in text.partition("user homie-ota\n")[2].partition("\n\n")[0]
    assert "homie-ota.passwd hass" in mosquitto.configuration(facts)
    assert "/install" not in mosquitto.rights(Facts(("homie/",), home_assistant="hass", installs=False))
    assert "/install" not in mosquitto.rights(Facts(("homie/",), readers=("hass",)))


def test_a_user_for_home_assistant_where_it_is_told_nothing_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["broker-config", "--home-assistant", "hass"]) == 2
    assert "home_assistant = true" in capsys.readouterr().err
    monkeypatch.setenv("HOMIE_OTA_ANNOUNCE__HOME_ASSISTANT", "true")
    assert main(["broker-config", "--home-assistant", "hass"]) == 0
    assert "topic write homie-ota/device/+/install" in capsys.readouterr().out
