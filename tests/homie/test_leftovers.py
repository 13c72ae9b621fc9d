"""Leftovers on the wire: where they are looked for, what they are, what clears them; the word that restarts 2.0.0."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.homie import leftovers, v2
from homie_ota.homie.leftovers import Kind, Leftover
from homie_ota.model import Address, Publish
from homie_ota.simulator.settings import Settings
from homie_ota.simulator.values import Identity

BASES = ("homie/", "devices/")
LAMP = Address("homie/", "lamp")
DIGEST = "d" * 32


def test_images_addresses_and_requests_are_looked_for_below_every_base_and_nothing_else() -> None:
    assert leftovers.filters(["homie/"]) == (
        "homie/+/$ota", "homie/+/$implementation/ota/url", "homie/+/$implementation/ota/firmware/#",
        "homie/5/+/$ota", "homie/5/+/$implementation/ota/url", "homie/5/+/$implementation/ota/firmware/#",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("topic", "payload", "expected"),
    [
        (f"homie/lamp/$implementation/ota/firmware/{DIGEST}", b"\xe9", Leftover(LAMP, Kind.IMAGE, DIGEST)),
        ("homie/lamp/$implementation/ota/firmware", b"\xe9", Leftover(LAMP, Kind.IMAGE, "")),
        (
            "homie/5/lamp/$implementation/ota/firmware/x",
            b"\xe9",
            Leftover(Address("homie/5/", "lamp"), Kind.IMAGE, "x"),
        ),
        ("devices/old/$ota", b"1.0.1", Leftover(Address("devices/", "old"), Kind.REQUEST, "1.0.1")),
        ("homie/lamp/$implementation/ota/url", b"http://x/", Leftover(LAMP, Kind.URL, "http://x/")),
        ("homie/lamp/$implementation/ota/firmwares", b"x", None),
        ("homie/lamp/$state", b"ready", None),
        ("homie/$broadcast/$ota", b"x", None),
        ("other/lamp/$ota", b"x", None),
        ("homie/", b"", None),
    ],
)
def test_what_a_retained_message_is(topic: str, payload: bytes, expected: Leftover | None) -> None:
    assert leftovers.read(BASES, topic, payload) == expected


@given(st.text(max_size=60), st.binary(max_size=64))
def test_whatever_is_kept_it_is_read_or_not_and_nothing_raises(tail: str, payload: bytes) -> None:
    for base in BASES:
        found = leftovers.read(BASES, base + tail, payload)
        assert found is None or len(found.text) <= 64


def test_an_image_is_taken_away_and_a_request_never_emptied_for_a_device_that_may_be_connected() -> None:
    topic = f"homie/lamp/$implementation/ota/firmware/{DIGEST}"
    for settled in (True, False):
        cleared = leftovers.clear(LAMP, topic, Kind.IMAGE, "1.0.0", settled=settled)
        assert cleared == Publish(topic, b"", 1, True)
    request = leftovers.clear(LAMP, "homie/lamp/$ota", Kind.REQUEST, "1.0.0", settled=False)
    assert request == Publish("homie/lamp/$ota", b"1.0.0", 1, True)
    assert leftovers.clear(LAMP, "homie/lamp/$ota", Kind.REQUEST, "", settled=False) is None


@pytest.mark.parametrize(
    ("config", "name", "expected"),
    [
        ('{"name":"Hall lamp","wifi":{"ssid":"x"}}', "", "Hall lamp"),
        ('{"name":"Küche"}', "other", "Küche"),
        ("", "Lamp", "Lamp"),
        ('{"name":"cut of', "Lamp", "Lamp"),
        ('{"name":7}', "Lamp", "Lamp"),
        ("[]", "", None),
        ("", "", None),
    ],
)
def test_the_restart_of_2_0_0_says_the_name_that_the_device_has(
    config: str, name: str, expected: str | None
) -> None:
    message = v2.restart(LAMP, config, name)
    if expected is None:
        assert message is None
        return
    assert message is not None
    assert (message.topic, message.qos, message.retain) == ("homie/lamp/$implementation/config/set", 1, False)
    assert json.loads(message.payload) == {"name": expected}


def test_the_restart_is_a_valid_change_that_changes_nothing() -> None:
    identity = Identity("homie/", "lamp", "Lamp", "", "")
    settings = Settings(identity, broker=("h", 1), interval=60, ota_enabled=True)
    before = settings.text
    message = v2.restart(LAMP, before, "")
    assert message is not None
    assert settings.patch(message.payload)
    assert settings.text == before
    assert "reset" not in message.topic


def test_a_topic_that_the_device_would_not_read_is_not_sent() -> None:
    assert v2.restart(Address("homie/", "x" * 110), "", "Lamp") is None
