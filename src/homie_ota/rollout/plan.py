"""What a rollout is told to do: its waves and their gates, limits, windows, guards, order, and what happens on harm.

Rule: values only; who may go next is decided in `strategy`. A plan is stored as data with the rollout and never changes
after its start.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class OnHarm(StrEnum):
    """What a rollout does when harm passes its limit (rollout-rules.md, rule 5)."""

    PAUSE = "pause"  # nothing new starts; a person decides
    DRAIN = "drain"  # what runs ends, the rollout ends
    REVERT = "revert"  # every updated device gets the image that it ran before


class RolloutState(StrEnum):
    """The life of a rollout."""

    DRAFT = "draft"
    RUNNING = "running"
    PAUSED = "paused"
    DRAINING = "draining"  # nothing new starts; it ends when what runs has ended
    REVERTING = "reverting"
    FINISHED = "finished"
    ABORTED = "aborted"


class WaveState(StrEnum):
    """How far one wave is."""

    WAITING = "waiting"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"


class MemberState(StrEnum):
    """What became of one member of a rollout."""

    WAITING = "waiting"  # its wave has not begun
    QUEUED = "queued"  # a deployment waits for the device
    RUNNING = "running"  # offered, and not ended
    VERIFIED = "verified"
    BOOTED = "booted"  # runs it; health not known
    UNHARMED = "unharmed"  # every attempt ended without harm and without success
    HARMFUL = "harmful"
    ABSENT = "absent"  # never woke up; goes on in the lane of late joiners
    SKIPPED = "skipped"  # was never a member that could be updated; the reason says why
    SAME = "same"  # runs the image already
    WITHDRAWN = "withdrawn"  # taken back before it was sent
    REVERTING = "reverting"
    REVERTED = "reverted"
    STRANDED = "stranded"  # the way back failed, or there is none


class Order(StrEnum):
    """Who goes first inside a wave."""

    AS_FOUND = "as-found"
    STRONG_FIRST = "strong-first"  # weak signal last: a slow transfer kills itself (homie-ota.md rule 21)
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Gate:
    """When a wave has passed (rollout-rules.md, rule 2): all four must hold.

    `verified` is a share (0–1) of those who count: all of the wave but the absent, the skipped, those that run the
    image already and the withdrawn; whoever still waits counts, so a wave cannot pass on its first success. `harmful`
    is the most harmful failures that are borne, `soak` the seconds since the last success, `minimum` how many must
    really have been tried (never more than the wave has).
    """

    verified: float = 0.9
    harmful: int = 0
    soak: float = 1800.0
    minimum: int = 1


@dataclass(frozen=True, slots=True)
class WaveRule:
    """How large a wave is: `count` devices, or `share` of all members (0–1); the last one takes all that are left."""

    count: int | None = None
    share: float | None = None
    gate: Gate = Gate()


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be on the air at once; 0 sets no limit."""

    parallel: int = 3
    bytes_in_flight: int = 0
    starts_per_minute: float = 0.0


@dataclass(frozen=True, slots=True)
class Window:
    """When devices may be updated, in local time: days (0 Monday … 6 Sunday) and minutes of the day.

    `until` before `since` goes past midnight and belongs to the day it began on.
    """

    days: frozenset[int]
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it. `guards` are queries that a device must fit when it is offered the image (`relay/on:false`).

    `last` is a query: devices that fit it go after all others (the plug that feeds this server). `absent_after` are
    seconds after which a member that never woke up no longer holds its wave; late joiners are taken for `late_for`
    seconds after the last wave has passed. `attempts` is the budget a device.
    """

    waves: tuple[WaveRule, ...]
    limits: Limits = Limits()
    windows: tuple[Window, ...] = ()
    guards: tuple[str, ...] = ()
    last: str = ""
    order: Order = Order.STRONG_FIRST
    on_harm: OnHarm = OnHarm.PAUSE
    attempts: int = 3
    absent_after: float = 86400.0
    late_for: float = 2_592_000.0


CANARY = WaveRule(count=1, gate=Gate(verified=1.0, harmful=0, soak=120.0))
TENTH = WaveRule(share=0.1, gate=Gate(verified=0.9, harmful=0, soak=600.0))
REST = WaveRule(gate=Gate(verified=0.9, harmful=1, soak=0.0))
BY_DEFAULT = Plan((CANARY, TENTH, REST))
"""One canary, then a tenth, then the rest (rollout-rules.md, rule 1)."""
