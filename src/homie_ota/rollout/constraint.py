"""Whether a version is one of those that a text like `>=1.5,<2` or `2.*` means.

Rule: every part has to hold; where versions cannot be compared the answer is None, never a guess.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import NamedTuple

from homie_ota.rollout.versions import compare, release

LONGEST = 64
"""Characters of a constraint, as its column holds them."""

_PART = re.compile(r"\s*(>=|<=|==|!=|=|>|<|)\s*(\w[^\s,<>=!]*|\*)\s*,?")
_HOLDS: dict[str, Callable[[int, int], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "!=": operator.ne,
}
_EXACT = ("=", "==", "!=")
"""Signs behind which a word may stand; without one, or below a bound, a word means no versions (`foo`, `>=master`)."""


class Part(NamedTuple):
    """One condition: a sign of comparison, and a version or (with `=` and `!=` alone) `2.*`."""

    sign: str
    version: str

    def holds(self, version: str) -> bool | None:
        """Whether it does for this version; None when they cannot be compared."""
        if self.version == "*":
            return True
        if self.version.endswith(".*"):
            return self._begins(version)
        order = compare(version, self.version) if version.strip() else None
        return None if order is None else _HOLDS[self.sign](order, 0)

    def _begins(self, version: str) -> bool | None:
        wanted, found = release(self.version[:-2]), release(version)
        if wanted is None or found is None:
            return None
        return (found[: len(wanted)] == wanted) is (self.sign == "=")


class Constraint(NamedTuple):
    """Conditions of which all must hold; none holds for every version."""

    parts: tuple[Part, ...]

    def holds(self, version: str) -> bool | None:
        """Whether it does; None when that cannot be told, and nothing speaks against it."""
        told = [part.holds(version) for part in self.parts]
        if False in told:
            return False
        return None if None in told else True


def read(text: str) -> Constraint | None:
    """The constraint in a text (`>=1.5,<2`, `2.*`, `1.5`: exactly that, `=master`); None when it is none."""
    parts, at, bare = [], 0, False
    text = text.strip()
    while at < len(text):
        found = _PART.match(text, at)
        if found is None or found.end() == at:
            return None
        bare |= not found[1]  # a version without a sign stands alone: more of them are a sentence
        sign = found[1].replace("==", "=") or "="
        if not _is_version(found[2], sign) or not (found[1] in _EXACT or _has_number(found[2])):
            return None
        parts.append(Part(sign, found[2]))
        at = found.end()
    return Constraint(tuple(parts)) if len(text) <= LONGEST and not (bare and len(parts) > 1) else None


def _has_number(text: str) -> bool:
    return text == "*" or any(char.isdigit() for char in text)


def _is_version(text: str, sign: str) -> bool:
    if "*" not in text:
        return True
    plain = text == "*" or (text.endswith(".*") and release(text[:-2]) is not None and text.count("*") == 1)
    return plain and sign in ("=", "!=")
