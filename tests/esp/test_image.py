"""What files say about themselves, and what people upload by mistake."""

from __future__ import annotations

from pathlib import Path
from struct import pack

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from homie_ota.esp.image import Inspection, Inspector, clean, inspect
from homie_ota.simulator.images import homie_magic, make_image


def esp32_image(chip_id: int, *, flash: int = 2, mode: int = 2) -> bytes:
    header = bytes((0xE9, 4, mode, flash << 4)) + pack("<I", 0x40081234)
    extended = b"\xee\0\0\0" + pack("<H", chip_id) + bytes(9) + b"\x01"
    return header + extended + pack("<II", 0x3F400020, 4096) + bytes(4096)


def in_pieces(data: bytes, size: int) -> Inspection:
    inspector = Inspector()
    for at in range(0, len(data), size):
        inspector.feed(data[at : at + size])
    return inspector.finish()


def test_an_esp8266_image_tells_name_version_brand_chip_and_flash() -> None:
    seen = inspect(make_image("hall-lamp", "1.0.3", "acme", flash_mode="dout", flash_size=4 << 20))
    assert (seen.name, seen.version, seen.brand, seen.chip) == ("hall-lamp", "1.0.3", "acme", "esp8266")
    assert (seen.flash_size, seen.flash_mode, seen.flash_frequency) == (4 << 20, "dout", "40m")
    assert seen.findings == ()


@pytest.mark.parametrize(
    ("chip_id", "chip"), [(0, "esp32"), (2, "esp32-s2"), (5, "esp32-c3"), (9, "esp32-s3"), (16, "esp32-h2")]
)
def test_the_extended_header_tells_which_esp32(chip_id: int, chip: str) -> None:
    seen = inspect(esp32_image(chip_id))
    assert (seen.chip, seen.flash_size, seen.flash_mode) == (chip, 4 << 20, "dio")


def test_the_same_nibble_means_another_flash_size_on_an_esp32() -> None:
    assert inspect(make_image("a", "1", flash_size=2 << 20)).flash_size == 2 << 20  # nibble 3
    assert inspect(esp32_image(0, flash=3)).flash_size == 8 << 20


def test_an_unknown_chip_is_not_guessed_but_said() -> None:
    seen = inspect(esp32_image(4711))
    assert seen.chip == ""
    assert any("a chip that is not known here (id 4711)" in warning for warning in seen.warnings)


def test_an_image_without_magic_has_neither_name_nor_version() -> None:
    seen = inspect(make_image("lamp", "1.0.0", homie=False))
    assert (seen.name, seen.version, seen.brand, seen.chip) == ("", "", "", "esp8266")


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
    left, right = b"\xbf\x84\xe4\x13\x54", b"\x93\x44\x6b\xa7\x75"
    data = left + b"\0\0code" + left + b"lamp" + right + b"more" + right
    assert inspect(data).name == "lamp"


def test_a_lone_left_mark_swallows_nothing_behind_it() -> None:
    left, right = b"\xbf\x84\xe4\x13\x54", b"\x93\x44\x6b\xa7\x75"
    assert inspect(left + b"x" * 100 + left + b"lamp" + right).name == "lamp"


def test_a_second_name_is_warned_of_and_the_first_one_kept() -> None:
    seen = inspect(make_image("lamp", "1.0.0") + homie_magic("other", "1.0.0"))
    assert seen.name == "lamp"
    assert any("names more than one name" in warning for warning in seen.warnings)


def test_half_a_magic_is_warned_of() -> None:
    magic = homie_magic("lamp", "1.0.0")
    assert any("only the name" in w for w in inspect(magic[: magic.index(b"\x6a\x3f")]).warnings)


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
    data = b"\xbf\x84\xe4\x13\x54" + b"l\xffmp" + b"\x93\x44\x6b\xa7\x75"
    assert inspect(data).name == "l\N{REPLACEMENT CHARACTER}mp"


@given(st.lists(st.binary(max_size=300), max_size=20))
def test_no_bytes_raise_and_what_is_kept_is_bounded(chunks: list[bytes]) -> None:
    inspector = Inspector()
    for chunk in chunks:
        inspector.feed(chunk)
    seen = inspector.finish()
    data = b"".join(chunks)
    assert inspector.size == len(data)
    assert seen == inspect(data)


HOMIE = {
    "derlucas-sonoff-relay-1.0.1-generic.bin": ("sonoff-relay", "1.0.1", "sonoff-switch", 1 << 20),
    "derlucas-sonoff-relay-1.0.1-nodemcu.bin": ("sonoff-relay", "1.0.1", "sonoff-switch", 4 << 20),
    "skoona-Monitor-DHT-RCWL-Metrics-2.0.0.bin": (
        "Monitor-DHT-RCWL-Metrics",
        "2.0.0",
        "SknSensors",
        4 << 20,
    ),
    "skoona-sknSensors-IRService.d1_mini-0.2.0.bin": (
        "sknSensors-IRService.d1_mini",
        "0.2.0",
        "sknSensors",
        4 << 20,
    ),
}
CHIPS = {
    "esphome-hgdo.bin": "esp8266",
    "esptool-idf-blink-s2.bin": "esp32-s2",
    "esptool-signed-hello-world.bin": "esp32",
    "nodemcu-dev.bin": "esp8266",
}


def test_real_homie_images_are_read_as_their_makers_named_them(shared: Path) -> None:
    for filename, expected in HOMIE.items():
        seen = in_pieces((shared / "firmware" / "good" / filename).read_bytes(), 65_536)
        assert (seen.name, seen.version, seen.brand, seen.flash_size) == expected
        assert (seen.chip, seen.flash_mode, seen.warnings) == ("esp8266", "dio", ())
