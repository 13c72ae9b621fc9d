"""Recorded traffic, all of it, through the reader and the fleet: the inventory that its README tells."""

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from homie_ota import homie
from homie_ota.fleet import Fleet, KnownDevice
from homie_ota.model import Address, State

BASES = ("homie/", "devices/", "sknSensors/", "aqmon/", "ebus/")
MD5 = "d72e6b8900c113eaec7d36c9dc8a660c"
NEW_MD5 = "d3c356ac479b3f857a2f7980acbcfcc2"


def messages(path: Path, base: str = "") -> Iterator[tuple[str, bytes, bool]]:
    for line in path.read_text().splitlines():
        row = json.loads(line)
        if "topic" in row and row.get("kind", "msg") == "msg":
            yield base + row["topic"], _payload(row), bool(row.get("retain"))


def _payload(row: dict[str, Any]) -> bytes:
    if row.get("payload") is not None:
        return str(row["payload"]).encode()
    # Images were recorded by their beginning and length.
    start = base64.b64decode(row.get("payload_b64") or row["head_b64"])
    return start.ljust(row.get("len", 0), b"\0")


def replayed(path: Path, base: str = "") -> Fleet:
    """The fleet after hearing everything live, as a server does that was there."""
    reader, fleet = homie.Reader(BASES), Fleet()
    for number, (topic, payload, _) in enumerate(messages(path, base)):
        seen = reader.read(topic, payload, False)
        if seen is not None:
            fleet.apply(seen, float(number))
    return fleet


def values(known: KnownDevice) -> dict[str, str]:
    return {
        f"{node_id}/{prop.id}": prop.value
        for node_id, node in known.nodes.items()
        for prop in node.properties.values()
        if prop.value is not None
    }


@dataclass
class Expected:
    """What a row shows, and of nodes and values a part."""

    state: State
    row: dict[str, Any]
    nodes: tuple[str, ...] = ()
    values: dict[str, str] = field(default_factory=dict)


def esp(name: str, firmware: str, version: str, md5: str, ip: str, mac: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "fw_name": firmware,
        "fw_version": version,
        "md5": md5,
        "ip": ip,
        "mac": mac,
        "way": "mqtt",
        "implementation": "esp8266",
        "ota_enabled": True,
        **more,
    }


SKONA_1 = {"homie": "3.0.1", "way": "mqtt", "implementation": "esp8266", "ota_enabled": True}
NONE = {"way": "none", "ota_enabled": None}

INVENTORY: dict[str, dict[str, Expected]] = {
    "dumps/aqmon.v2.0.0.jsonl": {
        "aqmon/test": Expected(
            State.LOST,
            esp(
                "AQmon test",
                "AQmon",
                "v2.0.0-rc2",
                "ab0ef7c4435e557a027a92c091360228",
                "",
                "",
                homie="2.0.0",
                ota_enabled=False,
                signal=82.0,
                uptime=338.0,
            ),
            ("humidity", "pm01", "pm10", "pm25", "temperature"),
            {"temperature/degrees": "25.0", "temperature/unit": "c", "pm25/concentration": "2"},
        )
    },
    "dumps/bee-weight-2016-dev2.0.0.jsonl": {
        "homie/bee1": Expected(
            State.READY,
            {
                "name": "bee1",
                "homie": "2.0.0",
                "way": "two-step",
                "fw_name": "Bienen",
                "fw_version": "1.0.7",
                "signal": 98.0,
                "uptime": 261078.0,
            },
            ("temperature0", "temperature1", "weight"),
        ),
        "homie/bee2": Expected(
            State.LOST,
            {
                "name": "bee2",
                "way": "two-step",
                "fw_name": "Bienen-ULP",
                "ip": "192.168.1.149",
                "uptime": 4.0,
            },
            ("battery", "temperature0", "temperature1", "weight"),
            {"weight/kilogram": "-3.82", "battery/volt": "3173.00"},
        ),
    },
    "dumps/convention-examples.5.x-develop-2024-10-17.jsonl": {
        "homie/5/super-car": Expected(
            State.INIT, {"homie": "5", **NONE}, ("engine",), {"engine/temperature": "21.5"}
        ),
        "homie/5/kitchen-light": Expected(
            State.UNKNOWN, {"homie": "5"}, ("light",), {"light/power": "true", "light/brightness": "100"}
        ),
        "homie/5/mydevid": Expected(State.UNKNOWN, {"homie": "5"}),
        "homie/5/my-device": Expected(State.UNKNOWN, {"homie": "5"}),
    },
    "dumps/convention-examples.v1.5.0.jsonl": {
        "devices/686f6d6965": Expected(
            State.READY,
            {
                "name": "Bedroom temperature sensor",
                "homie": "1.5",
                "way": "http",
                "fw_name": "1.0.0",
                "fw_version": "1.0.0",
                "signal": 72.0,
                "ip": "192.168.0.10",
            },
            ("temperature", "humidity"),
            {"temperature/temperature": "12.07", "humidity/humidity": "79"},
        ),
        "devices/homielight": Expected(State.UNKNOWN, NONE, ("light",), {"light/on": "true"}),
    },
    "dumps/convention-examples.v2.0.1.jsonl": {
        "homie/686f6d6965": Expected(
            State.READY,
            {"fw_name": "1.0.0", "signal": 72.0, **NONE},
            ("humidity", "temperature"),
            {"temperature/degrees": "12.07", "temperature/unit": "c", "humidity/percentage": "79"},
        ),
        "homie/ledstrip-device": Expected(
            State.UNKNOWN,
            {},
            ("ledstrip",),
            {"ledstrip/led_1": "on", "ledstrip/led_2": "off", "ledstrip/led_3": "on"},
        ),
        "homie/kitchen-light": Expected(State.UNKNOWN, {}, ("light",), {"light/on": "true"}),
    },
    "dumps/convention-examples.v3.0.1.jsonl": {
        "homie/super-car": Expected(
            State.READY,
            {
                "name": "Super car",
                "homie": "2.1.0",
                "mac": "DE:AD:BE:EF:FE:ED",
                "fw_name": "weatherstation-firmware",
                "uptime": 120.0,
                "signal": 24.0,
                **NONE,
            },
            ("lights", "engine", "lights_0", "lights_1"),
            {"engine/temperature": "21.5", "lights_0/intensity": "0", "lights_1/intensity": "100"},
        ),
        "homie/kitchen-light": Expected(State.UNKNOWN, {}, ("light",), {"light/power": "true"}),
    },
    "dumps/convention-examples.v4.0.0.jsonl": {
        "homie/super-car": Expected(
            State.READY,
            {"name": "Super car", "implementation": "esp8266", **NONE},
            ("wheels", "engine", "lights"),
            {"engine/temperature": "21.5"},
        ),
        "homie/kitchen-light": Expected(State.UNKNOWN, {}, ("light",), {"light/power": "true"}),
    },
    "dumps/homie-device-two-relay-test.v2.0.0.jsonl": {
        "devices/two-relay-test": Expected(
            State.LOST,
            esp(
                "Relay 2 Test",
                "mc-relay2",
                "1.1.0",
                "e98a552aae1ecdd6f190faf2a0683e99",
                "192.168.43.123",
                "A0:20:A6:16:A7:7D",
                homie="2.0.0",
                signal=76.0,
            ),
            ("button", "clock", "esp", "identity", "lcd", "relay", "wifi"),
            {"relay/value_1": "2", "relay/value_2": "1", "wifi/quality": "84"},
        )
    },
    "dumps/microhomie-readme.v4.0.0.jsonl": {
        "homie/2fe65700": Expected(
            State.READY,
            {
                "name": "LED test",
                "homie": "4.0.0",
                "mac": "80:7D:3A:BB:C7:8A",
                "ip": "10.42.0.3",
                "fw_name": "Microhomie",
                "fw_version": "2.2.0",
                "heap": 15520.0,
                **NONE,
            },
            ("led",),
            {"led/power": "true"},
        )
    },
    "dumps/skoona-dallas.v3.0.1.jsonl": {
        "sknSensors/DSMonitor": Expected(
            State.READY,
            esp(
                "Environment-DS18B20",
                "Environment-DS18B20",
                "1.0.2",
                "93341625d6fa5d9533e6e315fbdde634",
                "10.100.1.164",
                "DC:4F:22:3B:33:4F",
                homie="3.0.1",
            ),
            ("Ambient", "Ambient_0", "Ambient_1", "Ambient_2", "Ambient_3"),
        )
    },
    "dumps/skoona-environmentmonitor-dht.v3.0.1.jsonl": {
        "sknSensors/HomeOffice": Expected(
            State.READY,
            esp(
                "Home Office",
                "Environment-DHT-RCWL0516",
                "1.0.0",
                "66625e09720864223f16f3dec17b570d",
                "10.100.1.161",
                "84:F3:EB:B7:55:D5",
            ),
            ("Ambient", "Presence"),
            {"Ambient/humidity": "29.00", "Ambient/temperature": "77.18"},
        )
    },
    "dumps/skoona-homiemonitor-device-streams.v3.0.1.jsonl": {
        "sknSensors/GuestRoom": Expected(
            State.READY,
            {"name": "Guest Room", "fw_version": "0.2.5", "uptime": 3267738.0, **SKONA_1},
            ("motion", "temperature", "humidity"),
            {"temperature/degrees": "73.76"},
        ),
        "sknSensors/HomeOffice": Expected(
            State.READY, {"name": "Home Office", "fw_name": "sknSensors-Rcwl_Dht11", **SKONA_1}
        ),
        "sknSensors/MediaRoom": Expected(State.READY, {"name": "Media Room", "signal": 30.0, **SKONA_1}),
        "sknSensors/TheaterIR": Expected(
            State.READY, {"name": "Theater IR Server", "fw_version": "0.2.0", **SKONA_1}, ("irservice",)
        ),
        "sknSensors/b4e62d53a8f0": Expected(
            State.LOST, {"homie": "2.0.0", "mac": "B4:E6:2D:53:A8:F0", "way": "mqtt"}, ("light",)
        ),
        "sknSensors/LabTarget": Expected(
            State.READY,
            {"homie": "2.0.0", "mac": "B4:E6:2D:53:A8:F0", "fw_version": "2.0.5"},
            ("light",),
            {"light/on": "false", "light/vcc": "Vcc: 3.3"},
        ),
    },
    "dumps/skoona-mcpprovider.v3.0.1.jsonl": {
        "sknSensors/MCPProviderNode": Expected(
            State.READY,
            esp(
                "Hard Wired Alarm Sensors",
                "mcp-module",
                "1.0.0",
                "a7beff4874a1acc86fd6cf569ebb58fe",
                "10.100.1.165",
                "38:2B:78:03:93:CB",
            ),
            ("wiredMonitor",),
        )
    },
    "dumps/skoona-multisensor-ESP32.v3.0.1.jsonl": {
        "sknSensors/HomeOffice": Expected(
            State.READY,
            esp(
                "Home Office",
                "MultiSensor",
                "3.0.1",
                "ed1a289e4f7a38e730cc202a8bc4004b",
                "10.100.1.244",
                "24:0A:C4:59:42:54",
                implementation="esp32",
                heap=220336.0,
            ),
            ("Ambient", "Occupancy"),
            {"Occupancy/motion": "ON", "Occupancy/occupancy": "OFF"},
        )
    },
    "libraries/npm-homie-device-3.0.1-kill.jsonl": {
        "homie/bare-minimum": Expected(
            State.LOST,
            {"name": "Bare Minimum", "homie": "3.0.1", "fw_name": "nodejs-test", "uptime": 6.0, **NONE},
            ("my-node",),
            {"my-node/my-property-1": "4"},
        )
    },
    "libraries/npm-node-homie-0.9.25-kill.jsonl": {
        "homie/my-homie-device": Expected(
            State.LOST, {"homie": "4.0.0", **NONE}, ("sensors", "actor"), {"sensors/temperature": "25.4"}
        )
    },
    "libraries/npm-node-homie-5.0.0-kill.jsonl": {
        "homie/5/my-homie-device": Expected(
            State.LOST,
            {"name": "My demo homie device", "homie": "5.0", **NONE},
            ("actor", "sensors"),
            {"sensors/temperature": "25.4", "actor/switch": "false"},
        )
    },
    # The children say `ready` to the end: the will names the root only.
    "libraries/pypi-ebus-panel-sim-0.9.0-kill.jsonl": {
        "ebus/5/example-panel": Expected(State.LOST, {"name": "Example Panel", "homie": "5.0", **NONE}),
        "ebus/5/kitchen": Expected(State.LOST, {"name": "Kitchen"}),
        "ebus/5/ev": Expected(State.LOST, {"name": "EV Charger"}),
        "ebus/5/example-lugs-up": Expected(State.LOST, {"name": "Upstream Lugs"}),
    },
    "libraries/pypi-ebus-sdk-0.27.0-kill.jsonl": {
        "ebus/5/my-device-id": Expected(
            State.LOST, {"name": "My Sensor", "homie": "5.0"}, ("sensors",), {"sensors/temperature": "27.5"}
        )
    },
    "libraries/pypi-homie-0.3.0-kill.jsonl": {
        "devices/pyhomie-030": Expected(
            State.LOST,
            {"homie": "1.5", "way": "http", "fw_name": "awesome-temperature", "signal": 100.0},
            ("temperature",),
            {"temperature/degrees": "23.5"},
        )
    },
    **{
        f"libraries/pypi-homie-0.4.1-{end}.jsonl": {
            "homie/pyhomie-041": Expected(
                State.LOST,
                {"homie": "2.0.1", "mac": "", "implementation": "homie-python", **NONE},
                ("temperature",),
                {"temperature/degrees": "23.5"},
            )
        }
        for end in ("kill", "term")
    },
    "libraries/pypi-homie-spec-0.4.1-kill.jsonl": {
        "homie/desktop": Expected(
            State.LOST,
            {"name": "Desktop Computer", "homie": "4.0.0", **NONE},
            ("local-time",),
            {"local-time/color-repr": "233,102,23", "local-time/time": "20:20"},
        )
    },
    **{
        f"libraries/pypi-homie4-0.4.0-{end}.jsonl": {
            "homie/th-sensor-1": Expected(
                State.LOST,
                {
                    "homie": "4.0.0",
                    "mac": "",
                    "ip": "",
                    "fw_name": "esp32-weather",
                    "fw_version": "2.4.1",
                    **NONE,
                },
                ("status",),
                {"status/temperature": "25.5", "status/humidity": "45"},
            ),
            "homie/dimmer-1": Expected(
                State.LOST, {"name": "Test Dimmer"}, ("dimmer",), {"dimmer/dimmer": "50"}
            ),
        }
        for end in ("kill", "term")
    },
}


def test_every_recording_of_a_library_or_a_device_has_an_expectation(shared: Path) -> None:
    found = {f"{path.parent.name}/{path.name}" for path in (shared / "captures").glob("[dl]*/*.jsonl")}
    assert found == set(INVENTORY)


@pytest.mark.parametrize("name", INVENTORY)
def test_a_recording_gives_the_inventory_that_it_tells(shared: Path, name: str) -> None:
    fleet = replayed(shared / "captures" / name)
    assert {known.address.topic for known in fleet.devices} == set(INVENTORY[name])
    for known in fleet.devices:
        expected = INVENTORY[name][known.address.topic]
        row = homie.facts_row(known)
        assert fleet.effective_state(known) is expected.state
        assert {key: row[key] for key in expected.row} == expected.row
        assert not expected.nodes or tuple(row["nodes"]) == expected.nodes
        assert {place: values(known).get(place) for place in expected.values} == expected.values


@pytest.mark.parametrize("name", INVENTORY)
def test_what_a_broker_keeps_of_a_recording_gives_the_same_in_any_order(shared: Path, name: str) -> None:
    kept = {topic: payload for topic, payload, _ in messages(shared / "captures" / name)}
    rows = []
    for order in (list(kept), sorted(kept), sorted(kept, reverse=True)):
        reader, fleet = homie.Reader(BASES), Fleet()
        for topic in order:
            seen = reader.read(topic, kept[topic], True)
            if seen is not None:
                fleet.apply(seen, 0.0)
        rows.append(
            {
                known.address: (homie.facts_row(known), fleet.effective_state(known), values(known))
                for known in fleet.devices
            }
        )
    assert rows[0] == rows[1] == rows[2]


GENERATIONS = {
    "homie1": ("1.5", "http"),
    "homie2": ("2.0.0", "mqtt"),
    "homie3": ("3.0.1", "mqtt"),
    "homie3dev": ("3.0.1", "mqtt"),
}


@pytest.mark.parametrize("folder", GENERATIONS)
def test_every_recording_of_the_firmware_itself_gives_a_whole_device(shared: Path, folder: str) -> None:
    paths = sorted((shared / "captures/firmware" / folder).glob("*.jsonl"))
    assert paths
    for path in paths:
        # Some recordings begin in the middle of what another device had left on the broker.
        last = "fw/version" if folder == "homie1" else "ota/enabled"
        whole = [known for known in replayed(path, "homie/").devices if last in known.facts]
        # 2.0.0 with a topic that is too long never gets beyond its first messages.
        assert whole or (folder, path.stem) == ("homie2", "topic_too_long_xxxxxxxxxx"), path.name
        for known in whole:
            row = homie.facts_row(known)
            assert (row["homie"], row["way"]) == GENERATIONS[folder], path.name
            assert list(row["nodes"]) == ["relay"], path.name


FIRMWARE = [
    ("homie1/boot", State.LOST, {"fw_version": "1.0.0", "signal": 80.0, "uptime": 0.0}, {}),
    ("homie1/http_200_md5", State.LOST, {"fw_version": "1.1.0"}, {}),
    ("homie2/boot", State.LOST, {"fw_version": "1.0.0", "md5": MD5, "mac": "5C:CF:7F:34:8D:ED"}, {}),
    ("homie2/broadcast_and_set", State.LOST, {"fw_version": "1.0.0"}, {"relay/on": "true"}),
    ("homie2/config_set", State.LOST, {"name": "Renamed", "ota_enabled": False}, {}),
    ("homie2/ota_binary_qos1", State.LOST, {"fw_version": "1.1.0", "md5": NEW_MD5}, {}),
    ("homie2/ota_disabled", State.LOST, {"fw_version": "1.0.0", "ota_enabled": False}, {}),
    ("homie3/boot", State.LOST, {"fw_version": "1.0.0", "md5": MD5, "name": "Device h3-boot"}, {}),
    ("homie3/broadcast_and_set", State.LOST, {}, {"relay/on": "true"}),
    ("homie3/ota_binary_qos1", State.LOST, {"fw_version": "1.1.0", "md5": NEW_MD5}, {}),
    ("homie3dev/boot", State.LOST, {"fw_version": "1.0.0", "heap": 30000.0}, {}),
]


@pytest.mark.parametrize(("name", "state", "row", "expected"), FIRMWARE)
def test_a_scenario_of_the_firmware_ends_as_recorded(
    shared: Path, name: str, state: State, row: dict[str, Any], expected: dict[str, str]
) -> None:
    fleet = replayed(shared / f"captures/firmware/{name}.jsonl", "homie/")
    device_id = {"homie1": "h1-", "homie2": "h2-", "homie3": "h3-", "homie3dev": "hd-"}[
        name.split("/", maxsplit=1)[0]
    ]
    known = fleet.get(Address("homie/", device_id + name.split("/")[1].replace("_", "-")))
    assert known is not None
    assert known.state is state
    found = homie.facts_row(known)
    assert {key: found[key] for key in row} == row
    assert values(known) == expected


def test_a_device_of_5_0_with_the_runtime_extension_is_a_3_x_device_under_another_base(shared: Path) -> None:
    """No capture of it exists: the 3.x boot, below a Homie 5 base and with a description, as its document says."""
    fleet, reader = Fleet(), homie.Reader(BASES)
    description = b'{"homie":"5.0","version":1,"nodes":{},"extensions":["io.github.labodj.esp-runtime"]}'
    recorded = messages(shared / "captures/firmware/homie3/boot.jsonl", "homie/5/")
    topics = [("homie/5/h3-boot/$description", description, True), *recorded]
    for topic, payload, _ in topics:
        if not topic.endswith("/$homie"):
            seen = reader.read(topic, payload, True)
            assert seen is not None
            fleet.apply(seen, 0.0)
    known = fleet.get(Address("homie/5/", "h3-boot"))
    assert known is not None
    row = homie.facts_row(known)
    assert (row["homie"], row["way"], row["md5"], row["ota_enabled"]) == ("5.0", "mqtt", MD5, True)
