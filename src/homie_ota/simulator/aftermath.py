"""What a virtual device suffers from once it runs a new image.

Rule: nothing of this shows before it was flashed; its faults say what does.
"""

from __future__ import annotations

from dataclasses import replace
from math import inf

from homie_ota.simulator.images import Sketch
from homie_ota.simulator.values import Faults, Hardware, Node

RESTARTS_AFTER = 3.0
"""Seconds after `ready` at which a device that restarts does so."""


class Aftermath:
    """The aftermath of one device's last update."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._old: Sketch | None = None
        self._boots = 0

    def flashed(self, old: Sketch) -> None:
        """It was flashed, and ran `old` until now."""
        self._old, self._boots = old, 0

    def booted(self, running: Sketch) -> Sketch:
        """What runs after this boot: one that alternates takes the other image every time."""
        self._boots += 1
        if not self._faults.alternates or self._old is None or self._boots == 1:
            return running
        other, self._old = self._old, running
        return other

    @property
    def is_on(self) -> bool:
        """Whether it was flashed."""
        return self._old is not None

    def restart_at(self, now: float) -> float:
        """When it restarts after being ready now; infinity: not by itself."""
        faults = self._faults
        restarts = faults.restart_loop or faults.alternates or self._boots <= faults.restarts
        return now + RESTARTS_AFTER if self.is_on and restarts else inf

    @property
    def is_silent(self) -> bool:
        """Whether it tells no statistics any more."""
        return self.is_on and self._faults.silent

    def hardware(self, whole: Hardware) -> Hardware:
        """What it has of memory and signal."""
        if not self.is_on:
            return whole
        heap = round(whole.heap * self._faults.heap_left)
        return replace(whole, heap=heap, signal=max(0, whole.signal - self._faults.signal_lost))

    def nodes(self, whole: tuple[Node, ...]) -> tuple[Node, ...]:
        """The nodes that it still announces."""
        return whole[:-1] if self.is_on and self._faults.node_missing else whole
