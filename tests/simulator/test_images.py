"""The sample images hold what esp-image.md says a real one holds."""

from __future__ import annotations

from functools import reduce
from hashlib import md5
from operator import xor
from struct import unpack_from

import pytest

from homie_ota.esp.image import CheckResult, inspect
from homie_ota.simulator.images import (
    FLASH_SIZES,
    SKETCH_OFFSET,
    Sketch,
    make_image,
    read_sketch,
    with_flash_mode,
)
from homie_ota.simulator.images32 import make_image_32


def walk(image: bytes, start: int) -> int:
    """The end of the image that begins at `start`, its checksum proven byte by byte."""
    magic, segments = image[start], image[start + 1]
    assert magic == 0xE9
    at, checksum = start + 8, 0xEF
    for _ in range(segments):
        _, length = unpack_from("<II", image, at)
        checksum = reduce(xor, image[at + 8 : at + 8 + length], checksum)
        at += 8 + length
    at += 15 - (at - start) % 16
    assert image[at] == checksum
    return at + 1


@pytest.mark.parametrize("size", [100, 8192, 40_960, 40_961, 450_123])
def test_the_second_image_ends_exactly_with_the_file(size: int) -> None:
    image = make_image("lamp", "1.0.0", size=size)
    assert walk(image, SKETCH_OFFSET) == len(image)
    assert 0 <= len(image) - max(size, 0x2000) < 16


def test_the_boot_loaders_image_comes_first() -> None:
    assert walk(make_image("lamp", "1.0.0"), 0) < SKETCH_OFFSET


def test_the_magic_tells_name_version_and_brand() -> None:
    image = make_image("awesome.lamp_d1", "1.0.3", "acme")
    assert b"%HOMIE_ESP8266_FW%" in image
    assert b"\xbf\x84\xe4\x13\x54awesome.lamp_d1\x93\x44\x6b\xa7\x75" in image
    assert b"\x6a\x3f\x3e\x0e\xe11.0.3\xb0\x30\x48\xd4\x1a" in image
    assert b"\xfb\x2a\xf5\x68\xc0acme\x6e\x2f\x0f\xeb\x2d" in image


def test_an_image_without_brand_has_no_brand_mark() -> None:
    assert b"\xfb\x2a\xf5\x68\xc0" not in make_image("lamp", "1.0.0")


def test_an_image_for_homie_1_has_no_magic() -> None:
    assert b"HOMIE_ESP8266" not in make_image("lamp", "1.0.0", homie=False)


@pytest.mark.parametrize(("flash_size", "nibble"), sorted(FLASH_SIZES.items()))
def test_the_header_tells_flash_mode_and_size(flash_size: int, nibble: int) -> None:
    image = make_image("lamp", "1.0.0", flash_mode="dout", flash_size=flash_size)
    for start in (0, SKETCH_OFFSET):
        assert image[start + 2] == 3
        assert image[start + 3] >> 4 == nibble


def test_the_same_arguments_give_the_same_bytes_and_a_seed_gives_others() -> None:
    assert make_image("lamp", "1.0.0") == make_image("lamp", "1.0.0")
    assert len({make_image("lamp", "1.0.0", seed=seed) for seed in range(3)}) == 3


def test_rewriting_the_flash_mode_changes_one_byte() -> None:
    image = make_image("lamp", "1.0.0", flash_mode="dio")
    assert (
        with_flash_mode(image, 3) == make_image("lamp", "1.0.0", flash_mode="dio")[:2] + b"\x03" + image[3:]
    )


@pytest.mark.parametrize("homie", [True, False])
def test_a_device_knows_the_image_it_boots(homie: bool) -> None:
    image = make_image("lamp", "1.0.3", "acme", homie=homie)
    assert read_sketch(image) == Sketch(
        "lamp", "1.0.3", "acme" if homie else "", md5(image).hexdigest(), len(image), homie
    )


def test_what_is_no_image_has_no_name() -> None:
    assert read_sketch(b"\xe9")[:3] == ("", "", "")


@pytest.mark.parametrize("size", [1, 40_960, 400_000])
def test_a_sample_for_esp32_homie_is_a_whole_esp32_application_that_its_device_knows(size: int) -> None:
    image = make_image_32("lamp", "2.0.0", size=size)
    found = inspect(image)
    assert (found.chip, found.kind) == ("esp32", "application")
    assert found.descriptor is not None
    assert found.findings == ()
    assert {each.result for each in found.checks} == {CheckResult.VERIFIED, CheckResult.ABSENT}
    assert abs(len(image) - max(size, 4096)) < 1024
    sketch = read_sketch(image)
    assert (sketch.name, sketch.version, sketch.md5) == ("lamp", "2.0.0", md5(image).hexdigest())
    assert make_image_32("lamp", "2.0.0", size=size) == image
