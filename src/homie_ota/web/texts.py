"""The words that people read, in their language.

Rule: whatever a page says goes through `_` (in templates `{{ _('…') }}` or `{% trans %}`); what devices and files say
does not. Every text is a format: `%(name)s` takes a value, a per cent sign is written `%%`.
"""

from __future__ import annotations

import contextlib
import gettext
from collections.abc import Iterator
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path

CATALOGUES = Path(__file__).with_name("locale")
"""A language is a folder here with `LC_MESSAGES/homie-ota.mo`; the texts themselves are English."""

DOMAIN = "homie-ota"
OURS = "en"

_spoken: ContextVar[gettext.NullTranslations] = ContextVar("spoken")
_ENGLISH = gettext.NullTranslations()


def _(text: str, /, **values: object) -> str:
    """A text in the language of who reads the page, filled in: `_("%(n)s devices", n=3)`."""
    return plain(text) % values


def ngettext(one: str, many: str, num: int, /, **values: object) -> str:
    """The text for this number, which it may use as `%(num)s`."""
    return plain_number(one, many, num) % {"num": num, **values}


def N_(text: str, /) -> str:  # noqa: N802 - what gettext calls it everywhere
    """Marks a text of a table, which is put into words where it is shown: `_(WORDS[state])`."""
    return text


def plain(text: str) -> str:
    """The same, not filled in; for templates, which fill in and escape by themselves."""
    return _spoken.get(_ENGLISH).gettext(text)


def plain_number(one: str, many: str, num: int) -> str:
    """The text for this number, not filled in."""
    return _spoken.get(_ENGLISH).ngettext(one, many, num)


def spoken_now() -> gettext.NullTranslations:
    """The catalogue of who reads the page."""
    return _spoken.get(_ENGLISH)


def speak(accepted: str) -> None:
    """From now on, in this task, say everything in the language that a browser likes best."""
    _spoken.set(catalogue(language_of(accepted)))


@contextlib.contextmanager
def spoken(language: str) -> Iterator[None]:
    """Everything in the `with` block is said in this language (threads need a block of their own)."""
    token = _spoken.set(catalogue(language))
    try:
        yield
    finally:
        _spoken.reset(token)


@lru_cache(maxsize=32)
def catalogue(language: str) -> gettext.NullTranslations:
    """The texts of a language; English where there is no catalogue for it."""
    if language == OURS:
        return _ENGLISH
    return gettext.translation(DOMAIN, CATALOGUES, languages=[language], fallback=True)


@lru_cache(maxsize=1)
def languages() -> frozenset[str]:
    """The languages that there are texts in."""
    found = CATALOGUES.glob(f"*/LC_MESSAGES/{DOMAIN}.mo")
    return frozenset({OURS, *(path.parts[-3] for path in found)})


def language_of(accepted: str) -> str:
    """The language of ours that a browser likes best, from its header Accept-Language."""
    if accepted.isascii() and len(languages()) > 1:
        for each in sorted(accepted.lower().split(",")[:20], key=_wish):
            word = each.partition(";")[0].strip().partition("-")[0]
            if word in languages():
                return word
    return OURS


def _wish(each: str) -> float:
    weight = each.partition("q=")[2].strip()
    try:
        return -float(weight) if weight else -1.0
    except ValueError:
        return 0.0
