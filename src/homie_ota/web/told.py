"""What the rooms below say, in the reader's language: a sentence is found by the text that it was made from.

Rule: the core speaks English, and what it said is kept so in the log. Here a sentence is told apart again by the texts
of the catalogue (context `told`), whose `%(name)s` takes whatever stood there; what is in no catalogue stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

from homie_ota.web import texts

CONTEXT = "told"
"""What marks these texts in a catalogue (gettext's `msgctxt`)."""

_MARK = f"{CONTEXT}\x04"
_LONGEST = 1500
"""Characters of a sentence that is looked at; ours are shorter."""
_DEEPEST = 3
"""A sentence may stand in a sentence, and that in one."""
_PLACE = re.compile(r"%\((\w+)\)s")
_ENDS = (
    re.compile(r"(?<=[.!?])( )"),
    re.compile(r"(?<=[;:])( )"),
    re.compile(r"(, | → )"),
    re.compile(r"^([\d,.]+ )"),
)
"""Where a text that is made of several may be taken apart: sentences, halves, the parts of a list, and its number."""


class _Pattern(NamedTuple):
    find: re.Pattern[str]
    translation: str


def told(sentence: str) -> str:
    """The sentence in the language of who reads the page."""
    catalogue = texts.spoken_now()
    found = _OF.get(catalogue)
    if found is None:
        found = _OF[catalogue] = _Sentences(getattr(catalogue, "_catalog", {}))
    return found.told(sentence)


class _Sentences:
    """The texts of one catalogue."""

    def __init__(self, catalog: Mapping[object, str]) -> None:
        mine = dict(_opened(str(key), text) for key, text in catalog.items() if _is_ours(key))
        self._exactly = {key.replace("%%", "%"): text for key, text in mine.items() if not _PLACE.search(key)}
        ordered = sorted((key for key in mine if _PLACE.search(key)), key=_weight, reverse=True)
        self._patterns = [_Pattern(_compiled(key), mine[key]) for key in ordered]
        self.told = lru_cache(maxsize=4096)(self._told) if mine else _as_it_is

    def _told(self, sentence: str) -> str:
        return self._whole(sentence, _DEEPEST) if len(sentence) <= _LONGEST else sentence

    def _whole(self, sentence: str, depth: int, level: int = 0) -> str:
        """All of it, or (from this level of _ENDS on) its parts."""
        found = self._one(sentence, depth) if sentence else ""
        if found is not None:
            return found
        for at, end in enumerate(_ENDS[level:], level + 1):
            parts = end.split(sentence)
            if len(parts) > 1:
                parts[::2] = (self._whole(part, depth, at) for part in parts[::2])
                return "".join(parts)
        return sentence

    def _one(self, sentence: str, depth: int) -> str | None:
        exactly = self._exactly.get(sentence)
        if exactly is not None:
            return exactly.replace("%%", "%")
        for each in self._patterns if depth else ():
            match = each.find.fullmatch(sentence)
            if match:
                values = {name: self._whole(value, depth - 1) for name, value in match.groupdict().items()}
                return _filled_in(each.translation, values)
        return None


def _filled_in(translation: str, values: Mapping[str, str]) -> str | None:
    """None for a translation that names a value which is not there: a slip in a catalogue costs no page."""
    try:
        return translation % values
    except (KeyError, TypeError, ValueError):
        return None


_OF: WeakKeyDictionary[object, _Sentences] = WeakKeyDictionary()


def _as_it_is(sentence: str) -> str:
    return sentence


def _is_ours(key: object) -> bool:
    return isinstance(key, str) and key.startswith(_MARK)


def _opened(key: str, text: str) -> tuple[str, str]:
    """A text that begins or ends with a space goes on there: something stands before it, or behind."""
    key = key.removeprefix(_MARK)
    before, after = "%(before_it)s" * key.startswith(" "), "%(after_it)s" * key.endswith(" ")
    return f"{before}{key}{after}", f"{before}{text}{after}"


def _weight(text: str) -> int:
    """The text that says most itself is tried first."""
    return len(_PLACE.sub("", text))


def _compiled(text: str) -> re.Pattern[str]:
    pieces = _PLACE.split(text)
    return re.compile(
        "".join(
            f"(?P<{piece}>.*?)" if at % 2 else re.escape(piece.replace("%%", "%"))
            for at, piece in enumerate(pieces)
        ),
        re.DOTALL,
    )
