"""From a record back to messages: the names of each generation, and nothing that commands."""

from __future__ import annotations

import pytest

from homie_ota.homie import Reader
from homie_ota.migrate import topics
from migrate.old_server import INVENTORY, SENSORS


def told(device_id: str) -> tuple[dict[str, str], list[str]]:
    record = {key: value for key, value in INVENTORY[device_id].items() if value is not None}
    good, strange = topics.messages(
        Reader(["devices"]), "devices/", device_id, record, SENSORS.get(device_id, {})
    )
    return {topic.removeprefix(f"devices/{device_id}/"): text for topic, text in good}, strange


def test_a_1_5_device_is_told_in_its_own_topics() -> None:
    assert told("c631f278") == (
        {
            "$name": "Hall", "$localip": "10.0.0.36", "$fwname": "lamp", "$fwversion": "1.0.0", "$signal": "72",
            "$uptime": "4711", "$nodes": "relay:relay", "$mac": "18:FE:34:C6:31:F2", "relay/on": "true",
        },
        [],
    )  # fmt: skip


def test_a_2_0_device_is_told_in_those_of_its_generation() -> None:
    found, strange = told("5ccf7fb952ae")
    assert (found["$fw/name"], found["$fw/version"], found["$stats/signal"]) == ("thermo", "1.2.0", "60")
    assert (found["temperature/degrees"], found["$mac"]) == ("21.5", "5C:CF:7F:B9:52:AE")
    assert strange == []


@pytest.mark.parametrize("key", ["online", "state", "ota", "human_uptime"])
def test_how_it_was_and_what_it_was_told_to_do_is_not_told_again(key: str) -> None:
    good, strange = topics.messages(Reader(["devices"]), "devices/", "x", {key: "ready"}, {})
    assert (good, strange) == ([], [])


@pytest.mark.parametrize(
    "subtopic",
    ["$implementation/ota/firmware", "$implementation/ota/status", "$implementation/ota/checksum"],
)
def test_nothing_of_an_update_is_told_again(subtopic: str) -> None:
    good, _ = topics.messages(Reader(["devices"]), "devices/", "x", {}, {subtopic: "202"})
    assert good == []


def test_what_a_fork_added_is_named_and_not_taken() -> None:
    good, strange = topics.messages(
        Reader(["devices"]), "devices/", "x", {"name": "Hall", "wifi_ssid": "home", "device": "x"}, {}
    )
    assert ([topic for topic, _ in good], strange) == (["devices/x/$name"], ["wifi_ssid", "device"])


@pytest.mark.parametrize(
    ("announced", "station"),
    [
        ("1A:FE:34:C6:31:F2", "18:FE:34:C6:31:F2"),
        ("5E:CF:7F:B9:52:AE", "5C:CF:7F:B9:52:AE"),
        ("18:fe:34:c6:31:f2", "18:FE:34:C6:31:F2"),
        ("NoMAC", ""),
        ("", ""),
    ],
)
def test_the_access_points_mac_becomes_the_devices(announced: str, station: str) -> None:
    assert topics.station_mac(announced) == station


def test_what_a_device_asked_with_is_remembered_where_it_is_a_number() -> None:
    record = {"free_space": "684032", "chip_size": "x", "sketch_size": "-1", "name": "Hall"}
    assert topics.asked(record) == {"free_space": "684032"}


@pytest.mark.parametrize("device_id", ["", "$broadcast", "a" * 300, "a\x00b"])
def test_an_id_that_no_topic_can_have_tells_nothing(device_id: str) -> None:
    good, _ = topics.messages(Reader(["devices"]), "devices/", device_id, {"name": "Hall"}, {})
    assert good == []
