"""Everything tried once: each file of the catalogue and each damage of it, with what was said; tests and page share it.

Rule: nothing is judged here that is not judged in catalogue.py (what a file is) or corruptions.py (what can be told).
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from esp.catalogue import ACCEPTED, CLEAN, Case
from esp.corruptions import Outcome, damages, enough, outcome
from homie_ota.esp.image import Inspection, inspect, refusal


class Tried(NamedTuple):
    """One damaged file: what was done to it, whether its format covers that, and what was said."""

    how: str
    where: str
    covered: bool
    outcome: Outcome
    enough: bool
    refused: bool

    def __str__(self) -> str:
        return f"{self.how}, {self.where}: {self.outcome}"


@cache
def seen(case: Case) -> Inspection:
    """The inspection of a whole file."""
    return inspect(case.data)


@cache
def tried(case: Case) -> tuple[Tried, ...]:
    """What was said of every damaged form of a file."""
    good, all_of_it = seen(case), []
    for damage in damages(case):
        bad = inspect(damage.data)
        found, refused = outcome(good, bad), refusal(bad) is not None
        all_of_it.append(
            Tried(damage.how, damage.where, damage.covered, found, enough(damage, found), refused)
        )
    return tuple(all_of_it)


def verdict(inspection: Inspection) -> str:
    """The word of catalogue.py for what would happen to the file."""
    found = refusal(inspection)
    return str(found.severity) if found else ACCEPTED if inspection.warnings else CLEAN


def is_right(case: Case, inspection: Inspection) -> bool:
    """Whether kind, chip and verdict are those of the catalogue; clean is right where a warning is only allowed."""
    allowed = (CLEAN, ACCEPTED) if case.verdict == ACCEPTED else (case.verdict,)
    kind_and_chip = inspection.kind in case.kinds and inspection.chip == case.chip
    return kind_and_chip and verdict(inspection) in allowed
