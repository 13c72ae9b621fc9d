"""Whether an image can be updated again, tried on a bench device: old → new → old → new.

Rule: the next step follows from what the ended attempts came to, so it goes on after any break. An image is renewable
when all three steps succeeded; it is a dead end when, once it ran, the way on failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from homie_ota.model import Outcome

RENEWABLE, DEAD_END = "renewable", "dead-end"
"""What `Firmware.proven` says."""

TRIES = 3
"""Attempts of one step; broken transfers happen to good images, too."""

_GOOD = frozenset({Outcome.VERIFIED, Outcome.BOOTED})


class Tried(NamedTuple):
    """One ended attempt of a bench device with purpose BENCH; the image, and what it came to."""

    sha256: str
    outcome: Outcome


class Send(NamedTuple):
    """Send this image; `step` counts from 1 (new), 2 (old), 3 (new again)."""

    sha256: str
    step: int


class Proven(NamedTuple):
    """The bench has an answer for the image: RENEWABLE or DEAD_END."""

    word: str
    reason: str


class Unproven(NamedTuple):
    """The bench can say nothing about the image; a person has to look at the device, or upload its old image."""

    reason: str


def next_step(old: str, new: str, tried: Sequence[Tried]) -> Send | Proven | Unproven:
    """What the bench does next; `old` is what the device ran before (SHA-256, empty when not stored)."""
    if not old:
        return Unproven(
            "The image that the bench device runs is not stored here, so it could not go back. Upload it."
        )
    steps = (new, old, new)
    done = fails = 0
    for each in tried:
        if each.sha256 != steps[done] or each.outcome in (Outcome.WITHDRAWN, Outcome.ABSENT):
            continue
        if each.outcome is Outcome.HARMFUL:
            return Proven(DEAD_END, f"Step {done + 1} of {_WAY} did harm to the bench device.")
        done, fails = (done + 1, 0) if each.outcome in _GOOD else (done, fails + 1)
        if done == len(steps):
            return Proven(RENEWABLE, f"The bench device went {_WAY}.")
    return Send(steps[done], done + 1) if fails < TRIES else _given_up(done)


_WAY = "old → new → old → new"


def _given_up(done: int) -> Proven | Unproven:
    if done == 1:
        return Proven(DEAD_END, f"While the new image ran, {TRIES} attempts to send another one failed.")
    return Unproven(f"{TRIES} attempts of step {done + 1} of {_WAY} broke off while the old image ran: that tells "
                    "nothing of the new one. Look at the bench device.")  # fmt: skip
