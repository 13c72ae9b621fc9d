"""Which images a device may have: yes or no, and why, those first that a person may want.

Rule: the answers are those of `orders`, which judges every order; here they are only put in an order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from homie_ota.model import Firmware
from homie_ota.rollout.eligibility import Answer, Order
from homie_ota.rollout.versions import version_key
from homie_ota.store import firmware as firmwares
from homie_ota.store import orders
from homie_ota.store.database import Connection


class Choice(NamedTuple):
    """One stored image and the answer for this device; `runs`: it is what runs there now."""

    firmware: Firmware
    answer: Answer
    runs: bool

    @property
    def warnings(self) -> int:
        """How many things a person is asked about before it is sent."""
        return len(self.answer.warnings)


def of(conn: Connection, row: Mapping[str, Any], now: float) -> list[Choice]:
    """Every stored image with its answer for the device of this row."""
    images = firmwares.find(conn, sort="name")
    answers = orders.verdicts(conn, row["pk"], images, now=now)
    found = [
        Choice(image, answer, bool(row["md5"]) and image.md5 == row["md5"])
        for image, answer in zip(images, answers, strict=True)
    ]
    found.sort(key=lambda each: version_key(each.firmware.version), reverse=True)
    found.sort(key=lambda each: (each.firmware.name != row["fw_name"], each.firmware.name))
    return found


def newest(choices: list[Choice]) -> str:
    """Name and version of the newest image that is newer than what runs, and may be sent without a question."""
    for each in choices:
        if each.answer.newer.answer is Order.NEWER and each.answer.allowed and not each.warnings:
            return f"{each.firmware.name} {each.firmware.version}".strip()
    return ""


def shelves(choices: list[Choice], name: str) -> tuple[list[Choice], list[Choice], list[Choice]]:
    """Those of this firmware that it may have or runs, those of other firmware that it may have, and all others."""
    may = [each for each in choices if each.runs or each.answer.allowed]
    own = [each for each in may if each.runs or each.firmware.name == name]
    return (
        own,
        [each for each in may if each not in own],
        [each for each in choices if each not in may],
    )
