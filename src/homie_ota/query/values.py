"""What a query is once it is read: immutable values, a tree of conditions."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Op(StrEnum):
    """How a term compares; `!=` is read as a negated `=`."""

    EQ = "="
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="


@dataclass(frozen=True, slots=True)
class Text:
    """A text to match, cut at its `*` wildcards: `("hall-", "")` is `hall-*`; one part means no wildcard."""

    parts: tuple[str, ...]

    @property
    def plain(self) -> str | None:
        """The text, or None when there is a wildcard in it."""
        return self.parts[0] if len(self.parts) == 1 else None


ANY = Text(("", ""))
"""`field:*`: something is known, a value that is not empty."""

Value = Text | float


@dataclass(frozen=True, slots=True)
class Word:
    """Bare words: id, name or firmware name contains one of them (or matches as a whole, where it has a `*`)."""

    values: tuple[Text, ...]


@dataclass(frozen=True, slots=True)
class Term:
    """`field:value`, one of `values` fits: durations in seconds, sizes in bytes; words and versions are Text."""

    field: str
    op: Op
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Property:
    """`node/property:value`: a reading fits; an EQ value is Text, an order is by number."""

    node: Text
    prop: Text
    op: Op
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Every device that `part` does not find, also those of which too little is known."""

    part: Query


@dataclass(frozen=True, slots=True)
class And:
    """All of `parts`; without parts every device."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """One of `parts` at least."""

    parts: tuple[Query, ...]


Query = Word | Term | Property | Not | And | Or
