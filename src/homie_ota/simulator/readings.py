"""Readings that look alive: rooms warm up by day and cool by night, people switch things on and off.

Rule: a value depends on the seed, the property and the time only, so a fleet lives the same day twice.
"""

from __future__ import annotations

from collections.abc import Callable
from math import inf, pi, sin
from random import Random

from homie_ota.simulator.values import Node, Property

_DAY = 86_400.0
_SETTLE = 0.2
"""Seconds between two rounds at the least."""


class Readings:
    """The values of one device; without a period (the default) it has none to tell."""

    def __init__(self, seed: int = 0, period: float = 0.0) -> None:
        self._random = Random(seed)
        self._period = period
        self._phase = self._random.random()
        self._told: dict[tuple[str, str], str] = {}
        self.next_at = inf

    def restart(self) -> None:
        """It connected: everything is told again."""
        self._told.clear()
        self.next_at = -inf if self._period else inf

    def remember(self, node: str, prop: str, text: str) -> None:
        """Somebody set this property; it stays so until it changes by itself."""
        self._told[node, prop] = text

    def due(self, now: float, nodes: tuple[Node, ...]) -> list[tuple[str, str]]:
        """The values that changed since the last round, as (topic below the device, text)."""
        if now < self.next_at:
            return []
        self.next_at = now + max(_SETTLE, self._period * self._random.uniform(0.7, 1.3))
        return [
            (f"{node.id}/{prop.id}", text)
            for node in nodes
            for prop in node.properties
            if (text := self._changed(node, prop, now))
        ]

    def _changed(self, node: Node, prop: Property, now: float) -> str:
        """The new value, or nothing when it is the one already told."""
        key = (node.id, prop.id)
        old = self._told.get(key, "")
        text = _KINDS.get(prop.id, _counter)(self, now, old, node.id)
        self._told[key] = text
        return "" if text == old else text

    def _daylight(self, now: float) -> float:
        """-1 in the coldest hour of the night, 1 in the afternoon; each device has its own hour."""
        return sin(2 * pi * (now / _DAY + self._phase))

    def _temperature(self, now: float, old: str, node: str) -> str:  # noqa: ARG002
        return f"{20.5 + 2.5 * self._daylight(now) + self._random.gauss(0, 0.1):.1f}"

    def _humidity(self, now: float, old: str, node: str) -> str:  # noqa: ARG002
        return f"{48 - 9 * self._daylight(now) + self._random.gauss(0, 0.5):.0f}"

    def _on(self, now: float, old: str, node: str) -> str:  # noqa: ARG002
        if not old:
            return self._random.choice(("true", "false"))
        switched = {"true": "false", "false": "true"}[old]
        return switched if self._random.random() < 0.1 else old

    def _power(self, now: float, old: str, node: str) -> str:  # noqa: ARG002
        is_on = self._told.get((node, "on")) != "false"
        return f"{(40 + 30 * self._phase) * self._random.uniform(0.97, 1.03):.1f}" if is_on else "0.0"


def _counter(_readings: Readings, _now: float, old: str, _node: str) -> str:
    return str(int(old or 0) + 1)


_KINDS: dict[str, Callable[[Readings, float, str, str], str]] = {
    "temperature": Readings._temperature,  # noqa: SLF001
    "humidity": Readings._humidity,  # noqa: SLF001
    "on": Readings._on,  # noqa: SLF001
    "power": Readings._power,  # noqa: SLF001
}
