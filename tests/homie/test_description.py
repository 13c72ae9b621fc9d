"""Homie 5's `$description`: what is believed of a JSON document from the network."""

import json
from typing import Any

import pytest

from homie.known import LAMP_5, seen
from homie_ota.homie import v5
from homie_ota.model import DescriptionSeen, NodeDescription, PropertyDescription


def described(document: Any) -> DescriptionSeen | None:
    text = document if isinstance(document, str) else json.dumps(document)
    found = seen("homie/5/lamp/$description", text)
    assert found is None or isinstance(found, DescriptionSeen)
    return found


def test_a_description_tells_nodes_properties_and_family() -> None:
    found = described(
        {
            "homie": "5.0",
            "version": 2862510711331216,
            "name": "Lamp",
            "type": "light",
            "nodes": {
                "relay": {
                    "name": "Relay",
                    "type": "switch",
                    "properties": {
                        "on": {"name": "On", "datatype": "boolean", "settable": True},
                        "watts": {"datatype": "float", "unit": "W", "format": "0:100", "retained": False},
                    },
                }
            },
            "extensions": [v5.RUNTIME_EXTENSION],
            "children": ["bulb"],
            "root": "house",
            "parent": "room",
        }
    )
    relay = NodeDescription(
        "Relay",
        "switch",
        {
            "on": PropertyDescription(name="On", datatype="boolean", settable=True),
            "watts": PropertyDescription(datatype="float", unit="W", format="0:100", retained=False),
        },
    )
    assert found == DescriptionSeen(
        LAMP_5,
        "5.0",
        2862510711331216,
        "Lamp",
        "light",
        {"relay": relay},
        (v5.RUNTIME_EXTENSION,),
        ("bulb",),
        "house",
        "room",
        True,
    )


def test_unknown_fields_are_ignored() -> None:
    found = described({"homie": "5.1", "version": 1, "colour": {"deep": [1]}, "nodes": {"n": {"new": 1}}})
    assert found is not None
    assert found.nodes == {"n": NodeDescription()}


@pytest.mark.parametrize(
    "document",
    [
        "following JSON document;",
        "",
        "null",
        "[]",
        '"5.0"',
        "{",
        '{"homie": 5}',
        '{"homie": "5.0", "version": "1"}',
        '{"homie": "5.0", "version": true}',
        '{"homie": "5.0", "version": 1.5}',
        '{"homie": "5.0", "name": null}',
        '{"homie": "5.0", "nodes": []}',
        '{"homie": "5.0", "children": "bulb"}',
        '{"homie": "5.0", "children": [1]}',
        '{"homie": "5.0", "extensions": {}}',
        '{"homie": "5.0", "root": 7}',
        '{"homie": "5.0", "version": ' + "9" * 5000 + "}",
        '{"homie": "5.0", "nodes": ' + "[" * 100_000,
        '{"a":' * 50_000,
    ],
)
def test_an_illegal_description_is_not_believed_at_all(document: str) -> None:
    assert described(document) is None


@pytest.mark.parametrize(
    "illegal",
    [{"settable": "yes"}, {"retained": 1}, {"name": 5}, {"datatype": []}, {"format": {}}, [], None, "text"],
)
def test_an_illegal_property_is_left_out_and_its_neighbours_stay(illegal: object) -> None:
    found = described(
        {"homie": "5.0", "nodes": {"n": {"properties": {"bad": illegal, "good": {"unit": "W"}}}}}
    )
    assert found is not None
    assert found.nodes["n"].properties == {"good": PropertyDescription(unit="W")}


@pytest.mark.parametrize("illegal", [{"name": 5}, {"properties": []}, {"type": None}, [], 7])
def test_an_illegal_node_is_left_out_and_its_neighbours_stay(illegal: object) -> None:
    found = described({"homie": "5.0", "nodes": {"bad": illegal, "good": {}}})
    assert found is not None
    assert list(found.nodes) == ["good"]


def test_size_is_bounded() -> None:
    many: dict[str, object] = {f"n{number}": {} for number in range(5_000)}
    found = described({"homie": "5.0", "name": "x" * 5_000, "nodes": many, "children": ["c"] * 5_000})
    assert found is not None
    assert len(found.nodes) == len(found.children) == v5.MAX_ENTRIES
    assert len(found.name) == 1024
    assert described('{"homie":"5.0","name":"' + "x" * v5.MAX_DESCRIPTION + '"}') is None


def test_ids_and_names_are_cleaned() -> None:
    found = described(
        {"homie": "5.0", "name": "La\u0000mp\u202e", "nodes": {"": {}, "a\u0007": {}, "<b>": {}}}
    )
    assert found is not None
    assert found.name == "Lamp"
    assert list(found.nodes) == ["<b>"]
