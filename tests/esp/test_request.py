"""The update requests of every core, as they were recorded or as their sources write them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from homie_ota.esp.request import UpdateRequest, as_text, from_text, read, read_version

CHERRYPY = {
    "Host": "10.0.0.49:9090",
    "User-Agent": "ESP8266-http-Update",
    "Connection": "close",
    "X-Esp8266-Sta-Mac": "A0:20:A6:14:85:06",
    "X-Esp8266-Ap-Mac": "A2:20:A6:14:85:06",
    "X-Esp8266-Free-Space": "2740224",
    "X-Esp8266-Sketch-Size": "404368",
    "X-Esp8266-Sketch-Md5": "83d34178530e0738701d725292a1e1c3",
    "X-Esp8266-Chip-Size": "4194304",
    "X-Esp8266-Sdk-Version": "2.2.1(cfd48f3)",
    "X-Esp8266-Mode": "sketch",
    "X-Esp8266-Version": "0.0001",
}
EXPRESS = {
    "user-agent": "ESP8266-http-Update",
    "x-esp8266-chip-id": "226047",
    "x-esp8266-sta-mac": "4C:11:AE:03:72:FF",
    "x-esp8266-ap-mac": "4E:11:AE:03:72:FF",
    "x-esp8266-free-space": "462848",
    "x-esp8266-sketch-size": "301408",
    "x-esp8266-sketch-md5": "18f8dc4ccb5bbb8b909a7ed1a8b5f173",
    "x-esp8266-chip-size": "1048576",
    "x-esp8266-sdk-version": "2.2.2-dev(38a443e)",
}
ESP32_S3 = {
    "X-esp32-free-space": "1310720",
    "X-esp32-ap-mac": "36:85:18:41:EB:78",
    "X-esp32-version": "0.0.1",
    "X-esp32-sketch-size": "1006448",
    "User-agent": "ESP32-http-Update",
    "X-esp32-sketch-sha256": "8DFFB149E1859BD81A0DF868C868F7127257065ED234C8D58247C347D416D758",
    "X-esp32-chip-size": "8388608",
    "X-esp32-sta-mac": "34:85:18:41:EB:78",
    "X-esp32-sdk-version": "v4.4.5",
    "X-esp32-sketch-md5": "d16dcda8e86f2bb80a68480a84db6460",
    "X-esp32-mode": "sketch",
    "Cache-control": "no-cache",
}


def asked(headers: dict[str, str]) -> UpdateRequest:
    request = read(headers)
    assert request is not None
    return request


def test_a_plain_arduino_esp8266_of_core_2_4() -> None:
    assert asked(CHERRYPY) == UpdateRequest(
        family="esp8266",
        have="0.0001",
        mac="A0:20:A6:14:85:06",
        ap_mac="A2:20:A6:14:85:06",
        free_space=2740224,
        chip_size=4194304,
        sketch_size=404368,
        md5="83d34178530e0738701d725292a1e1c3",
        sdk="2.2.1(cfd48f3)",
    )


def test_the_chip_id_of_core_2_6_is_the_end_of_the_mac() -> None:
    request = asked(EXPRESS)
    assert request.chip_id == 226047
    assert request.mac_end == "03:72:FF" == request.mac[-8:]
    assert request.mode == "sketch"
    assert request.have == ""


def test_an_esp32_tells_both_digests() -> None:
    request = asked(ESP32_S3)
    assert request.family == "esp32"
    assert request.sha256 == "8dffb149e1859bd81a0df868c868f7127257065ed234c8d58247c347d416d758"
    assert request.md5 == "d16dcda8e86f2bb80a68480a84db6460"
    assert request.mac_end == "41:EB:78"


def test_an_esp32_without_wireless_tells_its_base_mac_only() -> None:
    request = asked({"x-ESP32-BASE-MAC": "40:4C:CA:00:11:22", "x-ESP32-free-space": "1310720"})
    assert (request.mac, request.ap_mac) == ("40:4C:CA:00:11:22", "")


def test_core_2_0_0_sends_no_mode_and_wants_a_sketch() -> None:
    headers = {name: value for name, value in CHERRYPY.items() if not name.endswith(("Mode", "Md5"))}
    assert (asked(headers).mode, asked(headers).md5) == ("sketch", "")


@pytest.mark.parametrize("mode", ["sketch", "spiffs", "version"])
def test_modes_are_told_apart(mode: str) -> None:
    assert asked({**EXPRESS, "x-ESP8266-mode": mode}).mode == mode


@pytest.mark.parametrize("spell", [str, str.lower, str.upper, str.title])
def test_names_are_matched_whatever_their_case(spell: type[str]) -> None:
    headers = {spell(name): value for name, value in EXPRESS.items()}
    assert asked(headers) == asked(EXPRESS)


HOMIE_VERSIONS = [
    ("c631f278=awesome-light=1.0.0=1.1.0", ("c631f278", "awesome-light", "1.0.0", "1.1.0", "")),
    ("cf3a07e0=h-sensor=1.0.1=1.0.2", ("cf3a07e0", "h-sensor", "1.0.1", "1.0.2", "")),
    (
        "d40655e0=button-homie@1.0.0->a75ebc7c7f@1.0.1",
        ("d40655e0", "button-homie", "1.0.0", "1.0.1", "a75ebc7c7f"),
    ),
    ("0fbbe2e0=lamp=1.0.0=72555b88ae@1.0.3", ("0fbbe2e0", "lamp", "1.0.0", "1.0.3", "72555b88ae")),
    ("0fbbe2e0=lamp@1.0.0->1.0.3", ("0fbbe2e0", "lamp", "1.0.0", "1.0.3", "")),
    ("0fbbe2e0=a=b=1.0.0=1.1.0", ("0fbbe2e0", "a=b", "1.0.0", "1.1.0", "")),
    ("0fbbe2e0=a@b@1.0.0->72555b88ae@1.1", ("0fbbe2e0", "a@b", "1.0.0", "1.1", "72555b88ae")),
]


@pytest.mark.parametrize(("text", "expected"), HOMIE_VERSIONS)
def test_both_spellings_of_the_homie_version_header(text: str, expected: tuple[str, ...]) -> None:
    request = asked({"x-ESP8266-version": text})
    said = (request.device_id, request.fw_name, request.have, request.want, request.want_hash)
    assert said == expected


def test_what_was_wanted_is_repeated_as_the_device_was_told() -> None:
    assert asked({"x-ESP8266-version": "a=lamp=1.0=72555b88ae@1.3"}).wanted == "72555b88ae@1.3"
    assert asked({"x-ESP8266-version": "a=lamp=1.0=1.3"}).wanted == "1.3"


@pytest.mark.parametrize("text", ["1.2.3", "v2=beta", "=lamp=1=2", "x==1=2", "->", "a->b", "lamp@1.0->1.1"])
def test_other_versions_are_plain(text: str) -> None:
    assert read_version(text) == {"have": text}


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("free-space", "-1"),
        ("free-space", "1e6"),
        ("free-space", "٣٤"),
        ("free-space", ""),
        ("chip-size", "9" * 30),
        ("sketch-size", "12 34"),
        ("chip-id", "16777216"),
    ],
)
def test_numbers_that_are_none_are_none(header: str, value: str) -> None:
    request = asked({f"x-ESP8266-{header}": value})
    assert getattr(request, header.replace("-", "_")) is None


@pytest.mark.parametrize("value", ["", "NoMAC", "A0:20:A6:14:85", "A0:20:A6:14:85:0G", "XX:XX:XX:XX:XX:XX"])
def test_a_mac_that_is_none_is_empty(value: str) -> None:
    assert asked({"x-ESP8266-STA-MAC": value}).mac == ""


@pytest.mark.parametrize("value", ["a0:20:a6:14:85:06", "A020A6148506", "a0-20-a6-14-85-06"])
def test_a_mac_has_one_spelling_inside(value: str) -> None:
    assert asked({"x-ESP8266-STA-MAC": value}).mac == "A0:20:A6:14:85:06"


@pytest.mark.parametrize("value", ["", "83d3", "g" * 32, "a" * 33])
def test_a_digest_that_is_none_is_empty(value: str) -> None:
    assert asked({"x-ESP8266-sketch-md5": value}).md5 == ""


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "x", "User-Agent": "Mozilla/5.0"},
        {"User-Agent": "ESP8266-http-Update"},
        {"x-esp8266-foo": "1"},
        {"x-esp-mode": "sketch"},
        {"x-esp8266": "1", "x": "2", "": "3"},
    ],
)
def test_anything_else_is_no_update_request(headers: dict[str, str]) -> None:
    assert read(headers) is None


def test_of_two_equal_headers_the_first_counts() -> None:
    request = read([("x-ESP8266-version", "1.0"), ("X-Esp8266-Version", "2.0")])
    assert request is not None
    assert request.have == "1.0"


def test_control_characters_never_get_in_and_length_is_bounded() -> None:
    request = asked({"x-ESP8266-version": "id=la\x1bmp=1\n=2" + "2" * 9999})
    assert (request.fw_name, request.have) == ("lamp", "1")
    assert len(request.want) < 256


_names = st.one_of(
    st.text(max_size=30),
    st.builds(
        "x-{}-{}".format,
        st.sampled_from(["esp8266", "ESP32", "esp"]),
        st.sampled_from(["version", "mode", "STA-MAC", "chip-id", "free-space", "sketch-md5", ""]),
    ),
)


@given(st.lists(st.tuples(_names, st.text(max_size=60) | st.from_regex(r"[0-9=@>a-f.-]{0,40}"))))
def test_no_headers_raise(headers: list[tuple[str, str]]) -> None:
    request = read(headers)
    if request is not None:
        assert len(request.mac_end) in (0, 8)
        assert request.wanted.endswith(request.want)


@pytest.mark.parametrize(
    "headers", [CHERRYPY, {"x-ESP32-STA-MAC": "34:85:18:41:EB:78", "x-ESP32-mode": "version"}]
)
def test_a_plain_request_is_kept_on_a_line_and_read_again(headers: dict[str, str]) -> None:
    request = read(headers)
    assert request is not None
    text = as_text(request)
    again = from_text(text)
    assert again is not None
    assert again == replace(request, ap_mac="", chip_id=None, sha256="")
    assert len(text) < 400


@pytest.mark.parametrize("text", ["", "200: gets lamp", "true", "x-esp8266-", " | "])
def test_other_lines_are_no_requests(text: str) -> None:
    assert from_text(text) is None


def test_every_recorded_request_of_homie_1_5_is_understood(shared: Path) -> None:
    requests = 0
    for path in sorted((shared / "captures" / "firmware" / "homie1").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            entry = json.loads(line)
            if entry.get("kind") != "http-request":
                continue
            pairs = [tuple(each.split(": ", 1)) for each in entry["raw"].strip().split("\r\n")[1:]]
            request = read([(name, value) for name, value in pairs])
            assert request is not None, path.name
            assert (request.fw_name, request.mode) == ("realfw-demo", "sketch")
            assert request.have in ("1.0.0", "1.1.0")
            assert request.device_id.startswith("h1-")
            # Clearing `$ota` makes the firmware read garbage: control characters, then nothing is left.
            assert bool(request.want) == ("clear-empty" not in request.device_id)
            assert request.free_space is not None
            assert len(request.mac) == 17
            requests += 1
    assert requests >= 10
