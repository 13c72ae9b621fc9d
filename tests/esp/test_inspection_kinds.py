"""Every kind of file is told by its own name, with its chip, and with a way on; see catalogue.py for the truth."""

from __future__ import annotations

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from esp import builders, sealed
from esp.builders import CHIPS, SKETCH
from esp.catalogue import ACCEPTED, BY_NAME, CASES, CLEAN, REAL_WRONG, Case
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


def test_real_good_files_are_taken_and_verified(shared: Path) -> None:
    for path in sorted((shared / "firmware" / "good").iterdir()):
        seen = inspect(path.read_bytes())
        assert (path.name, seen.kind, refusal(seen)) == (path.name, "application", None)
        assert [check for check in seen.checks if check.result is CheckResult.WRONG] == []
        assert any(check.result is CheckResult.VERIFIED for check in seen.checks)


def test_real_wrong_files_are_refused_for_what_they_are(shared: Path) -> None:
    for path in sorted((shared / "firmware" / "wrong").iterdir()):
        seen = inspect(path.read_bytes())
        assert seen.kind in REAL_WRONG[path.name], path.name
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
