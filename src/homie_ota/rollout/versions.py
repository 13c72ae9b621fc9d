"""Which of two versions is the newer one, and a text for each by which a database sorts them.

Rule: the key decides, and `compare` only adds when there is nothing to decide. Keys hold digits and small letters
alone, so that every database sorts them the same way, whatever its collation.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

LONGEST = 255

# One sign in front of each part of a key; what may stand at the same place sorts by these.
_NO_NUMBER, _BEFORE, _END, _AFTER, _COMPONENT = "0", "1", "3", "5", "7"
_LAST, _NUMBER, _LETTERS = "1", "2", "4"

_RELEASE = re.compile(r"v?(\d+(?:\.\d+)*)(.*)", re.IGNORECASE | re.DOTALL | re.ASCII)
_DATE = re.compile(
    r"(20\d\d)(?:(0[1-9]|1[0-2])([0-3]\d)|[-_](0?[1-9]|1[0-2])[-_]([0-3]?\d))(?!\.)(.*)", re.DOTALL | re.ASCII
)
_YEAR = re.compile(r"20\d\d", re.ASCII)
_DESCRIBED = re.compile(r"-\d+-g[0-9a-f]{4,40}(-dirty)?", re.IGNORECASE | re.ASCII)
_HASH = re.compile(r"(?=.*[a-f])(?=.*\d)[0-9a-f]{7,40}", re.ASCII)
_PARTS = re.compile(r"\d+|[a-z]+", re.ASCII)
_LATER = frozenset({"post", "p", "patch", "rev", "r", "sp", "fix", "hotfix"})
"""Words behind a release that make it a later one; other words (alpha, beta, rc, dev) an earlier one."""


def version_key(text: str) -> str:
    """A text that sorts as the versions do: 1.9 < 1.10, 2.0.0-beta.2 < 2.0.0, v2 = 2.0.0; at most LONGEST characters.

    What has no number in front (`master`, a commit's hash) sorts below all that have; an empty text lowest.
    """
    scheme, components, rest = _read(text)
    if scheme in ("", "word"):
        return (_NO_NUMBER + _identifiers(rest) if scheme else "")[:LONGEST]
    numbers = [component.lstrip("0") or "0" for component in components]
    while len(numbers) > 1 and numbers[-1] == "0":
        numbers.pop()
    release = "".join(_COMPONENT + _counted(number) for number in numbers)
    return (release + _behind(scheme, rest))[:LONGEST]


@lru_cache(maxsize=4096)  # a fleet runs few versions, and is compared as a whole
def compare(a: str, b: str) -> int | None:
    """-1, 0 or 1 for older, the same and newer; None when nobody can say (`master` and 1.0, a date and 1.0)."""
    if a.strip() == b.strip():
        return 0
    schemes = {_read(a)[0], _read(b)[0]}
    if len(schemes) > 1 or schemes & {"", "word"}:
        return None
    left, right = version_key(a), version_key(b)
    return (left > right) - (left < right)


def release(text: str) -> tuple[int, ...] | None:
    """The numbers of a plain release (`v2.1` → 2, 1); None for dates, words and what else has no such numbers."""
    scheme, components, _ = _read(text)
    return tuple(int(each[:99]) for each in components) if scheme == "number" else None


def _read(text: str) -> tuple[str, list[str], str]:
    """The scheme (`number`, `date`, `word` or empty), the numbers of the release, and what stands behind them."""
    text = unicodedata.normalize("NFKD", text).strip().partition("+")[0]  # build metadata orders nothing
    if not text:
        return "", [], ""
    if _HASH.fullmatch(text.lower()):
        return "word", [], text
    if date := _DATE.fullmatch(text):
        return "date", [part for part in date.groups()[:5] if part], date[6]
    release = _RELEASE.fullmatch(text)
    if not release:
        return "word", [], text
    components = release[1].split(".")
    return ("date" if _YEAR.fullmatch(components[0]) else "number"), components, release[2]


def _behind(scheme: str, rest: str) -> str:
    """The key of what follows the numbers: before the release, after it, or nothing."""
    identifiers = _PARTS.findall(rest.lower())
    if not identifiers:
        return _END
    return (_AFTER if _is_later(scheme, rest, identifiers) else _BEFORE) + _identifiers(rest)


def _is_later(scheme: str, rest: str, identifiers: list[str]) -> bool:
    if _DESCRIBED.fullmatch(rest) or identifiers[0] in _LATER:
        return True
    if scheme == "date" and identifiers[0].isdigit():  # the second build of a day, or its time
        return True
    # `1.0b` is a revision of 1.0, as letters on drawings are; `1.0b1` and `1.0-b` are a beta.
    return len(rest) == 1


def _identifiers(text: str) -> str:
    """Numbers below words, numbers by value, and the shorter list first."""
    parts = _PARTS.findall(text.lower())
    coded = (_NUMBER + _counted(p.lstrip("0") or "0") if p[0].isdigit() else f"{_LETTERS}{p}0" for p in parts)
    return "".join(coded) + _LAST


def _counted(number: str) -> str:
    """Digits behind their count, so that texts of numbers sort as the numbers do."""
    return f"{min(len(number), 99):02d}{number[:99]}"
