"""What follows a failed attempt: another one later, or nothing until a person looks at it.

Rule: only what is in POLICIES is tried again by itself, and never after harm. What was sent and is not known to have
been refused waits until the device comes back (design, "At most once"). After the budget a person decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from homie_ota.model import Outcome


class Followed(StrEnum):
    """What was decided after a failure; a deployment that failed and was not looked at yet has none."""

    RETRY = "retry"
    CURE = "cure"  # the device has to be restarted before the next attempt
    CURED = "cured"  # the word that restarts it has left
    QUARANTINE = "quarantine"
    NOTHING = "nothing"
    SEEN = "seen"  # a person has looked at it, and leaves it at that


class Policy(NamedTuple):
    """How a failure may be followed: `most` attempts that end so; `fresh`: only when the device came back since.

    `alone`: nothing else on the air; `counts`: the budget is used up by it; `cure`: the device needs a restart first.
    """

    most: int = 1000
    fresh: bool = False
    alone: bool = False
    counts: bool = True
    cure: bool = False


POLICIES: dict[str, Policy] = {
    "not-sent": Policy(counts=False),
    "no-answer": Policy(fresh=True),
    "transfer-broken": Policy(),
    "transfer-silent": Policy(fresh=True),
    "gone": Policy(fresh=True),
    "too-slow": Policy(alone=True),
    "bad-checksum": Policy(most=2),
    "flash-error": Policy(most=2),
    "no-http-request": Policy(most=2, fresh=True),
    "stuck": Policy(fresh=True, counts=False, cure=True),
}
"""Code of a failure → how it may be followed. What is not here waits for a person: it would end the same way again."""

INTERRUPTED = frozenset({"transfer-broken", "transfer-silent", "too-slow", "gone"})
"""Codes after which Homie 2.0.0 takes no update until it restarts (homie-ota.md rule 16)."""


@dataclass(frozen=True, slots=True)
class Budget:
    """`attempts` may be made in all; `backoff` seconds pass before the second, then twice as many, up to `longest`."""

    attempts: int = 3
    backoff: float = 60.0
    longest: float = 3600.0


class Past(NamedTuple):
    """One ended attempt of an image on a device; `at` is its end."""

    at: float
    code: str
    outcome: str
    reason: str = ""


class Retry(NamedTuple):
    """Another attempt, not before this moment; `fresh`, `alone` and `cure` as in Policy."""

    not_before: float
    fresh: bool = False
    alone: bool = False
    cure: bool = False


class Quarantine(NamedTuple):
    """This image is not offered to this device until a person says so; `code` is stable, `reason` for people."""

    code: str
    reason: str


class Nothing(NamedTuple):
    """A person has to change something first; the reason of the attempt says what."""


LEFT_ALONE = "It is left alone until somebody releases it."


def next_step(
    history: Sequence[Past], now: float, budget: Budget, *, interrupted: bool = False
) -> Retry | Quarantine | Nothing:
    """What follows the last attempt of `history` (oldest first, since the last release).

    `interrupted`: a transfer to this device broke off before, and it was not restarted by us since.
    """
    if not history:
        return Nothing()
    last = history[-1]
    if last.outcome == Outcome.HARMFUL:
        return Quarantine(last.code, f"This image did harm: {last.reason} {LEFT_ALONE}")
    policy = POLICIES.get(last.code)
    if last.outcome != Outcome.UNHARMED or policy is None:
        return Nothing()
    if policy.cure and not interrupted:
        return _not_curable(history)
    tried = sum(_counts(each) for each in history)
    if tried >= budget.attempts or _same(history) >= policy.most:
        count = max(tried, 1)
        again = f"{count} attempts failed" if count > 1 else "The attempt failed"
        return Quarantine(last.code, f"{again}, the last one so: {last.reason} {LEFT_ALONE}")
    wait = 0.0 if policy.cure else min(budget.longest, budget.backoff * 2.0 ** (len(history) - 1))
    return Retry(now + wait, policy.fresh, policy.alone, policy.cure)


def _counts(past: Past) -> bool:
    policy = POLICIES.get(past.code)
    return policy is None or policy.counts


def _same(history: Sequence[Past]) -> int:
    return sum(each.code == history[-1].code for each in history)


def _not_curable(history: Sequence[Past]) -> Quarantine | Nothing:
    """It says that it needs a restart; it had one and says so again, or nothing explains why it should."""
    if _same(history) < 2:
        return Nothing()
    return Quarantine("stuck", f"It takes no update, and a restart did not change that. {LEFT_ALONE}")
