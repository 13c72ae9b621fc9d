"""May this device get this firmware? One table of answers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from homie_ota.model import Firmware, Way
from homie_ota.rollout.eligibility import OVERRIDABLE, Candidate, judge

LAMP = Firmware(
    sha256="f" * 64, md5="b" * 32, name="lamp", version="2.0.0", filename="lamp-2.0.0.bin", size=400_000,
    chip="esp8266", flash_size=1 << 20,
)  # fmt: skip
DEVICE = Candidate(
    "hall-lamp", Way.MQTT, implementation="esp8266", ota_enabled=True, fw_name="lamp", md5="a" * 32
)


def test_an_older_build_of_the_same_name_may_be_replaced() -> None:
    assert judge(DEVICE, LAMP).allowed


@pytest.mark.parametrize(
    ("device", "code", "word"),
    [
        (replace(DEVICE, way=Way.NONE, way_evidence="it announces no OTA topics"), "no-way", "no OTA topics"),
        (replace(DEVICE, ota_enabled=False), "ota-disabled", "ota.enabled"),
        (replace(DEVICE, md5=LAMP.md5), "runs-it", "already"),
        (replace(DEVICE, way=Way.HTTP, md5="", fw_version="2.0.0"), "runs-it", "new version"),
        (replace(DEVICE, implementation="esp32"), "wrong-chip", "ESP32 build"),
        (replace(DEVICE, free_space=399_999), "too-large", "399999"),
        (replace(DEVICE, chip_size=512 * 1024), "flash-too-small", "512 KB"),
        (replace(DEVICE, way=Way.HTTP, md5="", offer_fits=False), "unnameable", "16 characters"),
        (replace(DEVICE, offer_fits=False), "unnameable", "128 characters"),
    ],
)
def test_a_refusal_says_why(device: Candidate, code: str, word: str) -> None:
    verdict = judge(device, LAMP)
    assert not verdict.allowed
    assert verdict.code == code
    assert word in " ".join(verdict.reasons)
    assert "hall-lamp" in " ".join(verdict.reasons)


def test_what_is_not_known_refuses_nothing() -> None:
    assert judge(Candidate("x", Way.MQTT), replace(LAMP, chip="", flash_size=0)).allowed


@pytest.mark.parametrize("chip", ["esp32", "esp32s3", "esp32c3"])
def test_an_esp32_of_any_variant_says_only_its_family(chip: str) -> None:
    assert judge(replace(DEVICE, implementation="esp32"), replace(LAMP, chip=chip)).allowed


def test_a_typed_reason_lifts_what_can_be_wrong_about_our_knowledge_and_shows_it_as_a_warning() -> None:
    wrong_chip = replace(DEVICE, implementation="esp32")
    lifted = judge(wrong_chip, LAMP, "I soldered an ESP8266 in")
    assert lifted.allowed
    assert any("ESP8266 image" in each for each in lifted.warnings)
    assert not judge(wrong_chip, LAMP, "   ").allowed


def test_a_typed_reason_does_not_lift_what_can_never_work() -> None:
    assert not judge(replace(DEVICE, ota_enabled=False), LAMP, "please").allowed
    assert "no-way" not in OVERRIDABLE


def test_an_image_of_a_later_generation_warns_that_the_address_will_change() -> None:
    old = replace(DEVICE, way=Way.HTTP, md5="", fw_version="1.0.0")
    assert "another base topic" in " ".join(judge(old, replace(LAMP, magic=True)).warnings)
    assert judge(old, LAMP).warnings == ()
    assert judge(DEVICE, replace(LAMP, magic=True)).warnings == ()


def test_another_firmware_name_is_a_warning_and_no_refusal() -> None:
    verdict = judge(replace(DEVICE, fw_name="old-lamp"), LAMP)
    assert verdict.allowed
    assert "old-lamp" in " ".join(verdict.warnings)
