"""What moving an old installation took and what it did not, line by line, each with the reason.

Rule: nothing is passed over in silence; a second run says that all is there already.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Took(StrEnum):
    """What became of one thing of the old installation."""

    TAKEN = "taken"
    THERE = "there already"
    LEFT = "left"  # not needed here, or another way is the better one
    REFUSED = "refused"  # it would have been taken if it were good


class Line(NamedTuple):
    """One thing: its kind (`settings`, `login`, `image`, `device`, `file`), its name, what became of it, and why."""

    kind: str
    name: str
    took: Took
    text: str


@dataclass(slots=True)
class Report:
    """All lines, in the order of reading."""

    lines: list[Line] = field(default_factory=list)

    def add(self, kind: str, name: str, took: Took, text: str) -> None:
        """Add a line."""
        self.lines.append(Line(kind, name, took, text))

    def count(self, kind: str, took: Took) -> int:
        """How many things of this kind ended so."""
        return sum(1 for each in self.lines if (each.kind, each.took) == (kind, took))

    @property
    def is_whole(self) -> bool:
        """Whether nothing that should have come along was refused."""
        return not any(each.took is Took.REFUSED for each in self.lines)
