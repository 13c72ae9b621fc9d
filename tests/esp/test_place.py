"""Where a device asks for its image: read from its requests, and what has to stand in its configuration."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.esp import place
from homie_ota.esp.place import Place


@pytest.mark.parametrize(
    ("host", "path", "found"),
    [
        ("10.0.0.5:9080", "/ota", "10.0.0.5:9080/ota"),
        ("10.0.0.5", "/ota", "10.0.0.5:80/ota"),  # cores before 2.4 name no port
        ("Ota.Example.org:80", "/firmware/x.php", "ota.example.org:80/firmware/x.php"),
        ("10.0.0.5:9080", "", "10.0.0.5:9080/"),
        ("[fd00::5]:9080", "/ota", "[fd00::5]:9080/ota"),
        ("", "/ota", None),
        ("10.0.0.5:99999", "/ota", None),
        ("[::1", "/ota", None),
    ],
)
def test_a_request_names_host_port_and_path(host: str, path: str, found: str | None) -> None:
    read = place.asked_at(host, path)
    assert (str(read) if read else None) == found


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_header_of_a_stranger_makes_it_raise_and_what_is_kept_reads_the_same_again(
    host: str, path: str
) -> None:
    found = place.asked_at(host, path)
    assert found is None or place.read(str(found)) == found


def test_an_address_and_a_kept_place_are_read_alike() -> None:
    assert (
        place.read("http://192.0.2.7:9080/ota")
        == place.read("192.0.2.7:9080/ota")
        == Place("192.0.2.7", 9080, "/ota")
    )
    assert place.read("https://ota.example.org/ota") == Place("ota.example.org", 443, "/ota")


def test_the_line_for_the_configuration_is_json() -> None:
    line = place.configuration(Place("192.0.2.7", 9080, "/ota"))
    assert json.loads(f"{{{line}}}") == {
        "ota": {"enabled": True, "host": "192.0.2.7", "port": 9080, "path": "/ota"}
    }


def test_who_asked_elsewhere_is_told_the_setting_and_the_line_for_its_configuration() -> None:
    said = place.astray("10.0.0.5:9080/old", "/ota")
    assert "at 10.0.0.5:9080/old" in said
    assert 'path = "/old" in [ota]' in said
    assert '"path": "/ota"' in said
