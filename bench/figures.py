"""One measured thing: what it was, beside its reference and its target; and whether it was met."""

from __future__ import annotations

import math
import operator
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

COMPARE: dict[str, Callable[[float, float], bool]] = {"≤": operator.le, "≥": operator.ge}


@dataclass(frozen=True, slots=True)
class Target:
    """A bound for the figure itself, or for `ours / reference` when `ratio` is true."""

    sign: str
    bound: float
    ratio: bool = False

    def __str__(self) -> str:
        return f"{self.sign} {self.bound:g}{' × reference' if self.ratio else ''}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table; `reference` is what the same run measured of something else, None where there is none.

    `note` says what a reader could otherwise get wrong.
    """

    part: str
    what: str
    ours: float
    unit: str
    reference: float | None = None
    beside: str = ""
    targets: tuple[Target, ...] = ()
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours over the reference."""
        return self.ours / self.reference if self.reference else None

    @property
    def met(self) -> bool | None:
        """Whether every target is met; None where there is none."""
        return all(map(self._meets, self.targets)) if self.targets else None

    def _meets(self, target: Target) -> bool:
        value = self.ratio if target.ratio else self.ours
        return value is not None and COMPARE[target.sign](value, target.bound)


def median(values: Sequence[float]) -> float:
    """The median; NaN of nothing, so that a figure which could not be measured meets no target."""
    return statistics.median(values) if values else math.nan


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which this share of all lie; NaN of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else math.nan
