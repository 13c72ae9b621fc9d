"""What can be read of the old server's JSON files, whole, quoted by Python 3, or cut off."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.migrate import records
from migrate.old_server import INVENTORY, SENSORS

WHOLE = json.dumps(INVENTORY, separators=(",", ":"))


def test_a_whole_file_is_read_as_it_is() -> None:
    found = records.read(WHOLE)
    assert found.by_device["5ccf7fb952ae"]["name"] == "Küche"
    assert "free_space" not in found.by_device["a020a6148506"], "null: it never said so"
    assert (found.repaired, found.problem) == (0, "")


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("b'ready'", "ready"),
        ('b"it\'s"', "it's"),
        ("b''", ""),
        (repr("Küche".encode()), "Küche"),
        (repr(repr(b"twice").encode()), "twice"),
        (repr(b"\xff"), "\ufffd"),
        ("b'open", "b'open"),
        ("b'a' + b'b'", "b'a' + b'b'"),
        ("b'a', b'b'", "b'a', b'b'"),
        ("bright", "bright"),
        ("b'\\xzz'", "b'\\xzz'"),
        (True, "true"),
        (21.5, "21.5"),
    ],
)
def test_what_python_3_put_in_quotes_is_taken_out(value: object, meant: str) -> None:
    assert records.plain(value) == meant


def test_repaired_values_are_counted() -> None:
    found = records.read(
        json.dumps({"a": {"online": "b'true'", "name": "Hall"}, "b": {"online": "b'false'"}})
    )
    assert found.repaired == 2


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_of_a_file_that_was_cut_off_the_devices_before_the_end_are_read(share: float) -> None:
    found = records.read(WHOLE[: int(len(WHOLE) * share)])
    assert "cut off" in found.problem
    assert found.by_device
    for device_id, record in found.by_device.items():
        whole = records.read(WHOLE).by_device[device_id]
        assert record.items() <= whole.items()


def test_the_last_device_of_a_cut_file_keeps_its_whole_values() -> None:
    found = records.read('{"a":{"name":"Hall"},"b":{"name":"Attic","fwname":"la')
    assert found.by_device == {"a": {"name": "Hall"}, "b": {"name": "Attic"}}


@pytest.mark.parametrize(
    ("text", "devices", "word"),
    [
        ("", {}, "cut off"),
        ("[1]", {}, "no list of devices"),
        ('{"a": 1, "b": {"x": "y"}}', {"b": {"x": "y"}}, "'a' is no device"),
        ("{}", {}, ""),
        ("\0" * 100, {}, "cut off"),
        ('{"a":' * 100_000, {}, "cut off"),
    ],
)
def test_what_is_no_inventory_is_told_and_never_raises(text: str, devices: Any, word: str) -> None:
    found = records.read(text)
    assert found.by_device == devices
    assert word in found.problem


texts = st.dictionaries(st.text(), st.dictionaries(st.text(), st.text() | st.none()))


@given(texts, st.integers(0, 400))
def test_any_cut_brings_a_part_of_the_whole(content: dict[str, dict[str, str | None]], cut: int) -> None:
    whole = json.dumps(content)
    found = records.read(whole[:cut])
    everything = records.read(whole).by_device
    for device_id, record in found.by_device.items():
        assert record.items() <= everything[device_id].items()


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert isinstance(records.read(text).by_device, dict)


def test_both_files_have_the_same_form() -> None:
    found = records.read(json.dumps(SENSORS))
    assert found.by_device["c631f278"] == {"relay/on": "true"}
