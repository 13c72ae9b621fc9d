"""Files that look like something else, and names that are not what they seem."""

from __future__ import annotations

import json
from hashlib import sha256
from struct import pack

import pytest

from esp import builders, merged, sealed, strangers
from esp.builders import CHIPS, LEFT_RIGHT, magic
from homie_ota.esp.image import inspect, refusal


def test_an_encrypted_image_that_happens_to_begin_with_e9_is_refused() -> None:
    taken = [seed for seed in range(200) if refusal(inspect(sealed.encrypted(seed, first=0xE9))) is None]
    assert taken == []


@pytest.mark.parametrize("magic_word", [b"\xe9", b"\xe9\x01", b"\xe9\x04\x02\x40", b"\xe9\x10\x03\xff"])
def test_other_files_behind_the_first_bytes_of_an_image_are_refused(magic_word: bytes) -> None:
    others = (
        strangers.html(),
        strangers.zipped(),
        bytes(4096),
        b"\xff" * 4096,
        strangers.text(),
        strangers.elf(),
    )
    taken = [n for n, other in enumerate(others) if refusal(inspect(magic_word + other)) is None]
    assert taken == []


@pytest.mark.parametrize("chip", [name for name, about in CHIPS.items() if about.boot == 0])
def test_a_factory_image_that_looks_like_a_good_boot_loader_is_a_factory_image(chip: str) -> None:
    seen = inspect(merged.factory(chip))
    assert (seen.kind, seen.chip) == ("factory", chip)
    found = refusal(seen)
    assert found is not None
    assert found.advice


@pytest.mark.parametrize("chip", CHIPS)
def test_a_factory_image_padded_to_the_whole_flash_stays_one(chip: str) -> None:
    seen = inspect(merged.factory(chip).ljust(1 << 20, b"\xff"))
    assert seen.kind == "factory"


@pytest.mark.parametrize("table_at", [0x9000, 0xC000, 0xF000, 0x10000, 0x12000])
@pytest.mark.parametrize("chip", ["esp32", "esp32-c3"])
def test_a_factory_image_with_its_table_elsewhere_is_refused_too(chip: str, table_at: int) -> None:
    """A large boot loader moves the table (`CONFIG_PARTITION_TABLE_OFFSET`)."""
    boot = b"".ljust(CHIPS[chip].boot, b"\xff") + merged.boot_loader(chip)
    data = boot.ljust(table_at, b"\xff") + merged.partition_table()
    data = data.ljust(0x20000, b"\xff") + builders.app(chip)
    for whole in (data, data[CHIPS[chip].boot :], data.ljust(1 << 20, b"\xff")):
        assert refusal(inspect(whole)) is not None


def test_bytes_like_a_partition_table_inside_an_application_do_not_make_it_a_factory_image() -> None:
    """AA 50 at 0x8000 is the tell; a long segment of constants may have it there by chance."""
    pieces = builders.app_pieces("esp32-c3")
    long = bytearray(builders.noise(0x9000, "long"))
    at_in_file = 24 + 8 + len(pieces[0].data) + 8
    at = 0x8000 - at_in_file
    long[at : at + 2] = b"\xaa\x50"
    data = builders.image(
        [pieces[0], builders.Piece(0x42010000 + at_in_file, bytes(long))],
        2,
        0x20,
        0x40380040,
        builders.extended("esp32-c3"),
    )
    data += sha256(data).digest()
    assert data[0x8000:0x8002] == b"\xaa\x50"
    seen = inspect(data)
    assert (seen.kind, refusal(seen)) == ("application", None)


def test_an_application_is_no_boot_loader_only_because_it_is_small() -> None:
    for chip in CHIPS:
        pieces = builders.app_pieces(chip, extra=b"")[:2] + builders.app_pieces(chip, extra=b"")[3:]
        data = builders.image(pieces, 2, 0x20, CHIPS[chip].iram, builders.extended(chip))
        seen = inspect(data + sha256(data).digest())
        assert seen.kind == "application", chip


def test_the_application_for_an_esp8266_is_not_taken_for_an_esp32_and_the_other_way_round() -> None:
    """There is no chip id in an ESP8266's header, only code where an ESP32 has one."""
    for seed in range(40):
        assert inspect(builders.arduino(seed)).chip == "esp8266"
        assert inspect(builders.plain(seed)).chip == "esp8266"
        assert inspect(builders.app("esp32", seed)).chip == "esp32"


def test_the_segment_count_at_its_limits() -> None:
    def with_segments(count: int) -> bytes:
        pieces = [builders.Piece(0x3FC88000 + 64 * n, builders.noise(32, n)) for n in range(count - 1)]
        first = builders.Piece(0x3C000020, builders.descriptor())
        data = builders.image([first, *pieces], 2, 0x20, 0x40380040, builders.extended("esp32-c3"))
        return data + sha256(data).digest()

    assert refusal(inspect(with_segments(16))) is None
    for count in (17, 100, 255):
        assert refusal(inspect(with_segments(count))) is not None


def test_no_segments_at_all_are_no_application() -> None:
    for chip in ("esp32", "esp32-c3"):
        data = builders.image([], 2, 0x20, CHIPS[chip].iram, builders.extended(chip))
        assert refusal(inspect(data + sha256(data).digest())) is not None
    assert refusal(inspect(builders.image([], 2, 0x20, 0x40100004))) is not None


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x80000000, 0x01000000, 0xFFFFFFF8])
def test_a_segment_that_claims_gigabytes_is_refused_at_once(length: int) -> None:
    data = bytearray(builders.app("esp32"))
    data[28:32] = pack("<I", length)
    seen = inspect(bytes(data))
    assert refusal(seen) is not None
    assert all(segment.length <= 0xFFFFFFFF for part in seen.parts for segment in part.segments)


# --- The magic ----------------------------------------------------------------------------------------------------


def test_names_that_disagree_are_warned_of_and_all_are_kept() -> None:
    seen = inspect(builders.arduino(extra=magic("lamp", "1.0.0") + magic("other", "1.0.0")))
    assert seen.name == "lamp"
    assert {value for word, value in seen.magic if word == "name"} == {"lamp", "other"}
    assert seen.warnings
    assert refusal(seen) is None


def test_the_same_name_twice_is_nothing_to_warn_of() -> None:
    seen = inspect(builders.arduino(extra=magic() + magic()))
    assert (seen.name, seen.warnings) == ("hall-lamp", ())


def test_a_thousand_names_are_not_all_kept() -> None:
    seen = inspect(b"".join(magic(f"lamp{n}", "1") for n in range(1000)))
    assert len(seen.magic) <= 16


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "<script>alert(1)</script>", "a\0b", "a\nb", "\x1b[31m", "\u202egnp.exe"]
)
def test_hostile_names_are_data_without_control_characters(name: str) -> None:
    seen = inspect(builders.arduino(extra=magic(name, name[:16], "x")))
    assert seen.name.isprintable()
    assert seen.version.isprintable()
    assert json.loads(json.dumps(seen.as_data()))["name"] == seen.name


def test_a_mark_without_its_end_does_not_swallow_the_next_name() -> None:
    (left, right), *_ = LEFT_RIGHT
    seen = inspect(left + b"code" + left + b"lamp" + right)
    assert seen.name == "lamp"
    assert inspect(left + b"n" * 33 + right).name == ""
