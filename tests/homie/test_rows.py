"""What a row shows of a device: numbers, addresses and structure from the words announced."""

import pytest

from homie.known import LAMP_5, V2, V3, V5, V15, heard
from homie_ota import homie
from homie_ota.homie import rows


def test_the_row_of_a_device_has_its_facts_flat() -> None:
    row = homie.facts_row(heard(V3))
    nodes, facts = row.pop("nodes"), row.pop("facts")
    assert row == {
        "name": "Lamp",
        "mac": "5C:CF:7F:34:8D:ED",
        "ip": "192.168.0.9",
        "homie": "3.0.1",
        "implementation": "esp8266",
        "way": "mqtt",
        "ota_enabled": True,
        "fw_name": "lamp",
        "fw_version": "1.0.0",
        "md5": "d72e6b8900c113eaec7d36c9dc8a660c",
        "signal": 80.0,
        "uptime": 12.0,
        "heap": None,
    }
    assert facts["interval"] == "65"
    assert nodes == {
        "relay": {
            "name": "Relay",
            "type": "switch",
            "announced": "on,count",
            "properties": {
                "on": {"name": "On", "datatype": "boolean", "settable": True},
                "count": {"name": "Counter", "datatype": "integer"},
            },
        }
    }


def test_a_device_that_said_nothing_has_an_empty_row() -> None:
    row = homie.facts_row(heard({"relay/on": "true"}))
    assert row["homie"] == row["mac"] == row["fw_name"] == ""
    assert row["ota_enabled"] is None
    assert row["nodes"] == {"relay": {"properties": {"on": {}}}}


def test_a_homie_5_device_is_one_before_its_description_came() -> None:
    assert homie.facts_row(heard({"$state": "init"}, address=LAMP_5))["homie"] == "5"


def test_nodes_of_1_5_have_their_type_from_the_list() -> None:
    assert homie.nodes_row(heard(V15)) == {"relay": {"type": "switch", "listed": True}}


def test_the_lists_of_2_tell_what_is_settable_and_name_ranges() -> None:
    topics = {**V2, "led/$properties": "led[1-3]:settable", "led/led_1": "on", "led/extra": "1"}
    nodes = homie.nodes_row(heard(topics))
    assert nodes["relay"]["properties"] == {"on": {"settable": True, "listed": True}, "count": {}}
    assert nodes["led"]["properties"] == {
        "led": {"settable": True, "listed": True, "span": "1-3"},
        "extra": {},
        "led_1": {"settable": True, "listed": True, "span": "1-3"},
    }


def test_arrays_of_3_have_elements() -> None:
    topics = {
        "$nodes": "wheels,lights[]",
        "lights/$name": "Lights",
        "lights/$array": "0-1",
        "lights_0/$name": "Back lights",
        "lights_0/intensity": "0",
    }
    nodes = homie.nodes_row(heard(topics))
    assert list(nodes) == ["wheels", "lights", "lights_0"]
    assert nodes["wheels"] == {}
    assert nodes["lights"] == {"name": "Lights", "array": "0-1"}
    assert nodes["lights_0"] == {"name": "Back lights", "of": "lights", "properties": {"intensity": {}}}


def test_homie_5_nodes_come_from_the_description() -> None:
    assert homie.nodes_row(heard(V5, address=LAMP_5)) == {
        "relay": {
            "type": "switch",
            "properties": {
                "log": {"datatype": "string", "retained": False},
                "on": {"datatype": "boolean", "settable": True},
            },
        }
    }


@pytest.mark.parametrize(
    ("announced", "mac"),
    [
        ("5C:CF:7F:34:8D:ED", "5C:CF:7F:34:8D:ED"),
        ("5ccf7f348ded", "5C:CF:7F:34:8D:ED"),
        ("80-7d-3a-bb-c7-8a", "80:7D:3A:BB:C7:8A"),
        ("NoMAC", ""),
        ("XX:XX:XX:XX:XX", ""),
        ("00:00:00:00:00:00", ""),
        ("ff:ff:ff:ff:ff:ff", ""),
        ("", ""),
        ("5C:CF:7F:34:8D:ED:00", ""),
    ],
)
def test_a_mac_is_normalised_and_a_placeholder_is_none(announced: str, mac: str) -> None:
    assert rows.mac(announced) == mac


@pytest.mark.parametrize(
    ("announced", "ip"),
    [
        ("10.0.0.9", "10.0.0.9"),
        (" fe80::1 ", "fe80::1"),
        ("NoIP", ""),
        ("X.X.X.X", ""),
        ("<b>", ""),
        ("", ""),
        ("1.2.3.4/8", ""),
    ],
)
def test_an_ip_is_an_address_or_nothing(announced: str, ip: str) -> None:
    assert rows.ip(announced) == ip


@pytest.mark.parametrize(
    ("announced", "number"),
    [
        ("80", 80.0),
        ("0.0014407634735107422", 0.0014407634735107422),
        ("-1", -1.0),
        ("", None),
        ("nan", None),
        ("inf", None),
        ("1e400", None),
        ("80 %", None),
        ("9" * 4000, None),
    ],
)
def test_a_number_is_finite_or_none(announced: str, number: float | None) -> None:
    assert rows.number(announced) == number


def test_a_checksum_is_compared_in_lower_case() -> None:
    assert rows.md5("D72E6B8900C113EAEC7D36C9DC8A660C") == "d72e6b8900c113eaec7d36c9dc8a660c"
    assert rows.md5("none") == ""


def test_columns_have_room_for_what_is_written() -> None:
    long = "x" * 4000
    row = homie.facts_row(
        heard(dict.fromkeys(("$name", "$homie", "$implementation", "$fw/name", "$fw/version"), long))
    )
    lengths = {key: len(row[key]) for key in ("name", "homie", "implementation", "fw_name", "fw_version")}
    assert lengths == {"name": 255, "homie": 32, "implementation": 64, "fw_name": 255, "fw_version": 255}
