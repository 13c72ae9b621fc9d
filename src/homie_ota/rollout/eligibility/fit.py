"""Does an image fit beside the one that runs? Known by evidence alone: what the device told, took and refused.

Rule: new and running image, each rounded up to 4 KiB, share the sketch area of an ESP8266 (homie-ota.md rule 17); an
ESP32 has a partition for each. What the chip cannot hold never fits; of the rest the latest evidence counts.
"""

from __future__ import annotations

from typing import NamedTuple

from homie_ota.model import Firmware
from homie_ota.rollout.eligibility import lessons
from homie_ota.rollout.eligibility.chips import chip_of, family
from homie_ota.rollout.eligibility.lessons import sectors, together
from homie_ota.rollout.eligibility.nouns import Candidate, Fact, Fit, Room

RESERVED = 5 * lessons.SECTOR
"""Behind the sketch area of an ESP8266: one sector of EEPROM, four of the SDK."""

FILES = 128 * 1024
"""Room for files below which we warn: most layouts of a 1 MiB chip give them 64 KiB, some 128 KiB and more."""


class _Case(NamedTuple):
    """A device and an image; `needs` is what must be there, with what runs where both share one area."""

    device: Candidate
    firmware: Firmware
    is_esp32: bool
    needs: int


def does_fit(device: Candidate, firmware: Firmware) -> Fit:
    """Whether there is room, with the evidence; unknown where nothing tells."""
    case = _case(device, firmware)
    impossible = _by_chip(case)
    if impossible:
        return impossible
    if not device.facts:
        return _unknown(case)
    known = [told for look in (_by_free_space, _by_refusal, _by_success) if (told := look(case))]
    return max(known, key=lambda each: each.at or 0.0) if known else _unknown(case)


def left_for_files(device: Candidate, firmware: Firmware) -> int | None:
    """Bytes that remain for the file system of an ESP8266; None where the running image or the chip is not known."""
    case, limit = _case(device, firmware), _limit(device)
    if limit is None or device.running is None or case.is_esp32:
        return None
    return limit[0] - RESERVED - case.needs


def _case(device: Candidate, firmware: Firmware) -> _Case:
    is_esp32, running = family(chip_of(device).word or firmware.chip) == "esp32", device.running
    shares = running is not None and not is_esp32
    needs = together(firmware.size, running.size) if running and shares else sectors(firmware.size)
    return _Case(device, firmware, is_esp32, needs)


def _limit(device: Candidate) -> tuple[int, str, float | None] | None:
    """The size of the flash, of the chip itself, else what the running image is laid out for; evidence, and when."""
    chip = device.facts.get(lessons.CHIP_SIZE)
    if chip and chip.number:
        return chip.number, chip.evidence, chip.at
    if device.running and device.running.flash_size:
        return device.running.flash_size, device.running.evidence, None
    return None


def _by_chip(case: _Case) -> Fit | None:
    limit = _limit(case.device)
    if limit is None or case.needs <= limit[0] - (0 if case.is_esp32 else RESERVED):
        return None
    text = f"{_sum(case)}; {case.device.device_id} has {_kb(limit[0])} of flash in all. {_SMALLER}"
    return Fit(Room.TOO_LARGE, text, limit[1], limit[2], case.needs)


def _by_free_space(case: _Case) -> Fit | None:
    """What a 1.5 device said that it has free, brought to what runs now."""
    told, firmware = case.device.facts.get(lessons.FREE_SPACE), case.firmware
    free = _free_now(case) if told else None
    if told is None or free is None:
        return None
    if firmware.size <= free:
        text = f"{firmware.size} bytes fit into the {free} that are free beside what runs."
        return Fit(Room.FITS, text, told.evidence, told.at, case.needs)
    text = (
        f"{firmware.filename} has {firmware.size} bytes; {case.device.device_id} said that it has {free} bytes free "
        f"beside the running firmware. {_SMALLER}"
    )
    return Fit(Room.TOO_LARGE, text, told.evidence, told.at, case.needs)


def _free_now(case: _Case) -> int | None:
    device, running = case.device, case.device.running
    free, size = device.number(lessons.FREE_SPACE), device.number(lessons.SKETCH_SIZE)
    then = device.facts.get(lessons.SKETCH_MD5, Fact("")).value
    if free is None or case.is_esp32:
        return free
    if running is None:
        return None if device.md5 and then and device.md5 != then else free
    if size is None or then == running.md5:
        return free
    return free + sectors(size) - sectors(running.size)


def _by_refusal(case: _Case) -> Fit | None:
    device, firmware = case.device, case.firmware
    total, size = device.facts.get(lessons.NO_SPACE_TOTAL), device.facts.get(lessons.NO_SPACE_SIZE)
    if total and total.number and device.running and not case.is_esp32 and case.needs >= total.number:
        text = f"{_sum(case)}; {device.device_id} had less than {_kb(total.number)}. {_SMALLER}"
        return Fit(Room.TOO_LARGE, text, total.evidence, total.at, case.needs)
    if size and size.number and _stands(case) and sectors(firmware.size) >= sectors(size.number):
        text = (
            f"{firmware.filename} has {firmware.size} bytes; {device.device_id} refused {size.number} bytes for want "
            f"of space. {_SMALLER}"
        )
        return Fit(Room.TOO_LARGE, text, size.evidence, size.at, case.needs)
    return None


def _stands(case: _Case) -> bool:
    """Whether a refusal by size alone still says something: the same image runs, or it never mattered which."""
    beside = case.device.facts.get(lessons.NO_SPACE_BESIDE, Fact("")).value
    return case.is_esp32 or beside == case.device.md5


def _by_success(case: _Case) -> Fit | None:
    device, alone = case.device, case.is_esp32
    if not alone and device.running is None:
        return None
    most = device.facts.get(lessons.TOOK_SIZE if alone else lessons.TOOK_TOTAL)
    if most is None or not most.number or (case.firmware.size if alone else case.needs) > most.number:
        return None
    text = f"{_sum(case)}; it has had {_kb(most.number)} before."
    return Fit(Room.FITS, text, most.evidence, most.at, case.needs)


def _unknown(case: _Case) -> Fit:
    text = f"Not known: {_sum(case)}, and this device has not told or shown how much there is."
    return Fit(Room.UNKNOWN, text, needs=case.needs)


_SMALLER = "Make the image smaller, or go through a smaller one first."


def _sum(case: _Case) -> str:
    running, firmware = case.device.running, case.firmware
    if running is None or case.is_esp32:
        return f"{firmware.filename} needs {_kb(case.needs)}"
    parts = f"{_kb(sectors(firmware.size))} and {_kb(sectors(running.size))} for the image that runs"
    return f"{firmware.filename} needs {_kb(case.needs)} ({parts})"


def _kb(size: int) -> str:
    return f"{size // 1024} KB"
