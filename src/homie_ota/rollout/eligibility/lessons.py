"""What the end of a deployment teaches about the device: what it took, what it refused, and for which reason.

Rule: a lesson is a fact with the sentence that says how it was learned; a later lesson takes back what it contradicts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from homie_ota.model import Firmware
from homie_ota.rollout.eligibility.nouns import Fact, Running

# What an HTTP request tells (esp-http-update.md).
FREE_SPACE, SKETCH_SIZE, SKETCH_MD5, CHIP_SIZE, FAMILY = (
    "free_space",
    "sketch_size",
    "sketch_md5",
    "chip_size",
    "family",
)
# What ended deployments taught; numbers are bytes.
CHIP = "chip"  # of the last image that ran there
TOOK_SIZE = "took_size"  # the largest image that an ESP32 took
TOOK_TOTAL = "took_total"  # the most that both images needed together on an ESP8266, and had
TOOK_FLASH = "took_flash"  # the largest flash size setting that it took
NO_SPACE_SIZE = "no_space_size"  # the smallest image that it refused for want of space …
NO_SPACE_BESIDE = "no_space_beside"  # … and the MD5 of what ran then
NO_SPACE_TOTAL = "no_space_total"  # the least that both together needed, and had not
FLASH_REFUSED = "flash_refused"  # the smallest flash size setting that it called no valid firmware
IMAGE_REFUSED = "image_refused"  # the SHA-256 of the last image that it called no valid firmware
FLASH_CONFIG = "flash_config"  # the MD5 of what ran when it said that its own flash size setting is wrong
REWRITTEN_MD5 = "rewritten_md5"  # what it announces since its updater changed the flash mode of …
REWRITTEN_AS = "rewritten_as"  # … the image with this SHA-256

LEARNED = (
    CHIP, TOOK_SIZE, TOOK_TOTAL, TOOK_FLASH, NO_SPACE_SIZE, NO_SPACE_BESIDE, NO_SPACE_TOTAL, FLASH_REFUSED,
    IMAGE_REFUSED, FLASH_CONFIG, REWRITTEN_MD5, REWRITTEN_AS,
)  # fmt: skip
"""Facts that come from deployments; an empty value is one that was taken back."""

AGAINST = frozenset({NO_SPACE_SIZE, NO_SPACE_TOTAL, FREE_SPACE})
"""Facts that other facts may contradict: the later one counts."""

ASKED = (FREE_SPACE, SKETCH_SIZE, SKETCH_MD5, CHIP_SIZE, FAMILY, *LEARNED)
"""Facts that eligibility asks for."""

SECTOR = 4096
"""The updater counts in flash sectors (homie-ota.md rule 17)."""

NO_SPACE, BAD_FIRMWARE, BAD_FLASH_CONFIG = "no-space", "bad-firmware", "flash-config"
TEACHING = frozenset({NO_SPACE, BAD_FIRMWARE, BAD_FLASH_CONFIG})
"""Codes of `rollout/reasons.py` with which a device refuses and teaches something."""


class End(NamedTuple):
    """How a deployment ended: `arrived` when the device came back with the image; MD5s announced before and after."""

    arrived: bool
    code: str
    md5_before: str
    md5_after: str
    number: int


Lessons = dict[str, tuple[str, str]]
"""Fact → value and evidence."""


def sectors(size: int) -> int:
    """`size` rounded up to whole flash sectors."""
    return -(-size // SECTOR) * SECTOR


def together(size: int, running: int) -> int:
    """What a new image needs beside the running one on an ESP8266, where they share one area."""
    return sectors(size) + sectors(running)


def learn(end: End, firmware: Firmware, running: Running | None, known: Mapping[str, Fact]) -> Lessons:
    """The facts that this end adds, changes or takes back; `running` is what ran before, None where not known."""
    if end.arrived:
        return _took(end, firmware, running, known)
    if end.code == NO_SPACE:
        return _no_space(end, firmware, running, known)
    if end.code == BAD_FIRMWARE:
        return _bad_firmware(end, firmware, running, known)
    if end.code == BAD_FLASH_CONFIG and end.md5_before:
        said = f"It said that its flash size setting does not match its chip (500 INTERNAL_ERROR 8){_in(end)}"
        return {FLASH_CONFIG: (end.md5_before, said)}
    return {}


def _took(end: End, firmware: Firmware, running: Running | None, known: Mapping[str, Fact]) -> Lessons:
    evidence = f"It took {_image(firmware)} and came back with it{_in(end)}"
    found: dict[str, int] = {TOOK_FLASH: firmware.flash_size}
    if not _shares_area(firmware):
        found[TOOK_SIZE] = firmware.size
    elif running:
        found[TOOK_TOTAL] = together(firmware.size, running.size)
    lessons = {fact: (str(size), evidence) for fact, size in found.items() if size > _number(known, fact, 0)}
    if firmware.chip:
        lessons[CHIP] = (
            firmware.chip,
            f"It runs {_image(firmware)}, which is for the {firmware.chip.upper()}.",
        )
    contradicted = _contradicted(firmware, found.get(TOOK_TOTAL, 0), known)
    return lessons | dict.fromkeys(contradicted, ("", evidence)) | _rewritten(end, firmware)


def _contradicted(firmware: Firmware, total: int, known: Mapping[str, Fact]) -> Iterator[str]:
    """Refusals that cannot be so, or not any more, when the device took this image."""
    for fact, size in (
        (NO_SPACE_SIZE, firmware.size),
        (NO_SPACE_TOTAL, total),
        (FLASH_REFUSED, firmware.flash_size),
    ):
        if size >= _number(known, fact, size + 1):
            yield fact
    if known.get(IMAGE_REFUSED, Fact("")).value == firmware.sha256:
        yield IMAGE_REFUSED
    if known.get(FLASH_CONFIG, Fact("")).value:
        yield FLASH_CONFIG


def _rewritten(end: End, firmware: Firmware) -> Lessons:
    if not end.md5_after or end.md5_after == firmware.md5:
        return {}
    evidence = f"Its updater changed the flash mode of {_image(firmware)} while flashing{_in(end)}"
    return {REWRITTEN_MD5: (end.md5_after, evidence), REWRITTEN_AS: (firmware.sha256, evidence)}


def _no_space(end: End, firmware: Firmware, running: Running | None, known: Mapping[str, Fact]) -> Lessons:
    evidence = f"It refused {_image(firmware)} for want of space (400 NOT_ENOUGH_SPACE){_in(end)}"
    size = firmware.size
    if known.get(NO_SPACE_BESIDE, Fact("")).value == end.md5_before:
        size = min(size, _number(known, NO_SPACE_SIZE, size))
    lessons = {NO_SPACE_SIZE: (str(size), evidence), NO_SPACE_BESIDE: (end.md5_before, evidence)}
    if running and _shares_area(firmware):
        total = together(firmware.size, running.size)
        if total < _number(known, NO_SPACE_TOTAL, total + 1):
            lessons[NO_SPACE_TOTAL] = (str(total), evidence)
        if total <= _number(known, TOOK_TOTAL, 0):
            lessons[TOOK_TOTAL] = ("", evidence)
    return lessons


def _bad_firmware(
    end: End, firmware: Firmware, running: Running | None, known: Mapping[str, Fact]
) -> Lessons:
    """What is sent begins as it should and is whole, so that the flash size is left, unless one like that runs."""
    evidence = f"It refused {_image(firmware)} as no valid firmware (400 BAD_FIRMWARE){_in(end)}"
    lessons = {IMAGE_REFUSED: (firmware.sha256, evidence)}
    least = _number(known, FLASH_REFUSED, firmware.flash_size + 1)
    took = max(_number(known, TOOK_FLASH, 0), running.flash_size if running else 0)
    if took < firmware.flash_size < least:
        lessons[FLASH_REFUSED] = (str(firmware.flash_size), evidence)
    return lessons


def _shares_area(firmware: Firmware) -> bool:
    """Whether new and running image share one area: on the ESP32 each has a partition of its own."""
    return not firmware.chip.startswith("esp32")


def _number(known: Mapping[str, Fact], fact: str, otherwise: int) -> int:
    found = known.get(fact)
    number = found.number if found else None
    return otherwise if number is None else number


def _image(firmware: Firmware) -> str:
    return f"{firmware.name} {firmware.version} ({firmware.size} bytes)"


def _in(end: End) -> str:
    return f", deployment {end.number}."
