"""Whether a wave has passed, has failed, or goes on; as numbers and as one line that a page can show live.

Rule: a wave passes when enough of those who count run the new image, harm stayed within its limit, the soak is over and
enough were really tried — all four (rollout-rules.md, rule 2). That everyone has ended is no success.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from homie_ota.rollout.plan import Gate


class Tally(NamedTuple):
    """How many members of one wave are in which state (plan.MemberState); `members` is all of them."""

    members: int = 0
    waiting: int = 0
    queued: int = 0
    running: int = 0
    verified: int = 0
    booted: int = 0
    unharmed: int = 0
    harmful: int = 0
    absent: int = 0
    skipped: int = 0
    same: int = 0
    withdrawn: int = 0
    reverting: int = 0
    reverted: int = 0
    stranded: int = 0

    @property
    def good(self) -> int:
        """Those that run the new image; that health is not known is a success of its own kind (rule 15)."""
        return self.verified + self.booted

    @property
    def tried(self) -> int:
        """Those whose attempts have ended."""
        return self.good + self.unharmed + self.harmful

    @property
    def open(self) -> int:
        """Those of whom nothing is known yet."""
        return self.waiting + self.queued + self.running

    @property
    def counted(self) -> int:
        """Those who count for the share: who never woke up is neither a success nor a failure (rule 4)."""
        return self.tried + self.open


class GateReading(NamedTuple):
    """What a gate says now.

    `share` is good of counted (0–1), `soak_left` seconds, `next_at` when it may pass by time alone (None: something has
    to happen first). `code` says why it failed: `harm`, or `short` (too few can still get there). `untested` (too few
    were there to be tried) is no failure, and never a success. Empty else.
    """

    passed: bool
    failed: bool
    text: str
    tried: int
    good: int
    harmful: int
    share: float
    soak_left: float
    next_at: float | None
    code: str = ""


def read_gate(
    gate: Gate,
    tally: Tally,
    *,
    started_at: float | None,
    last_good_at: float | None,
    now: float,
    borne: int = 0,
) -> GateReading:
    """What the gate of a wave says; `borne`: so many harmful failures a person accepted, and they count no longer."""
    counted = _counted(tally, borne)
    if not counted and not needed(gate, tally):
        return _NOBODY
    share = tally.good / counted if counted else 0.0
    since = last_good_at if last_good_at is not None else started_at
    ends_at = (since if since is not None else now) + gate.soak
    code = _failure(gate, tally, borne)
    enough = (
        not code and _is_enough(tally.good, counted, gate.verified) and tally.tried >= needed(gate, tally)
    )
    soaked = now >= ends_at
    return GateReading(
        passed=enough and soaked,
        failed=code in ("harm", "short"),
        text=_text(gate, tally, max(0.0, ends_at - now), borne),
        tried=tally.tried,
        good=tally.good,
        harmful=tally.harmful,
        share=share,
        soak_left=max(0.0, ends_at - now),
        next_at=ends_at if enough and not soaked else None,
        code=code,
    )


_NOBODY = GateReading(True, False, "nobody is to be tried", 0, 0, 0, 0.0, 0.0, None)


def needed(gate: Gate, tally: Tally) -> int:
    """How many must really have been tried; the absent could have been, so they do not lower it."""
    return min(gate.minimum, tally.counted + tally.absent)


def _failure(gate: Gate, tally: Tally, borne: int) -> str:
    if tally.harmful > gate.harmful + borne:
        return "harm"
    counted = _counted(tally, borne)
    if counted and not _is_enough(tally.good + tally.open, counted, gate.verified):
        return "short"
    return "untested" if not tally.open and tally.tried < needed(gate, tally) else ""


def _counted(tally: Tally, borne: int) -> int:
    return tally.counted - min(borne, tally.harmful)


def _is_enough(good: int, counted: int, share: float) -> bool:
    """Whether `good` of `counted` reach the share; 9 of 10 are 90 % although 0.9 is a little more than nine tenths."""
    return good >= math.ceil(share * counted - 1e-9)


def _text(gate: Gate, tally: Tally, soak_left: float, borne: int) -> str:
    """The gate as a live equation: `verified 9/10 ≥ 90 %, harm 0 ≤ 0, tried 10 ≥ 1, soak 14/30 min`."""
    share = f"{gate.verified * 100:g} %"
    counted = _counted(tally, borne)
    bound = _is_enough(tally.good, counted, gate.verified)
    limit, least = gate.harmful + borne, needed(gate, tally)
    parts = [
        f"verified {tally.good}/{counted} {'≥' if bound else '<'} {share}",
        f"harm {tally.harmful} {'≤' if tally.harmful <= limit else '>'} {limit}",
        f"tried {tally.tried} {'≥' if tally.tried >= least else '<'} {least}",
    ]
    if gate.soak:
        parts.append(f"soak {_span(gate.soak - soak_left, gate.soak)}")
    if tally.booted:
        parts.append(f"{tally.booted} with health unknown")
    if tally.absent:
        parts.append(f"{tally.absent} absent")
    return ", ".join(parts)


def _span(done: float, whole: float) -> str:
    done = min(max(done, 0.0), whole)
    return f"{done / 60:.0f}/{whole / 60:.0f} min" if whole >= 120 else f"{done:.0f}/{whole:.0f} s"
