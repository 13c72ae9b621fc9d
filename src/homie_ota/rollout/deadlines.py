"""How long to wait for a device in each state: learned from its own past, between a floor and a ceiling.

Rule: some times the longest of the last few; without a past, the settings' limit. A device that always took twelve
seconds to come back is missed after a minute, and one that takes three minutes is not given up after four.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from homie_ota.model import DeploymentState

KEPT = 5
"""How many of the last times are kept."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds between which a learned deadline stays, and how many times the longest of its past it is."""

    floor: float = 60.0
    ceiling: float = 900.0
    factor: float = 3.0


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of a device: how many seconds its reboots took, bytes per second of its transfers; newest last."""

    reboots: tuple[float, ...] = ()
    rates: tuple[float, ...] = ()


def limits(past: Past, size: int, usual: Mapping[str, float], bounds: Bounds) -> dict[str, float]:
    """Seconds without news by state, for an image of `size` bytes; `usual` are those of the settings."""
    found = dict(usual)
    if past.reboots:
        longest = max(past.reboots)
        found[DeploymentState.REBOOTING] = _within(longest, usual[DeploymentState.REBOOTING], bounds)
    if past.rates and size > 0:
        # Its statuses may stop although the transfer goes on (homie-ota.md rule 4): silence may last for all of it.
        longest = size / min(past.rates)
        found[DeploymentState.TRANSFERRING] = _within(longest, usual[DeploymentState.TRANSFERRING], bounds)
    return found


def _within(longest: float, usual: float, bounds: Bounds) -> float:
    """A limit of the settings below the floor is meant so, and one above the ceiling too."""
    floor, ceiling = min(bounds.floor, usual), max(bounds.ceiling, usual)
    return max(floor, min(ceiling, bounds.factor * longest))


def joined(past: Sequence[float], latest: float) -> tuple[float, ...]:
    """The last few, with the latest one."""
    return (*past, latest)[-KEPT:]
