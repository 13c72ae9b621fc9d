"""Does an image fit beside the one that runs? Known by evidence alone: what the device told, took and refused.

Rule: new and running image, each rounded up to 4 KiB, share the sketch area of an ESP8266 (homie-ota.md rule 17); an
ESP32 has a partition for each. What the chip cannot hold never fits; of the rest the latest evidence counts.
"""

from __future__ import annotations

from homie_ota.model import Firmware
from homie_ota.rollout.eligibility import lessons
from homie_ota.rollout.eligibility.chips import chip_of, family
from homie_ota.rollout.eligibility.lessons import sectors, together
from homie_ota.rollout.eligibility.nouns import Candidate, Fact, Fit, Room

RESERVED = 5 * lessons.SECTOR
"""Behind the sketch area of an ESP8266: one sector of EEPROM, four of the SDK."""

FILES = 128 * 1024
"""Room for files below which we warn: most layouts of a 1 MiB chip give them 64 KiB, some 128 KiB and more."""


def does_fit(device: Candidate, firmware: Firmware) -> Fit:
    """Whether there is room, with the evidence; unknown where nothing tells."""
    impossible = _by_chip(device, firmware)
    if impossible:
        return impossible
    told = (_by_free_space(device, firmware), _by_refusal(device, firmware), _by_success(device, firmware))
    known = [each for each in told if each]
    return max(known, key=lambda each: each.at or 0.0) if known else _unknown(device, firmware)


def left_for_files(device: Candidate, firmware: Firmware) -> int | None:
    """Bytes that remain for the file system of an ESP8266; None where the running image or the chip is not known."""
    limit = _limit(device)
    if limit is None or device.running is None or _is_esp32(device, firmware):
        return None
    return int(limit.value) - RESERVED - together(firmware.size, device.running.size)


def _is_esp32(device: Candidate, firmware: Firmware) -> bool:
    return family(chip_of(device).word or firmware.chip) == "esp32"


def _needs(device: Candidate, firmware: Firmware) -> int:
    """What must be there for this image, with what runs where both share one area and its size is known."""
    if device.running is None or _is_esp32(device, firmware):
        return sectors(firmware.size)
    return together(firmware.size, device.running.size)


def _limit(device: Candidate) -> Fact | None:
    """The size of the flash: of the chip itself, else what the running image is laid out for."""
    chip = device.facts.get(lessons.CHIP_SIZE)
    if chip and chip.number:
        return chip
    if device.running and device.running.flash_size:
        return Fact(str(device.running.flash_size), device.running.evidence)
    return None


def _by_chip(device: Candidate, firmware: Firmware) -> Fit | None:
    limit, needs = _limit(device), _needs(device, firmware)
    if limit is None:
        return None
    most = int(limit.value) - (0 if _is_esp32(device, firmware) else RESERVED)
    if needs <= most:
        return None
    text = (
        f"{_sum(device, firmware, needs)}; {device.device_id} has {_kb(int(limit.value))} of flash in all."
        f" {_SMALLER}"
    )
    return Fit(Room.TOO_LARGE, text, limit.evidence, limit.at, needs)


def _by_free_space(device: Candidate, firmware: Firmware) -> Fit | None:
    """What a 1.5 device said that it has free, brought to what runs now."""
    told, needs = device.facts.get(lessons.FREE_SPACE), _needs(device, firmware)
    free = _free_now(device, firmware)
    if told is None or free is None:
        return None
    if firmware.size <= free:
        text = f"{firmware.size} bytes fit into the {free} that are free beside what runs."
        return Fit(Room.FITS, text, told.evidence, told.at, needs)
    text = (
        f"{firmware.filename} has {firmware.size} bytes; {device.device_id} said that it has {free} bytes free beside "
        f"the running firmware. {_SMALLER}"
    )
    return Fit(Room.TOO_LARGE, text, told.evidence, told.at, needs)


def _free_now(device: Candidate, firmware: Firmware) -> int | None:
    free, then = device.number(lessons.FREE_SPACE), device.facts.get(lessons.SKETCH_MD5, Fact("")).value
    running, size = device.running, device.number(lessons.SKETCH_SIZE)
    if free is None or _is_esp32(device, firmware):
        return free
    if running is None:
        return None if device.md5 and then and device.md5 != then else free
    if size is None or then == running.md5:
        return free
    return free + sectors(size) - sectors(running.size)


def _by_refusal(device: Candidate, firmware: Firmware) -> Fit | None:
    needs = _needs(device, firmware)
    total, size = device.facts.get(lessons.NO_SPACE_TOTAL), device.facts.get(lessons.NO_SPACE_SIZE)
    if total and total.number and device.running and needs >= total.number:
        text = f"{_sum(device, firmware, needs)}; {device.device_id} had less than {_kb(total.number)}. {_SMALLER}"
        return Fit(Room.TOO_LARGE, text, total.evidence, total.at, needs)
    if size and size.number and _stands(device, firmware) and sectors(firmware.size) >= sectors(size.number):
        text = (
            f"{firmware.filename} has {firmware.size} bytes; {device.device_id} refused {size.number} bytes for want "
            f"of space. {_SMALLER}"
        )
        return Fit(Room.TOO_LARGE, text, size.evidence, size.at, needs)
    return None


def _stands(device: Candidate, firmware: Firmware) -> bool:
    """Whether a refusal by size alone still says something: the same image runs, or it never mattered which."""
    beside = device.facts.get(lessons.NO_SPACE_BESIDE, Fact("")).value
    return _is_esp32(device, firmware) or beside == device.md5


def _by_success(device: Candidate, firmware: Firmware) -> Fit | None:
    needs, alone = _needs(device, firmware), _is_esp32(device, firmware)
    if not alone and device.running is None:
        return None
    most = device.facts.get(lessons.TOOK_SIZE if alone else lessons.TOOK_TOTAL)
    if most is None or not most.number or (firmware.size if alone else needs) > most.number:
        return None
    text = f"{_sum(device, firmware, needs)}; it has had {_kb(most.number)} before."
    return Fit(Room.FITS, text, most.evidence, most.at, needs)


def _unknown(device: Candidate, firmware: Firmware) -> Fit:
    needs = _needs(device, firmware)
    text = f"Not known: {_sum(device, firmware, needs)}, and this device has not told or shown how much there is."
    return Fit(Room.UNKNOWN, text, needs=needs)


_SMALLER = "Make the image smaller, or go through a smaller one first."


def _sum(device: Candidate, firmware: Firmware, needs: int) -> str:
    if device.running is None or _is_esp32(device, firmware):
        return f"{firmware.filename} needs {_kb(needs)}"
    parts = f"{_kb(sectors(firmware.size))} and {_kb(sectors(device.running.size))} for the image that runs"
    return f"{firmware.filename} needs {_kb(needs)} ({parts})"


def _kb(size: int) -> str:
    return f"{size / 1024:.0f} KB"
