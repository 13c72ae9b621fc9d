"""The last statistics of a device: what it told of itself, round by round.

Rule: live ones only, the newest few, four numbers a round; a hundred thousand devices have some, so they are packed.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from math import isfinite, isnan, nan
from typing import NamedTuple

KEPT = 8
"""Rounds that are kept."""

ONE_ROUND = 2.0
"""Seconds within which what is told belongs to one round: devices tell all of it in one go."""

COLUMNS = {"uptime": 1, "heap": 2, "signal": 3}
"""Facts that are statistics here; column 0 is the time at which the round began."""

_WIDTH = 4


class Round(NamedTuple):
    """What a device told in one go: when, uptime in seconds, free heap in bytes, signal in percent; None: not told."""

    at: float
    uptime: float | None
    heap: float | None
    signal: float | None


class Recent:
    """The rounds of one device, oldest first."""

    __slots__ = ("_numbers",)

    def __init__(self, rounds: Iterable[Sequence[float | None]] = ()) -> None:
        self._numbers = array("d")
        for each in list(rounds)[-KEPT:]:
            if len(each) == _WIDTH and each[0] is not None:
                self._numbers.extend(nan if number is None else float(number) for number in each)

    def note(self, fact: str, text: str, now: float) -> bool:
        """Take in one fact of COLUMNS; False when it says nothing new: no number, or the same once more.

        A fact that was told already begins a new round.
        """
        try:
            number = float(text)
        except ValueError:
            return False
        if not isfinite(number):
            return False
        numbers, column = self._numbers, COLUMNS[fact] - _WIDTH
        is_same_round = bool(numbers) and 0.0 <= now - numbers[-_WIDTH] <= ONE_ROUND
        if is_same_round and numbers[column] == number:
            return False  # MQTT may deliver twice
        if not is_same_round or not isnan(numbers[column]):
            numbers.extend((now, nan, nan, nan))
            del numbers[: -KEPT * _WIDTH]
        numbers[column] = number
        return True

    @property
    def rounds(self) -> list[Round]:
        """All that is kept, oldest first."""
        return [_round(self._numbers[at : at + _WIDTH]) for at in range(0, len(self._numbers), _WIDTH)]

    @property
    def last(self) -> Round | None:
        """The newest round, None before the first."""
        return _round(self._numbers[-_WIDTH:]) if self._numbers else None


def _round(numbers: array[float]) -> Round:
    at, uptime, heap, signal = (number if isfinite(number) else None for number in numbers)
    return Round(at or 0.0, uptime, heap, signal)
