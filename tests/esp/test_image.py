"""What an inspection says of a file: name and version, chip and flash, and of real files all that is in them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from esp.builders import arduino
from esp.merged import factory
from homie_ota.esp.image import (
    Check,
    CheckResult,
    Finding,
    Inspection,
    Inspector,
    Severity,
    clean,
    from_data,
    inspect,
    refusal,
    sentence,
)
from homie_ota.simulator.images import homie_magic, make_image

NAME, VERSION = (
    (b"\xbf\x84\xe4\x13\x54", b"\x93\x44\x6b\xa7\x75"),
    (b"\x6a\x3f\x3e\x0e\xe1", b"\xb0\x30\x48\xd4\x1a"),
)


def in_pieces(data: bytes, size: int) -> Inspection:
    inspector = Inspector()
    for at in range(0, len(data), size):
        inspector.feed(data[at : at + size])
    return inspector.finish()


def test_an_esp8266_image_tells_name_version_brand_chip_and_flash() -> None:
    seen = inspect(make_image("hall-lamp", "1.0.3", "acme", flash_mode="dout", flash_size=4 << 20))
    assert (seen.name, seen.version, seen.brand, seen.chip) == ("hall-lamp", "1.0.3", "acme", "esp8266")
    assert (seen.flash_size, seen.flash_mode, seen.flash_frequency) == (4 << 20, "dout", "40m")
    assert seen.magic == (("name", "hall-lamp"), ("version", "1.0.3"), ("brand", "acme"))
    assert (seen.findings, seen.warnings) == ((), ())


def test_an_image_without_magic_has_neither_name_nor_version() -> None:
    seen = inspect(make_image("lamp", "1.0.0", homie=False))
    assert (seen.name, seen.version, seen.brand, seen.chip, seen.magic) == ("", "", "", "esp8266", ())
    assert seen.findings == ()


def test_what_has_come_so_far_can_be_asked_for() -> None:
    inspector = Inspector()
    inspector.feed(b"\xe9\x04")
    assert (inspector.head, inspector.size) == (b"\xe9\x04", 2)
    inspector.feed(bytes(200_000))
    assert (inspector.head, inspector.size) == (b"\xe9\x04" + bytes(65_534), 200_002)


# --- The Homie magic


@given(st.integers(1, 200))
@example(1)
def test_the_magic_is_found_across_the_borders_of_chunks(size: int) -> None:
    data = bytes(700) + homie_magic("hall-lamp", "1.0.3", "acme") + bytes(100)
    seen = in_pieces(data, size)
    assert (seen.name, seen.version, seen.brand) == ("hall-lamp", "1.0.3", "acme")


def test_the_longest_name_of_32_and_version_of_16_bytes_are_found_and_longer_ones_are_not() -> None:
    seen = in_pieces(homie_magic("n" * 32, "v" * 16), 7)
    assert (seen.name, seen.version) == ("n" * 32, "v" * 16)
    seen = in_pieces(homie_magic("n" * 33, "v" * 17), 7)
    assert (seen.name, seen.version) == ("", "")


def test_of_two_left_marks_the_shortest_value_counts() -> None:
    left, right = NAME
    assert inspect(left + b"\0\0code" + left + b"lamp" + right + b"more" + right).name == "lamp"


def test_a_lone_left_mark_swallows_nothing_behind_it() -> None:
    left, right = NAME
    assert inspect(left + b"x" * 100 + left + b"lamp" + right).name == "lamp"


def test_a_second_name_is_warned_of_and_the_first_one_kept() -> None:
    seen = inspect(arduino(extra=homie_magic("lamp", "1.0.0") + homie_magic("other", "1.0.0")))
    assert (seen.name, seen.version) == ("lamp", "1.0.0")
    assert [word for word, _ in seen.magic].count("name") == 2
    assert seen.warnings == ("The Homie magic names more than one name; the first one was taken: lamp.",)


@pytest.mark.parametrize(
    ("magic", "words"),
    [
        (NAME[0] + b"lamp" + NAME[1], "only the name"),
        (VERSION[0] + b"1.0" + VERSION[1], "only the version"),
        (b"%HOMIE_ESP8266_FW%", "neither name nor version"),
        (NAME[0] + b"\0\1\2" + NAME[1] + VERSION[0] + b"1.0" + VERSION[1], "only the version"),
    ],
)
def test_half_a_magic_is_warned_of(magic: bytes, words: str) -> None:
    (warning,) = inspect(arduino(extra=magic)).warnings
    assert warning == f"The Homie magic is incomplete: it has {words}."


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("../../etc/passwd", "../../etc/passwd"),  # data: whoever makes a path of it has to care
        ("<script>", "<script>"),
        ("la\0m\np\x7f", "lamp"),
        ("  lamp\r\n", "lamp"),
        ("Küche\u202e", "Küche"),
    ],
)
def test_names_are_data_without_control_characters(raw: str, kept: str) -> None:
    assert inspect(homie_magic(raw, "1")).name == kept
    assert clean(raw) == kept


def test_wrong_utf8_in_a_name_is_shown_and_harmless() -> None:
    assert inspect(NAME[0] + b"l\xffmp" + NAME[1]).name == "l\N{REPLACEMENT CHARACTER}mp"


# --- As a value, and in a row


def test_the_gravest_finding_comes_first() -> None:
    seen = inspect(factory("esp32")[:-40])
    order = [Severity.IMPOSSIBLE, Severity.REFUSAL, Severity.WARNING, Severity.NOTE]
    severities = [each.severity for each in seen.findings]
    assert severities == sorted(severities, key=order.index)
    assert len(set(severities)) > 1
    assert refusal(seen) == seen.findings[0]


def test_only_warnings_are_warnings_and_they_are_whole_sentences() -> None:
    findings = tuple(Finding(each.value, each, f"It is {each}.", "Do it.") for each in Severity)
    assert Inspection(findings=findings).warnings == ("It is warning. Do it.",)


def test_a_row_of_the_first_version_still_tells_its_warnings() -> None:
    seen = from_data({"warnings": ["The file name says lamp 1.0.1."], "magic": True})
    assert seen.warnings == ("The file name says lamp 1.0.1.",)
    assert (seen.kind, seen.magic, seen.parts) == ("application", (), ())


def test_a_warning_that_was_added_to_the_row_comes_back_with_it() -> None:
    data = inspect(arduino(extra=NAME[0] + b"lamp" + NAME[1])).as_data()
    read = from_data(
        json.loads(json.dumps({**data, "warnings": [*data["warnings"], "Somebody added this."]}))
    )
    assert read.warnings == ("The Homie magic is incomplete: it has only the name.", "Somebody added this.")


# --- Real files

GOOD = {
    "derlucas-sonoff-relay-1.0.1-generic.bin": (
        "esp8266", 1 << 20, "dio", "40m", ("sonoff-relay", "1.0.1", "sonoff-switch"), "",
        ("SDK 1.5.3(aec24ac9)", "Arduino core 2.3.0", "beside the Homie magic 2.0.0"),
    ),
    "derlucas-sonoff-relay-1.0.1-nodemcu.bin": (
        "esp8266", 4 << 20, "dio", "40m", ("sonoff-relay", "1.0.1", "sonoff-switch"), "",
        ("SDK 1.5.3(aec24ac9)", "Arduino core 2.3.0", "beside the Homie magic 2.0.0"),
    ),
    "esphome-hgdo.bin": (
        "esp8266", 4 << 20, "dout", "40m", ("", "", ""), "2026-07-05T21:12:11",
        ("SDK 2.2.2-dev(38a443e)", "ESPHome 2026.6.2"),
    ),
    "esptool-idf-blink-s2.bin": (
        "esp32-s2", 2 << 20, "dio", "80m", ("", "", ""), "2022-09-13T19:46:07",
        ("ESP-IDF v5.0-beta1-427-g4532e6e0b2-dirt",),
    ),
    "esptool-signed-hello-world.bin": (
        "esp32", 2 << 20, "dio", "40m", ("", "", ""), "2019-06-19T14:43:38",
        ("ESP-IDF v3.3-beta3-21-g0706bd0d1-dirty",),
    ),
    "nodemcu-dev.bin": (
        "esp8266", 512 << 10, "qio", "40m", ("", "", ""), "2014-12-09", ("NodeMCU 0.9.2", "Lua 5.1.4"),
    ),
    "skoona-Monitor-DHT-RCWL-Metrics-2.0.0.bin": (
        "esp8266", 4 << 20, "dio", "40m", ("Monitor-DHT-RCWL-Metrics", "2.0.0", "SknSensors"), "",
        ("SDK 2.2.2-dev(38a443e)", "beside the Homie magic 3.0.0", "beside the Homie magic 3.0.1"),
    ),
    "skoona-sknSensors-IRService.d1_mini-0.2.0.bin": (
        "esp8266", 4 << 20, "dio", "40m", ("sknSensors-IRService.d1_mini", "0.2.0", "sknSensors"), "",
        (
            "SDK 3.0.0-dev(c0f7b44)", "Arduino core 2.5.0",
            "beside the Homie magic 3.0.0", "beside the Homie magic 3.0.1",
        ),
    ),
}  # fmt: skip


@pytest.mark.parametrize("filename", GOOD)
def test_real_images_are_read_as_their_makers_made_them(shared: Path, filename: str) -> None:
    seen = in_pieces((shared / "firmware" / "good" / filename).read_bytes(), 100_000)
    told = (seen.name, seen.version, seen.brand)
    flash = (seen.flash_size, seen.flash_mode, seen.flash_frequency)
    assert (seen.chip, *flash, told, seen.compiled, seen.versions) == GOOD[filename]
    assert (seen.kind, seen.warnings, refusal(seen)) == ("application", (), None)
    assert CheckResult.WRONG not in {check.result for check in seen.checks}


def test_a_real_image_of_a_core_between_two_keeps_its_crc_before_the_sketch(shared: Path) -> None:
    data = (shared / "firmware" / "good" / "skoona-Monitor-DHT-RCWL-Metrics-2.0.0.bin").read_bytes()
    assert Check("crc32", "image", CheckResult.VERIFIED, "87D4A950") in inspect(data).checks


WRONG = {
    "TimerOne-r11.zip": ("archive", "impossible", "a zip archive"),
    "blank-4k.bin": ("erased", "impossible", "erased flash, nothing but FF"),
    "esp_init_data_default.bin": ("rf-init", "impossible", "settings of the radio"),
    "esptool-bootloader-esp32c3.bin": ("boot-loader", "refusal", "a boot loader alone"),
    "esptool-encrypted-hello-world.bin": ("encrypted", "impossible", "looks random from its first byte on"),
    "heidelbridge-bootloader-esp32.bin": ("boot-loader", "refusal", "a boot loader alone"),
    "heidelbridge-partitions.bin": ("partition-table", "impossible", "a partition table"),
    "nodemcu-0x00000.bin": ("split-half", "refusal", "the first half of an image that was split"),
    "nodemcu-0x10000-irom.bin": ("split-half", "impossible", "the second half of an image that was split"),
    "onebyte.bin": ("text", "impossible", "a text file"),
    "wemos-motor_shield-stm32.bin": ("foreign", "impossible", "a program for an ARM Cortex-M"),
    "zerolength.bin": ("empty", "impossible", "an empty file"),
}


@pytest.mark.parametrize("filename", WRONG)
def test_real_wrong_uploads_are_refused_each_with_its_own_sentence(shared: Path, filename: str) -> None:
    seen = inspect((shared / "firmware" / "wrong" / filename).read_bytes())
    stopping = refusal(seen)
    assert stopping is not None
    assert (seen.kind, stopping.severity) == WRONG[filename][:2]
    said = sentence(filename, stopping)
    assert said.startswith(f"{filename}: this ")
    assert WRONG[filename][2] in said
    assert "pload" in stopping.advice


def test_all_real_files_are_in_these_tables(shared: Path) -> None:
    for folder, table in (("good", GOOD), ("wrong", WRONG)):
        assert {path.name for path in (shared / "firmware" / folder).iterdir()} == set(table)
