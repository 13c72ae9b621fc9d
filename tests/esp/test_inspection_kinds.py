"""Every kind of file is told by its own name, with its chip, and with a way on; see catalogue.py for the truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from struct import pack

import pytest

from esp import builders, merged, sealed, strangers
from esp.builders import CHIPS, LEFT_RIGHT, SKETCH, magic
from esp.catalogue import ACCEPTED, BY_NAME, CASES, CLEAN, Case
from homie_ota.esp.image import (
    KINDS,
    CheckResult,
    Inspection,
    Severity,
    from_data,
    inspect,
    refusal,
    sentence,
)
from homie_ota.simulator.images import make_image

TAKEN = [case for case in CASES if case.verdict in (CLEAN, ACCEPTED)]
REFUSED = [case for case in CASES if case not in TAKEN]


def codes(seen: Inspection) -> set[str]:
    return {finding.code for finding in seen.findings}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_file_is_known_for_what_it_is(case: Case) -> None:
    seen = inspect(case.data)
    assert seen.kind in case.kinds
    assert seen.kind in KINDS
    assert (seen.chip, seen.size) == (case.chip, len(case.data))


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_what_a_device_cannot_run_is_refused_as_gravely_as_it_deserves(case: Case) -> None:
    found = refusal(inspect(case.data))
    assert found is not None
    assert found.severity == case.verdict
    overridden = refusal(inspect(case.data), override="I know what I do")
    assert (overridden is None) == (found.severity is Severity.REFUSAL)


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.name)
def test_each_refusal_is_one_sentence_for_people_with_a_way_on(case: Case) -> None:
    found = refusal(inspect(case.data))
    assert found is not None
    said = sentence("lamp.bin", found)
    assert said.startswith("lamp.bin: ")
    assert "\n" not in said
    assert found.advice
    assert said.isprintable()
    assert len(said) < 500


def test_files_that_need_another_advice_do_not_get_the_same_sentence() -> None:
    names = (
        "empty", "erased", "ELF, Xtensa", "UF2", "Intel HEX", "zip", "HTML", "text", "partition table", "boot_app0",
        "LittleFS", "half at 0x00000", "half at 0x10000", "esp32-c3 factory", "esp32-c3 boot loader", "encrypted",
        "radio settings", "gzip of an image", "STM32", "PNG", "one byte E9",
    )  # fmt: skip
    said = {name: refusal(inspect(BY_NAME[name].data)) for name in names}
    assert None not in said.values()
    assert len({found.text for found in said.values() if found}) == len(names)


@pytest.mark.parametrize("case", TAKEN, ids=lambda case: case.name)
def test_good_applications_are_taken(case: Case) -> None:
    seen = inspect(case.data)
    assert refusal(seen) is None
    assert not any(check.result is CheckResult.WRONG for check in seen.checks)
    if case.verdict == CLEAN:
        assert seen.warnings == ()


@pytest.mark.parametrize("chip", CHIPS)
def test_an_application_of_the_esp32_family_tells_all_about_itself(chip: str) -> None:
    seen = inspect(builders.app(chip, flash=0x30))
    assert (seen.name, seen.version, seen.brand) == ("hall-lamp", "1.0.3", "acme")
    assert (seen.flash_size, seen.flash_mode, seen.signed) == (8 << 20, "dio", False)
    assert seen.compiled.startswith("2024-06-26")
    about = seen.descriptor
    assert about is not None
    assert (about.project, about.version, about.idf, about.secure_version) == (
        "hall-lamp",
        "1.0.3",
        "v5.1.4",
        7,
    )
    assert about.elf_sha256 == sha256(b"elf").hexdigest()
    verified = {check.what for check in seen.checks if check.result is CheckResult.VERIFIED}
    assert {"segments", "checksum", "sha256", "length"} <= verified


def test_an_application_without_a_hash_says_that_it_has_none() -> None:
    seen = inspect(builders.app("esp32-c3", hashed=False))
    assert [check.result for check in seen.checks if check.what == "sha256"] == [CheckResult.ABSENT]


@pytest.mark.parametrize("build", [builders.arduino, builders.arduino_crc])
def test_an_arduino_image_has_two_parts_and_both_are_verified(build: Callable[[], bytes]) -> None:
    seen = inspect(build())
    assert [(part.offset, len(part.segments)) for part in seen.parts] == [(0, 1), (SKETCH, 4)]
    assert [segment.address for segment in seen.parts[1].segments] == [
        0x40201010,
        0x40100000,
        0x401001D0,
        0x3FFE8000,
    ]
    assert (seen.name, seen.version, seen.brand) == ("hall-lamp", "1.0.3", "acme")
    assert (seen.flash_size, seen.flash_mode, seen.flash_frequency) == (4 << 20, "dio", "40m")
    verified = [check.what for check in seen.checks if check.result is CheckResult.VERIFIED]
    assert verified.count("segments") == 2
    assert ("crc32" in verified) == (build is builders.arduino_crc)
    assert "length" in verified


@pytest.mark.parametrize("build", [builders.arduino, builders.arduino_crc])
@pytest.mark.parametrize("length", [256, 512])
def test_a_signed_arduino_image_is_known_as_signed(build: Callable[[], bytes], length: int) -> None:
    seen = inspect(sealed.signed(build(), length))
    assert (seen.kind, seen.signed) == ("application", True)
    assert refusal(seen) is None


def test_an_unsigned_image_is_not_called_signed() -> None:
    assert [case.name for case in TAKEN if inspect(case.data).signed] == [
        case.name for case in TAKEN if "signed" in case.name or "secure boot" in case.name
    ]


@pytest.mark.parametrize("size", [0x2000, 40_960, 600_000])
@pytest.mark.parametrize("homie", [True, False])
def test_the_images_of_the_virtual_fleet_pass(size: int, homie: bool) -> None:
    seen = inspect(make_image("lamp", "1.0.0", "acme", size=size, homie=homie))
    assert refusal(seen) is None
    assert (seen.chip, seen.name) == ("esp8266", "lamp" if homie else "")
    assert seen.warnings == () or not homie


# --- Wolves in sheep's clothing -----------------------------------------------------------------------------------


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


# --- Secrets ------------------------------------------------------------------------------------------------------

KEY_LINE = "MIIEowIBAAKCAQEAsecretsecretsecretsecretsecretsecretsecretsecret"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\n{KEY_LINE}\n{KEY_LINE}\n-----END RSA PRIVATE KEY-----\n".encode()


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        (b"mqtt://user:hunter2hunter2@broker.example:1883\0", "hunter2hunter2"),
        (b"http://admin:s3cretPassw0rd@10.0.0.1/ota\0", "s3cretPassw0rd"),
        (PEM, KEY_LINE),
        (b"wifi=correct-horse-battery\0", "correct-horse-battery"),
    ],
)
def test_a_secret_in_an_image_is_warned_of_and_never_repeated(secret: bytes, shown: str) -> None:
    data = builders.arduino(extra=magic() + b"\0" + secret)
    seen = inspect(data, known_secrets=[("the Wi-Fi password", b"correct-horse-battery")])
    assert any(code.startswith("secret") for code in codes(seen))
    assert refusal(seen) is None
    assert shown not in json.dumps(seen.as_data())
    assert shown not in " ".join(seen.warnings)


@pytest.mark.parametrize(
    "harmless",
    [
        b"http://example.org/path\0", b"mqtt://%s:%s@%s:%d\0", b"http://10.0.0.1:8080/a@b\0",
        b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", b"-----BEGIN PUBLIC KEY-----\n",
        b"user:password@ is no address\0", b"://\0", b"mailto:somebody@example.org\0",
    ],
)  # fmt: skip
def test_what_only_looks_like_a_secret_is_not_warned_of(harmless: bytes) -> None:
    assert inspect(builders.arduino(extra=magic() + b"\0" + harmless)).warnings == ()


def test_without_the_scan_nothing_is_said_of_secrets() -> None:
    data = builders.arduino(extra=magic() + PEM)
    assert not any(code.startswith("secret") for code in codes(inspect(data, scan_secrets=False)))


# --- Rows ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_inspection_comes_back_from_its_row_as_it_was(case: Case) -> None:
    seen = inspect(case.data)
    assert from_data(json.loads(json.dumps(seen.as_data()))) == seen


@pytest.mark.parametrize(
    "row", [{}, {"warnings": ["old"], "magic": True}, {"magic": False}, {"parts": None}, {"checks": [1]}]
)
def test_rows_of_older_versions_are_read(row: dict[str, object]) -> None:
    seen = from_data(row)
    assert seen.kind
    assert isinstance(seen.magic, tuple)
    assert [*seen.warnings] == row.get("warnings", [])


# --- Real files ---------------------------------------------------------------------------------------------------

WRONG = {
    "TimerOne-r11.zip": "archive",
    "blank-4k.bin": "erased",
    "esp_init_data_default.bin": "rf-init",
    "esptool-bootloader-esp32c3.bin": "boot-loader",
    "esptool-encrypted-hello-world.bin": "encrypted",
    "heidelbridge-bootloader-esp32.bin": "boot-loader",
    "heidelbridge-partitions.bin": "partition-table",
    "nodemcu-0x00000.bin": "split-half",
    "nodemcu-0x10000-irom.bin": "split-half",
    "wemos-motor_shield-stm32.bin": "foreign",
    "zerolength.bin": "empty",
}


def test_real_good_files_are_taken_and_verified(shared: Path) -> None:
    for path in sorted((shared / "firmware" / "good").iterdir()):
        seen = inspect(path.read_bytes())
        assert (path.name, seen.kind, refusal(seen)) == (path.name, "application", None)
        assert [check for check in seen.checks if check.result is CheckResult.WRONG] == []
        assert any(check.result is CheckResult.VERIFIED for check in seen.checks)


def test_real_wrong_files_are_refused_for_what_they_are(shared: Path) -> None:
    for name, kind in WRONG.items():
        seen = inspect((shared / "firmware" / "wrong" / name).read_bytes())
        assert (name, seen.kind) == (name, kind)
        assert refusal(seen) is not None


def test_real_images_cut_short_as_the_field_has_seen_are_refused(shared: Path) -> None:
    """A file cut by 5,000 bytes passes the common tools (esp-image.md)."""
    for path in sorted((shared / "firmware" / "good").iterdir()):
        data = path.read_bytes()
        if path.name != "nodemcu-dev.bin":
            for cut in (1, 16, 5000, len(data) // 2):
                assert refusal(inspect(data[:-cut])) is not None, (path.name, cut)
        else:
            unknown = [check for check in inspect(data[:-5000]).checks if check.result is CheckResult.UNKNOWN]
            assert unknown
