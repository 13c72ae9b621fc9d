"""What a rollout is played on, and what is counted meanwhile.

Rule: values only; devices are known by their place in `presences`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from homie_ota.rollout.fates import Fates, Terms
from homie_ota.rollout.plan import Plan
from homie_ota.rollout.rhythm import Awake
from homie_ota.rollout.windows import LocalTime


class Scene(NamedTuple):
    """What does not change while it is played.

    `held`: what keeps a device from its image all the time, since nobody knows when that ends. `steps`: over how many
    images a device goes, where it is more than one.
    """

    plan: Plan
    size: int
    presences: Sequence[Sequence[Awake]]
    rates: Sequence[float]
    fates: Fates
    terms: Terms
    local: Callable[[float], LocalTime]
    held: Mapping[int, str]
    steps: Mapping[int, int]


class Flight(NamedTuple):
    """One image on the air: of which device and attempt, from when to when."""

    device: int
    attempt: int
    since: float
    until: float


class Figures(NamedTuple):
    """What was counted: the most at once, the bytes in all, and how often something was decided."""

    peak: int = 0
    peak_bytes: int = 0
    sent: int = 0
    decisions: int = 0
    asked: int = 0
