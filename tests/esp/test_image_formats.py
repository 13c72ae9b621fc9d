"""What each format stores about itself is verified, and what it cannot tell is said."""

from __future__ import annotations

from hashlib import md5, sha256
from struct import pack

import pytest

from esp import builders, merged, sealed
from esp.builders import (
    SKETCH,
    Piece,
    app,
    arduino,
    crc32_msb,
    descriptor,
    image,
    noise,
)
from esp.merged import factory, partition_table
from homie_ota.esp.image import CheckResult, Inspection, Severity, inspect, refusal


def codes(seen: Inspection) -> list[str]:
    return [finding.code for finding in seen.findings]


def result(seen: Inspection, what: str, part: str) -> CheckResult | None:
    """What came of one check, None when it was not made."""
    return next((check.result for check in seen.checks if (check.what, check.part) == (what, part)), None)


def with_bytes(data: bytes, at: int, new: bytes) -> bytes:
    return data[:at] + new + data[at + len(new) :]


# --- ESP8266, Arduino core


def crc_before_the_sketch(data: bytes) -> bytes:
    """As cores of 2.6 have it: length and CRC in the last eight bytes before the sketch."""
    crc = crc32_msb(with_bytes(data, 0xFF8, bytes(8)))
    return with_bytes(data, 0xFF8, pack("<II", len(data), crc))


def test_a_crc_before_the_sketch_is_verified_beside_the_checksum() -> None:
    seen = inspect(crc_before_the_sketch(arduino()))
    assert seen.findings == ()
    assert result(seen, "crc32", "image") is CheckResult.VERIFIED
    assert result(seen, "checksum", "sketch") is CheckResult.VERIFIED


def test_a_header_changed_under_a_crc_before_the_sketch_is_found() -> None:
    seen = inspect(with_bytes(crc_before_the_sketch(arduino()), SKETCH + 2, b"\0"))
    assert codes(seen) == ["bad-crc"]
    assert result(seen, "checksum", "sketch") is CheckResult.VERIFIED


def test_a_length_before_the_sketch_that_is_not_the_files_is_refused() -> None:
    data = with_bytes(crc_before_the_sketch(arduino()), 0xFF8, pack("<I", 0x4000))
    assert codes(inspect(data)) == ["bad-length"]


def test_code_that_happens_to_look_like_a_length_is_no_crc() -> None:
    odd = with_bytes(arduino(), SKETCH + 16, pack("<I", 0x8000))
    total = arduino()[SKETCH + 16 : SKETCH + 20]
    fix = odd[-1] ^ total[0] ^ total[1] ^ total[2] ^ total[3] ^ 0x80
    seen = inspect(odd[:-1] + bytes((fix,)))
    assert seen.findings == ()
    assert result(seen, "crc32", "image") is CheckResult.ABSENT


def test_what_an_xor_does_not_cover_is_said_where_there_is_no_crc() -> None:
    assert result(inspect(arduino()), "headers", "image") is CheckResult.UNKNOWN
    assert result(inspect(builders.arduino_crc()), "headers", "image") is None


@pytest.mark.parametrize(
    ("at", "new", "code"),
    [
        (SKETCH + 3, b"\x20", "flash-disagrees"),
        (SKETCH + 4, pack("<I", 0x40000000), "odd-entry"),
        (SKETCH + 4, pack("<I", 0x40201020), "odd-entry"),
        (0xF00, b"\0", "odd-filling"),
        (SKETCH + 8, pack("<I", 0x40202010), "bad-segment"),
        (8, pack("<I", 0x10000000), "bad-segment"),
    ],
)
def test_odd_headers_are_noticed_even_without_a_crc(at: int, new: bytes, code: str) -> None:
    seen = inspect(with_bytes(arduino(), at, new))
    assert code in codes(seen)
    assert (refusal(seen) is not None) == (code == "bad-segment")


def test_two_segments_in_the_same_memory_are_odd() -> None:
    pieces = [*builders.sketch_pieces()[:2], Piece(0x40100010, noise(64))]
    boot = arduino()[:SKETCH]
    assert codes(inspect(boot + image(pieces, 2, 0x40, 0x40100004))) == ["odd-segment"]


def test_a_header_that_names_less_flash_than_the_file_needs_is_warned_of() -> None:
    pieces = [Piece(0x40201010, noise(600_000)), Piece(0x40100000, noise(64))]
    data = builders.arduino()[:SKETCH] + image(pieces, 2, 0x00, 0x40100004)
    assert "larger-than-flash" in codes(inspect(with_bytes(data, 3, b"\0")))


# --- ESP8266, others


def micropython(code: bytes = noise(3000, "irom0")) -> bytes:
    """Both halves, the length before the second one, an MD5 behind it: as the port's own script makes it."""
    data = builders.plain().ljust(0x8FFC, b"\xff") + pack("<I", 0x9000 + len(code)) + code
    return data + md5(data[4:]).digest()


def test_micropython_is_verified_by_its_md5() -> None:
    seen = inspect(micropython())
    assert (seen.kind, seen.findings) == ("application", ())
    assert result(seen, "md5", "image") is result(seen, "length", "image") is CheckResult.VERIFIED
    assert [part.what for part in seen.parts] == ["image", "code in flash"]


def test_the_first_four_bytes_of_micropython_may_be_those_of_another_flash_chip() -> None:
    assert inspect(with_bytes(micropython(), 2, b"\x02\x40")).findings == ()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (with_bytes(micropython(), 0x9100, bytes(3)), "bad-md5"),
        (micropython()[:-1], "truncated"),
        (micropython()[:-2000], "truncated"),
        (micropython() + b"\xff" * 64, "trailing"),
    ],
)
def test_a_damaged_micropython_is_refused(data: bytes, code: str) -> None:
    assert codes(inspect(data)) == [code]


def rtos_sdk() -> bytes:
    """ESP8266_RTOS_SDK 3: header of 8 bytes, a descriptor, a SHA-256 behind the checksum."""
    pieces = [Piece(0x40210010, descriptor() + noise(2000)), Piece(0x40100000, noise(256))]
    built = image(pieces, 2, 0x20, 0x40100004)
    return built + sha256(built).digest()


def test_an_application_of_the_rtos_sdk_tells_of_itself_and_is_verified() -> None:
    seen = inspect(rtos_sdk())
    assert (seen.kind, seen.chip, seen.findings) == ("application", "esp8266", ())
    assert seen.descriptor is not None
    assert (seen.descriptor.project, seen.compiled) == ("hall-lamp", "2024-06-26T20:11:05")
    assert result(seen, "sha256", "image") is CheckResult.VERIFIED
    assert codes(inspect(rtos_sdk()[:-1] + b"\0")) == ["bad-hash"]


def test_code_without_a_checksum_of_its_own_is_said_to_have_none() -> None:
    seen = inspect(builders.nodemcu())
    assert result(seen, "checksum", "code in flash") is CheckResult.UNKNOWN
    assert result(seen, "length", "code in flash") is CheckResult.UNKNOWN


# --- ESP32 family


def test_a_chip_from_after_this_program_is_walked_and_said_to_be_unknown() -> None:
    data = with_bytes(app("esp32-c3", hashed=False), 12, pack("<H", 4711))
    seen = inspect(data)
    assert (seen.chip, seen.flash_size, refusal(seen)) == ("", 0, None)
    assert "a chip that is not known here (id 4711)" in seen.warnings[0]
    assert result(seen, "checksum", "app") is CheckResult.VERIFIED


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (
            lambda data: with_bytes(data, len(data) - 4096 + 10, b"\0\0"),
            "bad-signature",
        ),  # the hash in the block
        (lambda data: with_bytes(data, len(data) - 4096 + 1196, b"\0\0"), "bad-signature"),  # its CRC
        (lambda data: data[:-4096] + noise(4096), "trailing"),
        (lambda data: data[:-4096], "padded"),
    ],
)
def test_a_signature_that_is_not_this_images_is_refused(change: object, code: str) -> None:
    assert callable(change)
    assert code in codes(inspect(change(sealed.secure_boot_2("esp32-s3"))))


def test_a_signed_image_says_so_and_that_only_the_key_can_verify_it() -> None:
    seen = inspect(sealed.secure_boot_2("esp32-s3"))
    assert seen.signed
    assert result(seen, "signature", "app") is CheckResult.UNKNOWN
    assert [(each.code, each.severity) for each in seen.findings] == [("signed", Severity.NOTE)]


def test_a_segment_that_the_chip_would_see_at_another_place_is_refused() -> None:
    pieces = builders.app_pieces("esp32")
    moved = pieces[-1]._replace(address=pieces[-1].address + 16)
    data = image([*pieces[:-1], moved], 2, 0x20, 0x40080040, builders.extended("esp32", hashed=False))
    assert codes(inspect(data)) == ["bad-segment"]
    assert "does not see byte" in inspect(data).findings[0].text


# --- Merged images and tables


def test_the_application_inside_a_merged_image_is_walked_and_described() -> None:
    seen = inspect(factory("esp32"))
    assert [(part.what, part.offset) for part in seen.parts] == [
        ("boot loader", 0x1000), ("partition table", 0x8000), ("app in app0", 0x10000),
    ]  # fmt: skip
    assert seen.descriptor is not None
    assert (seen.descriptor.project, seen.chip) == ("hall-lamp", "esp32")
    assert result(seen, "sha256", "app in app0") is CheckResult.VERIFIED
    assert result(seen, "md5", "partition table") is CheckResult.VERIFIED


def test_a_merged_image_that_begins_with_the_boot_loader_is_read_from_there() -> None:
    seen = inspect(factory("esp32")[0x1000:])
    assert [(part.what, part.offset) for part in seen.parts][2:] == [("app in app0", 0xF000)]
    assert codes(seen) == ["factory"]


def test_a_damaged_application_in_a_merged_image_is_said_beside_the_refusal() -> None:
    data = factory("esp32-c3")
    assert codes(inspect(with_bytes(data, 0x10400, b"\0\0"))) == ["factory", "bad-checksum"]
    assert codes(inspect(data[:-40])) == ["factory", "truncated"]
    assert codes(inspect(data[:0x10000])) == ["factory", "no-application"]


def test_partitions_that_overlap_are_each_read_once_at_most() -> None:
    rows = [
        pack("<2sBBII16sI", b"\xaa\x50", 0, 0x10 + n, 0x10000 + n * 0x1000, 0x100000, b"x", 0)
        for n in range(90)
    ]
    table = b"".join(rows).ljust(3072, b"\xff")
    data = factory("esp32-c3")
    data = with_bytes(data, 0x8000, table)[:0x10000] + app("esp32-c3", code_bytes=300_000)
    seen = inspect(data)
    assert [part.offset for part in seen.parts] == [0, 0x8000, 0x10000]


def test_a_table_alone_is_verified_too() -> None:
    table = partition_table()
    assert result(inspect(table), "md5", "partition table") is CheckResult.VERIFIED
    assert result(inspect(with_bytes(table, 4, b"\0\x20")), "md5", "partition table") is CheckResult.WRONG
    assert result(inspect(table[:64]), "md5", "partition table") is CheckResult.UNKNOWN
    assert result(inspect(table[:96] + b"\xff" * 96), "md5", "partition table") is CheckResult.ABSENT
    assert result(inspect(b"\xaa\x50" + bytes(62)), "rows", "partition table") is CheckResult.WRONG


def test_the_choice_of_the_application_is_verified() -> None:
    data = merged.boot_app0()
    assert result(inspect(data), "crc32", "boot_app0") is CheckResult.VERIFIED
    assert result(inspect(with_bytes(data, 28, b"\0")), "crc32", "boot_app0") is CheckResult.WRONG
