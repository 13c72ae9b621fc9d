"""Configuration, reset and properties that somebody sets."""

from __future__ import annotations

import json

import pytest

from homie_ota.simulator.setup import Phase
from simulator.bench import Bench


def test_a_new_configuration_is_emptied_merged_and_followed_by_a_reboot() -> None:
    bench = Bench("v3").up()
    bench.send("$implementation/config/set", b'{"name":"Renamed","ota":{"enabled":false}}')
    assert bench.said == [("$implementation/config/set", "")]
    bench.pass_time(3)
    assert bench.texts("$name") == ["Renamed"]
    assert json.loads(bench.texts("$implementation/config")[0])["ota"] == {"enabled": False}
    bench.outputs.clear()
    assert bench.offer() == ["403"]


@pytest.mark.parametrize(
    "document",
    [b"no json", b"[]", b"{}", b'{"mqtt":{"port":"x"}}', b'{"ota":{"enabled":1}}', b'{"name":7}',
     b'{"name":"' + b"x" * 1000 + b'"}'],
)  # fmt: skip
def test_a_configuration_that_does_not_fit_is_dropped_without_a_word(document: bytes) -> None:
    bench = Bench("v3").up()
    bench.send("$implementation/config/set", document)
    bench.pass_time(10)
    assert bench.said == [("$implementation/config/set", "")]
    assert bench.device.boots == 1


def test_secrets_of_a_configuration_are_never_published() -> None:
    bench = Bench("v3").up()
    bench.send("$implementation/config/set", b'{"wifi":{"ssid":"home","password":"s3cret"}}')
    bench.pass_time(3)
    assert all("s3cret" not in text for _, text in bench.said)
    assert json.loads(bench.texts("$implementation/config")[0])["wifi"] == {"ssid": "home"}


def test_a_reset_takes_the_device_away_for_good() -> None:
    bench = Bench("v3").up()
    bench.send("$implementation/reset", b"true")
    bench.pass_time(1000)
    assert bench.said == [("$implementation/reset", "false")]
    assert bench.kinds() == ["Drop"]
    assert bench.device.phase is Phase.GONE


@pytest.mark.parametrize(
    ("key", "below", "text", "retain", "said"),
    [
        ("v3", "light/on/set", "true", False, [("light/on", "true")]),
        ("v3", "light/on/set", "maybe", False, []),
        ("v3", "light/power/set", "5", False, []),
        ("v3", "light/on/set", "true", True, [("light/on", "true")]),
        ("v5", "light/on/set", "true", True, []),
        ("v1", "light/on/set", "false", False, [("light/on", "false")]),
    ],
)
def test_setting_a_property_is_answered_with_its_value(
    key: str, below: str, text: str, retain: bool, said: list[tuple[str, str]]
) -> None:
    bench = Bench(key).up()
    bench.send(below, text.encode(), retain=retain)
    assert bench.said == said
