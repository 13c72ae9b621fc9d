"""Whether a wave has passed, has failed, or goes on; as numbers and as one line that a page can show live.

Rule: a wave passes when enough of those who count run the new image, harm stayed within its limit, the soak is over and
enough were really tried — all four (rollout-rules.md, rule 2). That everyone has ended is no success.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from homie_ota.rollout import equation
from homie_ota.rollout.equation import Mark, Term
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
    were there to be tried) is no failure, and never a success. Empty else. `terms` are what it was decided by.
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
    terms: tuple[Term, ...] = ()


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
    since = last_good_at if last_good_at is not None else started_at
    ends_at = (since if since is not None else now) + gate.soak
    left = max(0.0, ends_at - now)
    asked = _terms(gate, tally, borne)
    terms = (*asked, equation.soak(left, gate.soak)) if gate.soak else asked
    broken = equation.broken(asked)
    code = next((code for name, code in _CODES if name in broken), "")
    enough = all(each.mark is Mark.HOLDS for each in asked)
    return GateReading(
        passed=enough and left <= 0,
        failed=code in ("harm", "short"),
        text=equation.text(terms, *_notes(tally)),
        tried=tally.tried,
        good=tally.good,
        harmful=tally.harmful,
        share=tally.good / counted if counted else 0.0,
        soak_left=left,
        next_at=ends_at if enough and left > 0 else None,
        code=code,
        terms=terms,
    )


_NOBODY = GateReading(True, False, "nobody is to be tried", 0, 0, 0, 0.0, 0.0, None)
_CODES = (("harm", "harm"), ("verified", "short"), ("tried", "untested"))
"""What a gate is failed with when this term is broken; harm counts most."""


def needed(gate: Gate, tally: Tally) -> int:
    """How many must really have been tried; the absent could have been, so they do not lower it."""
    return min(gate.minimum, tally.counted + tally.absent)


def _terms(gate: Gate, tally: Tally, borne: int) -> tuple[Term, Term, Term]:
    """What is asked of the gate beside time."""
    return (
        equation.verified(tally.good, tally.open, _counted(tally, borne), gate.verified),
        equation.harm(tally.harmful, gate.harmful + borne),
        equation.tried(tally.tried, needed(gate, tally), tally.open),
    )


def _counted(tally: Tally, borne: int) -> int:
    return tally.counted - min(borne, tally.harmful)


def _notes(tally: Tally) -> list[str]:
    found = {"with health unknown": tally.booted, "absent": tally.absent}
    return [f"{count} {word}" for word, count in found.items() if count]


def reading_from(data: Mapping[str, Any]) -> GateReading:
    """A reading as it was stored, `_asdict` turned into JSON; older ones have no terms."""
    known = {name: data[name] for name in GateReading._fields if name in data}
    terms = tuple(Term(name, said, Mark(mark)) for name, said, mark in known.get("terms", ()))
    return GateReading(**{**known, "terms": terms})
