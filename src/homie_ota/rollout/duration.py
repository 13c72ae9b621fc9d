"""How long a rollout will take: a range, and what was assumed.

Rule: the low end is what slots, bytes and soak cost when everybody is there; the high end adds waiting for sleepers,
closed windows, slow radios where no rate was learned, and a bad packing of the slots. Failures are in neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from homie_ota.rollout.plan import Limits, Plan, Window
from homie_ota.rollout.strategy import gate_of

USUAL_RATE = 20_000.0
"""Bytes a second of a device that never took an image from us: 400 KB in 20 s (homie-ota.md rule 21)."""

SLOW_RATE = 8_000.0
"""Bytes a second below which few transfers live: 41 s are too long for 330 KB and more."""

RESTART = 15.0
"""Seconds from the last byte until the device is back; its slot is held until then."""

WEEK = 7 * 86400.0


class Pace(NamedTuple):
    """What is known of one member: bytes of its image, learned bytes a second, seconds between its wake-ups (0: stays).

    `verify` are the seconds until it counts as verified once it is back.
    """

    size: int
    rate: float | None = None
    every: float = 0.0
    verify: float = 120.0


class Estimate(NamedTuple):
    """Seconds, at best and at worst, and the sentences that say on what ground."""

    low: float
    high: float
    assumed: tuple[str, ...]


def estimate(waves: Sequence[Sequence[Pace]], plan: Plan) -> Estimate:
    """How long these waves take under this plan; empty waves take nothing."""
    low = high = 0.0
    for number, members in enumerate(waves):
        if members:
            soak = gate_of(plan, number).soak
            quick, slow = _wave(members, plan.limits)
            longest_sleep = min(max(each.every for each in members), plan.absent_after)
            low += quick + soak
            high += slow + soak + longest_sleep
    return Estimate(low, _through_windows(high, plan.windows), tuple(_assumed(waves, plan)))


def _wave(members: Sequence[Pace], limits: Limits) -> tuple[float, float]:
    """Seconds of one wave without soak and sleep: with slots that are always full, and packed as badly as can be."""
    slots = _slots(members, limits)
    verify = max(each.verify for each in members)
    quick = [each.size / (each.rate or USUAL_RATE) + RESTART for each in members]
    slow = [each.size / (each.rate or SLOW_RATE) + RESTART for each in members]
    paced = 60.0 * (len(members) - 1) / limits.starts_per_minute if limits.starts_per_minute else 0.0
    low = max(sum(quick) / slots, *quick, paced)
    # However the slots are filled, no list of work takes longer than its even share and its longest piece together.
    return low + verify, max(sum(slow) / slots, paced) + max(slow) + verify


def _slots(members: Sequence[Pace], limits: Limits) -> int:
    slots = min(limits.parallel or len(members), len(members))
    if limits.bytes_in_flight:
        slots = min(slots, limits.bytes_in_flight // max(1, *(each.size for each in members)))
    return max(1, slots)


def _through_windows(seconds: float, windows: Sequence[Window]) -> float:
    """The time on the wall when work goes on only inside windows; begins just after one has closed."""
    opened = sum(len(each.days) * ((each.until - each.since) % 1440 or 1440) * 60.0 for each in windows)
    if not opened or opened >= WEEK:
        return seconds
    weeks, rest = divmod(seconds, opened)
    return weeks * WEEK + (WEEK - opened) + rest


def _assumed(waves: Sequence[Sequence[Pace]], plan: Plan) -> list[str]:
    members = [each for wave in waves for each in wave]
    unknown = sum(not each.rate for each in members)
    asleep = sum(each.every > 0 for each in members)
    said = []
    if unknown:
        said.append(
            f"{unknown} of {len(members)} devices never took an image from here: "
            f"{USUAL_RATE / 1000:g} KB/s at best, {SLOW_RATE / 1000:g} KB/s at worst."
        )
    if asleep:
        said.append(f"Sleepers: {asleep}; each is waited for once, at most {plan.absent_after / 3600:g} h.")
    if plan.windows:
        said.append("Nothing starts while the windows are closed.")
    said.append("Nobody fails, and nobody else uses the air.")
    return said
