"""Which chip a device has, as exactly as is known, and whether an image is for that chip.

Rule: `$implementation` tells the family alone (`esp32`); the exact chip is known from an image that runs there, or ran.
Of other words, like `esp32-idf`, nobody promised that they mean a chip.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from homie_ota.model import Way
from homie_ota.rollout.eligibility.lessons import CHIP, FAMILY
from homie_ota.rollout.eligibility.nouns import Candidate

FAMILIES = ("esp8266", "esp32")


class Chip(NamedTuple):
    """A chip word without its dash (`esp32s2`); `exact` where it is more than the family. Empty word: not known."""

    word: str = ""
    exact: bool = False
    evidence: str = ""
    at: float | None = None

    def takes(self, image: str) -> bool:
        """Whether an image for the chip `image` can run there; True where either is not known."""
        wanted = plain(image)
        if not self.word or not wanted:
            return True
        return wanted == self.word if self.exact else wanted.startswith(self.word)


@lru_cache(maxsize=256)
def plain(word: str) -> str:
    """A chip word as it is compared: `ESP32-C3` → `esp32c3`."""
    return word.strip().lower().replace("-", "")


@lru_cache(maxsize=256)
def family(word: str) -> str:
    """`esp8266` or `esp32`; empty for what is neither."""
    return next((each for each in FAMILIES if plain(word).startswith(each)), "")


def chip_of(device: Candidate) -> Chip:
    """The chip of a device, from the best evidence that there is; what it announces itself is never contradicted."""
    told, exact = _told(device), _exact(device)
    agree = exact.word and told.word in ("", family(exact.word))
    return exact if agree else told


def _exact(device: Candidate) -> Chip:
    """From what runs there now, or ran there."""
    if device.running and family(device.running.chip):
        return Chip(plain(device.running.chip), True, device.running.evidence)
    proven = device.facts.get(CHIP)
    if proven and family(proven.value):
        return Chip(plain(proven.value), True, proven.evidence, proven.at)
    return Chip()


def _told(device: Candidate) -> Chip:
    """The family, as the device says."""
    if device.implementation in FAMILIES and device.way is not Way.ASKS:
        return Chip(device.implementation, False, f"It announces $implementation {device.implementation}.")
    asked = device.facts.get(FAMILY)
    if asked and family(asked.value):
        text = f"Its HTTP request came from an {asked.value.upper()}."
        return Chip(family(asked.value), False, text, asked.at)
    if device.way is Way.HTTP:  # it announces no implementation
        return Chip("esp8266", False, "It speaks Homie 1.5, which is for the ESP8266 alone.")
    return Chip()
