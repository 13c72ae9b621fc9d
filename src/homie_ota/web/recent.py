"""A little memory for what was true a moment ago, so that asking the same again costs nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """Values by key, each for `seconds`, the latest `most` of them; the clock is an argument."""

    def __init__(self, *, seconds: float, most: int = 1000) -> None:
        self._seconds, self._most = seconds, most
        self._values: OrderedDict[Hashable, tuple[V, float]] = OrderedDict()

    def get(self, key: Hashable, now: float) -> V | None:
        """What was put there in the last `seconds`; None where nothing was."""
        value, at = self._values.get(key, (None, 0.0))
        return value if 0 <= now - at < self._seconds else None

    def put(self, key: Hashable, value: V, now: float) -> None:
        """Remember a value; the oldest gives way."""
        self._values[key] = (value, now)
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)
