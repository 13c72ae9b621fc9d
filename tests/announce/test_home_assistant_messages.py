"""What Home Assistant is told: every message passes its rules, whatever a device is called or says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from announce.home_assistant_rules import is_topic, read_discovery, read_state
from homie_ota.announce.home_assistant import messages
from homie_ota.announce.home_assistant.messages import Terms
from homie_ota.announce.home_assistant.topics import named_by, object_id, topics
from homie_ota.model import Address, DeploymentState
from homie_ota.store.entities import Entity, Image, Moving

TERMS = Terms("homeassistant", "http://ota.lan:9080/sub", "0.1.0")
HALL = Entity(
    7,
    Address("homie/", "hall-lamp"),
    "Hall lamp",
    "A0:20:A6:00:00:07",
    "esp8266",
    "lamp",
    "1.0.0",
    64.4,
    3600.2,
)
NEW = Image("f" * 64, "lamp", "2.0.0", "lamp-2.0.0.bin", "Dims  softly.\nAnd more.")

SAYINGS = st.text(max_size=300)
DEVICES = st.builds(
    Entity,
    st.integers(1, 9),
    st.builds(Address, st.sampled_from(["homie/", "devices/5/", ""]), st.text(min_size=1, max_size=255)),
    SAYINGS,
    st.sampled_from(["", "A0:20:A6:00:00:07", "no mac", "a0-20"]),
    SAYINGS,
    SAYINGS,
    SAYINGS,
    st.none() | st.floats(-1e9, 1e9),
    st.none() | st.floats(0, 1e12),
    st.just(()),
    st.none()
    | st.builds(
        Moving,
        st.sampled_from(list(DeploymentState)),
        st.integers(0, 10**9),
        st.integers(0, 10**9),
        st.just("f" * 64),
    ),
)
IMAGES = st.none() | st.builds(Image, st.just("f" * 64), SAYINGS, SAYINGS, SAYINGS, st.text(max_size=1500))
ALL_TERMS = st.builds(
    Terms,
    st.sampled_from(["homeassistant", "a/b"]),
    st.sampled_from(["https://x.lan", ""]),
    st.just("1"),
    st.booleans(),
    st.booleans(),
)


@given(DEVICES, IMAGES, ALL_TERMS, st.booleans())
def test_every_message_passes_whatever_devices_and_people_write(
    told: Entity, image: Image | None, terms: Terms, withdrawn: bool
) -> None:
    config = messages.discovery(told, terms, withdrawn)
    seen = read_discovery(config.topic, config.payload)
    assert ("command_topic" in seen["cmps"]["update"]) is not terms.read_only
    state = messages.state(told, image, terms)
    read_state(state.payload)
    extra = messages.diagnostics(told, terms)
    assert set(json.loads(extra.payload)) == set(messages.SENSORS)
    for each in (config, state, extra):
        assert each.retain
        assert each.qos == 1
        assert is_topic(each.topic)
        assert len(each.payload) < 6000


def test_a_device_is_told_with_its_install_button_and_its_page() -> None:
    found = messages.discovery(HALL, TERMS)
    name = object_id(HALL.address)
    assert found.topic == f"homeassistant/device/{name}/config"
    assert read_discovery(found.topic, found.payload) == {
        "dev": {
            "ids": [name], "cns": [["mac", "a0:20:a6:00:00:07"]], "name": "Hall lamp", "mf": "Homie", "mdl": "lamp",
            "sw": "1.0.0", "cu": "http://ota.lan:9080/sub/device/homie~hall-lamp",
        },
        "o": {"name": "homie-ota", "sw": "0.1.0", "url": "http://ota.lan:9080/sub"},
        "cmps": {
            "update": {
                "p": "update", "unique_id": f"{name}-update", "name": "Firmware", "device_class": "firmware",
                "entity_category": "config", "state_topic": f"homie-ota/device/{name}/update",
                "command_topic": f"homie-ota/device/{name}/install", "payload_install": "install",
                "availability_topic": "homie-ota/status",
            }
        },
    }  # fmt: skip


def test_sensors_come_on_request_and_are_taken_away_by_their_platform_alone() -> None:
    asked = Terms("homeassistant", "http://x", "1", diagnostics=True)
    there = json.loads(messages.discovery(HALL, asked).payload)["cmps"]
    assert list(there) == ["update", "signal", "uptime", "firmware"]
    assert json.loads(messages.diagnostics(HALL, asked).payload) == {
        "signal": 64, "uptime": 3600, "firmware": "lamp 1.0.0",
    }  # fmt: skip
    gone = json.loads(messages.discovery(HALL, TERMS, withdrawn=True).payload)["cmps"]
    assert [gone[key] for key in messages.SENSORS] == [{"p": "sensor"}] * 3


@pytest.mark.parametrize(
    ("moving", "image", "expected"),
    [
        (None, NEW, {"latest_version": "2.0.0", "in_progress": False, "update_percentage": None}),
        (None, None, {"latest_version": "1.0.0", "in_progress": False, "update_percentage": None}),
        (
            ("queued", 0, 100),
            NEW,
            {"latest_version": "2.0.0", "in_progress": True, "update_percentage": None},
        ),
        (("offered", 0, 100), NEW, {"in_progress": True, "update_percentage": None}),
        (("transferring", 37, 100), NEW, {"in_progress": True, "update_percentage": 37}),
        (("transferring", 0, 0), NEW, {"in_progress": True, "update_percentage": None}),
        (("transferring", 200, 100), NEW, {"in_progress": True, "update_percentage": 100}),
        (("rebooting", 100, 100), NEW, {"in_progress": True, "update_percentage": None}),
        (("verifying", 100, 100), NEW, {"in_progress": True, "update_percentage": None}),
    ],
)
def test_progress_is_told_while_the_image_goes_over(
    moving: tuple[str, int, int] | None, image: Image | None, expected: dict[str, Any]
) -> None:
    under_way = Moving(DeploymentState(moving[0]), moving[1], moving[2], "f" * 64) if moving else None
    told = read_state(messages.state(HALL._replace(moving=under_way), image, TERMS).payload)
    assert told | expected == told
    assert told["installed_version"] == "1.0.0"


def test_notes_and_pages_are_those_of_the_image_that_comes() -> None:
    told = read_state(messages.state(HALL, NEW, TERMS).payload)
    assert told["release_summary"] == "Dims softly. And more."
    assert told["release_url"] == "http://ota.lan:9080/sub/firmware/lamp-2.0.0.bin"
    assert told["title"] == "lamp"
    # Without a newer one the old notes must not stay: Home Assistant keeps what it is not told anew.
    none = read_state(messages.state(HALL, None, TERMS).payload)
    assert none["release_summary"] == ""
    assert none["release_url"].endswith("/device/homie~hall-lamp")


@pytest.mark.parametrize(
    ("text", "length"), [("", 0), ("short", 5), ("x" * 300, 255), ("word " * 100, 255), ("ö" * 256, 255)]
)
def test_notes_are_cut_at_a_word_where_home_assistant_takes_no_more(text: str, length: int) -> None:
    found = messages.notes(text)
    assert len(found) <= length
    assert len(found) >= length - 5
    assert found.endswith("…") == (len(text.strip()) > 255)


def test_what_a_device_does_not_tell_is_left_out() -> None:
    bare = Entity(1, Address("homie/", "x"))
    assert json.loads(messages.discovery(bare, TERMS).payload)["dev"] == {
        "ids": [object_id(bare.address)], "name": "x", "mf": "Homie",
        "cu": "http://ota.lan:9080/sub/device/homie~x",
    }  # fmt: skip
    told = read_state(messages.state(bare, None, TERMS).payload)
    assert not {"installed_version", "latest_version", "title"} & set(told)
    assert json.loads(messages.diagnostics(bare, TERMS).payload) == dict.fromkeys(messages.SENSORS)


def test_where_nobody_can_follow_a_link_none_is_told() -> None:
    inside = Terms("homeassistant", "", "0.1.0")
    config = json.loads(messages.discovery(HALL, inside).payload)
    assert "cu" not in config["dev"]
    assert config["o"] == {"name": "homie-ota", "sw": "0.1.0"}
    assert "release_url" not in read_state(messages.state(HALL, NEW, inside).payload)


# --- Topics --------------------------------------------------------------------------------------------------------


ADDRESSES = st.builds(Address, st.text(max_size=20).map(lambda base: f"{base}/"), st.text(max_size=255))


@given(ADDRESSES, ADDRESSES)
def test_two_devices_never_share_a_name_and_no_name_breaks_a_topic(one: Address, other: Address) -> None:
    assert (object_id(one) == object_id(other)) == (one.topic == other.topic)
    at = topics("homeassistant", object_id(one))
    assert all(is_topic(topic) for topic in at)
    assert named_by(at.install) == object_id(one)


@pytest.mark.parametrize(
    ("device_id", "begins"),
    [
        ("hall-lamp", "homie-ota-hall-lamp-"),
        ("Küche/../#+", "homie-ota-k-che-"),
        ("☃", "homie-ota-"),
        ("", "homie-ota-"),
    ],
)
def test_a_name_can_be_read_and_holds_nothing_else(device_id: str, begins: str) -> None:
    name = object_id(Address("homie/", device_id))
    assert name.startswith(begins)
    assert len(name) == len(begins) + 10


@pytest.mark.parametrize(
    "topic",
    ["homie-ota/status", "homie-ota/device/x/update", "homie-ota/device//install", "homie-ota/device/a/b/install",
     "homeassistant/status", "homie/x/$ota", "homie-ota/device/install"],
)  # fmt: skip
def test_only_a_press_of_install_is_one(topic: str) -> None:
    assert named_by(topic) is None


def test_what_is_taken_away_goes_in_order_and_is_empty() -> None:
    found = messages.removal("n", "homeassistant")
    assert [each.topic for each in found] == list(topics("homeassistant", "n"))[:3]
    assert all(each.retain and each.payload == b"" for each in found)
