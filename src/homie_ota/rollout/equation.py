"""The gate of a wave as an equation: its terms, each with what it says and whether it holds, not yet, or never.

Rule: the gate decides with these very terms (`gates.read_gate`): what a page shows cannot differ from what was decided.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    """Whether a term holds."""

    HOLDS = "holds"
    NOT_YET = "not yet"
    BROKEN = "broken"  # and nothing that can still come would mend it


class Term(NamedTuple):
    """One term: a stable word, what it says with its numbers, and whether it holds."""

    name: str
    text: str
    mark: Mark


def verified(good: int, waiting: int, counted: int, share: float) -> Term:
    """Whether `good` of `counted` reach the share (0–1); broken where even all that wait (`waiting`) are too few."""
    holds = is_enough(good, counted, share)
    mark = _mark(holds=holds, can_come=is_enough(good + waiting, counted, share))
    return Term("verified", f"verified {good}/{counted} {'≥' if holds else '<'} {share * 100:g} %", mark)


def harm(harmful: int, limit: int) -> Term:
    """Whether harm stayed within its limit; what happened does not become less."""
    holds = harmful <= limit
    return Term("harm", f"harm {harmful} {'≤' if holds else '>'} {limit}", _mark(holds=holds, can_come=False))


def tried(count: int, least: int, waiting: int) -> Term:
    """Whether enough were really tried; broken where nobody is left who could be."""
    holds = count >= least
    text = f"tried {count} {'≥' if holds else '<'} {least}"
    return Term("tried", text, _mark(holds=holds, can_come=waiting > 0))


def soak(left: float, whole: float) -> Term:
    """Whether the soak is over; `left` of `whole` seconds."""
    return Term("soak", f"soak {_span(whole - left, whole)}", _mark(holds=left <= 0, can_come=True))


def is_enough(good: int, counted: int, share: float) -> bool:
    """Whether `good` of `counted` reach the share; 9 of 10 are 90 % although 0.9 is a little more than nine tenths."""
    return good >= math.ceil(share * counted - 1e-9)


def broken(terms: tuple[Term, ...]) -> frozenset[str]:
    """The names of those that are broken."""
    return frozenset(each.name for each in terms if each.mark is Mark.BROKEN)


def text(terms: tuple[Term, ...], *notes: str) -> str:
    """The equation in one line: `verified 9/10 ≥ 90 %, harm 0 ≤ 0, tried 10 ≥ 1, soak 14/30 min`."""
    return ", ".join([*(each.text for each in terms), *notes])


def _mark(*, holds: bool, can_come: bool) -> Mark:
    if holds:
        return Mark.HOLDS
    return Mark.NOT_YET if can_come else Mark.BROKEN


def _span(done: float, whole: float) -> str:
    done = min(max(done, 0.0), whole)
    return f"{done / 60:.0f}/{whole / 60:.0f} min" if whole >= 120 else f"{done:.0f}/{whole:.0f} s"
