"""What an update would do to some devices, in one line: `7 change, 2 already run it, 1 no: 1 MB flash`.

Rule: every device is in exactly one number, and who gets nothing is counted with the reason, not left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from homie_ota.rollout.members import RUNS_IT

WORDS: dict[str, str] = {
    "no-way": "cannot be updated from here",
    "ota-disabled": "updates are off in its configuration",
    "not-an-image": "this file is no image",
    "unnameable": "its offer cannot name the image",
    "pinned": "pinned",
    "quarantined": "in quarantine",
    "dead-end": "the image cannot be updated again",
    "wrong-kind": "wrong kind of file",
    "wrong-chip": "other chip",
    "flash-too-small": "flash too small",
    "flash-config": "wrong flash setting",
    "too-large": "no room",
    "refused-before": "refused this image before",
    "stepping-stone": "something else has to run first",
    "downgrade": "runs a newer one",
    "busy": "being updated",
    "no-path": "no way over stepping stones",
}
"""Code of a refusal → the few words that a line has room for."""


class Left(NamedTuple):
    """One device that gets nothing: the code of why, and more exact words where there are some."""

    code: str
    words: str = ""


class Tally(NamedTuple):
    """The numbers: how many change, already run it, and for each reason how many do not get it, the most first."""

    change: int
    same: int
    no: tuple[tuple[str, int], ...] = ()

    @property
    def text(self) -> str:
        """The line, without a full stop."""
        parts = [f"{self.change} {'changes' if self.change == 1 else 'change'}"]
        if self.same:
            parts.append(f"{self.same} already {'runs' if self.same == 1 else 'run'} it")
        parts += [f"{count} no: {words}" for words, count in self.no]
        return ", ".join(parts)


def count(change: int, left: Sequence[Left]) -> Tally:
    """The numbers of `change` devices that would be updated and those that would not."""
    same = sum(each.code in RUNS_IT for each in left)
    reasons = Counter(
        each.words or WORDS.get(each.code, each.code.replace("-", " "))
        for each in left
        if each.code not in RUNS_IT
    )
    return Tally(change, same, tuple(reasons.most_common()))
