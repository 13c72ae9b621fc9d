"""What each generation announces, in which order, with which will: expected sequences as tables."""

from __future__ import annotations

import json

import pytest

from homie_ota.model import Publish
from homie_ota.simulator.values import (
    Connect,
    Subscribe,
)
from simulator.bench import OLD_MD5, Bench

ANNOUNCED = {
    "v1": [
        ("$online", "true"), ("$nodes", "light:switch"), ("$name", "Hall lamp"), ("$localip", "10.0.0.2"),
        ("$fwname", "lamp"), ("$fwversion", "1.0.0"), ("$signal", "80"), ("$uptime", "0"),
    ],
    "beta1": [
        ("$homie", "2.0.0"), ("$implementation", "esp8266"), ("$mac", "5C:CF:7F:00:00:01"),
        ("light/$type", "switch"), ("light/$properties", "on:settable,power"), ("$name", "Hall lamp"),
        ("$localip", "10.0.0.2"), ("$uptime/interval", "60"), ("$fw/name", "lamp"), ("$fw/version", "1.0.0"),
        ("$fw/checksum", OLD_MD5), ("$implementation/version", "2.0.0-beta.1"),
        ("$implementation/ota/enabled", "true"), ("$online", "true"), ("$signal", "80"),
        ("$uptime/value", "0"),
    ],
    "v2": [
        ("$homie", "2.0.0"), ("$mac", "5C:CF:7F:00:00:01"), ("$name", "Hall lamp"), ("$localip", "10.0.0.2"),
        ("$stats/interval", "0"), ("$fw/name", "lamp"), ("$fw/version", "1.0.0"), ("$fw/checksum", OLD_MD5),
        ("$implementation", "esp8266"), ("$implementation/version", "2.0.0"),
        ("$implementation/ota/enabled", "true"), ("light/$type", "switch"),
        ("light/$properties", "on:settable,power"), ("$online", "true"), ("$stats/signal", "80"),
        ("$stats/uptime", "0"),
    ],
    "v3": [
        ("$state", "init"), ("$homie", "3.0.1"), ("$name", "Hall lamp"), ("$mac", "5C:CF:7F:00:00:01"),
        ("$localip", "10.0.0.2"), ("$nodes", "light"), ("$stats", "uptime"), ("$stats/interval", "65"),
        ("$fw/name", "lamp"), ("$fw/version", "1.0.0"), ("$fw/checksum", OLD_MD5),
        ("$implementation", "esp8266"), ("$implementation/version", "3.0.0"),
        ("$implementation/ota/enabled", "true"), ("light/$name", "Light"), ("light/$type", "switch"),
        ("light/$properties", "on,power"), ("light/on/$name", "On"), ("light/on/$settable", "true"),
        ("light/on/$datatype", "boolean"), ("light/power/$name", "Power"), ("light/power/$datatype", "float"),
        ("light/power/$unit", "W"), ("$state", "ready"), ("$stats/interval", "65"), ("$stats/signal", "80"),
        ("$stats/uptime", "0"),
    ],
    "url": [
        ("$online", "true"), ("$name", "Hall lamp"), ("$localip", "10.0.0.2"), ("$mac", "5C:CF:7F:00:00:01"),
        ("$fw/name", "lamp"), ("$fw/version", "1.0.0"), ("$implementation", "esp32-idf"),
        ("$implementation/version", "dev"), ("$stats", "uptime,rssi,signal,freeheap"),
        ("$stats/interval", "60"), ("$implementation/ota/enabled", "true"),
        ("$implementation/ota/running", "0x00010000"), ("$implementation/ota/boot", "0x00010000"),
        ("$stats/uptime", "0"), ("$stats/rssi", "-60"), ("$stats/signal", "80"), ("$stats/freeheap", "30000"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("key", sorted(ANNOUNCED))
def test_a_device_announces_itself_in_the_order_of_its_generation(key: str) -> None:
    bench = Bench(key)
    bench.do(bench.device.power_on(0.0))
    bench.pass_time(0)
    assert [each for each in bench.said if each[0] != "$implementation/config"] == ANNOUNCED[key]


@pytest.mark.parametrize(
    ("key", "qos", "will"),
    [
        ("v1", 0, Publish("devices/hall-lamp/$online", b"false", 2, True)),
        ("v2", 1, Publish("homie/hall-lamp/$online", b"false", 1, True)),
        ("v3", 1, Publish("homie/hall-lamp/$state", b"lost", 1, True)),
        ("v5", 1, Publish("homie/5/hall-lamp/$state", b"lost", 1, True)),
        ("url", 1, Publish("homie/hall-lamp/$online", b"false", 0, True)),
    ],
)
def test_a_device_connects_as_brand_and_id_with_a_will(key: str, qos: int, will: Publish) -> None:
    bench = Bench(key)
    bench.do(bench.device.power_on(0.0))
    assert bench.outputs[0] == Connect("Homie-hall-lamp", will, 15)
    published = [each for each in bench.outputs if isinstance(each, Publish)]
    assert {(each.qos, each.retain) for each in published} == {(qos, True)}


def test_it_subscribes_before_it_is_ready() -> None:
    bench = Bench("v3")
    bench.do(bench.device.power_on(0.0))
    bench.pass_time(0)
    at = next(at for at, each in enumerate(bench.outputs) if isinstance(each, Subscribe))
    subscribed, ready = bench.outputs[at : at + 2]
    assert isinstance(subscribed, Subscribe)
    assert subscribed.filters == (
        "homie/hall-lamp/+/+/set", "homie/hall-lamp/$implementation/reset",
        "homie/hall-lamp/$implementation/config/set", "homie/hall-lamp/$implementation/ota/firmware/+",
        "homie/$broadcast/+",
    )  # fmt: skip
    assert ready == Publish("homie/hall-lamp/$state", b"ready", 1, True)


def test_a_homie_4_build_says_its_legacy_extensions() -> None:
    bench = Bench("v4")
    bench.do(bench.device.power_on(0.0))
    assert ("$homie", "4.0.0") in bench.said
    (extensions,) = bench.texts("$extensions")
    assert extensions.split(",")[0] == "org.homie.legacy-firmware:0.1.1:[4.x]"


def test_a_homie_5_build_describes_itself() -> None:
    bench = Bench("v5")
    bench.do(bench.device.power_on(0.0))
    (text,) = bench.texts("$description")
    description = json.loads(text)
    assert description.pop("version") > 0
    assert description == {
        "homie": "5.0",
        "name": "Hall lamp",
        "nodes": {
            "light": {
                "name": "Light",
                "type": "switch",
                "properties": {
                    "on": {"name": "On", "datatype": "boolean", "settable": True},
                    "power": {"name": "Power", "datatype": "float", "unit": "W"},
                },
            }
        },
        "extensions": ["io.github.labodj.esp-runtime"],
    }
    assert not bench.texts("$homie")


def test_statistics_come_at_their_interval() -> None:
    bench = Bench("v3").up()
    bench.pass_time(125)
    assert bench.texts("$stats/uptime") == ["60", "120"]
