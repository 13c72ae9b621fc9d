"""What is said about a setting that is wrong: where it stands, what was expected, what was got, the nearest known key.

Rule: no secret is ever repeated, not even a wrong one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from pydantic import ValidationError

_SECRET = frozenset({"password", "url", "database", "notify", "webhooks"})
_EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "a text",
    "tuple": "a list of texts",
    "path": "a path",
    "model": "a table of keys",
}
"""The word in front of pydantic's kind of error → what was expected."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where settings come from: its name for people, what it says, and the prefix of its keys (the environment's)."""

    name: str
    values: Mapping[str, Any]
    prefix: str = ""

    def has(self, where: Sequence[str | int]) -> bool:
        """Whether this source has set the key (or section) at this place."""
        section = self.values.get(str(where[0]))
        if len(where) == 1 or not isinstance(section, Mapping):
            return section is not None
        return where[1] in section

    def place(self, where: Sequence[str | int]) -> str:
        """`homie-ota.toml: [http] port`, or `the environment: HOMIE_OTA_HTTP__PORT`."""
        names = [str(part) for part in where[:2]]
        if self.prefix:
            return f"{self.name}: {self.prefix}{'__'.join(names).upper()}"
        return f"{self.name}: [{names[0]}] {' '.join(names[1:])}".rstrip()


def complain(error: ValidationError, sources: Sequence[Source], known: Mapping[str, Sequence[str]]) -> str:
    """A line for each wrong setting."""
    return "\n".join(_sentence(dict(each), sources, known) for each in error.errors())


def _sentence(wrong: dict[str, Any], sources: Sequence[Source], known: Mapping[str, Sequence[str]]) -> str:
    where = wrong["loc"]
    source = next((each for each in sources if each.has(where)), Source("the settings", {}))
    place = source.place(where)
    place = place[0].upper() + place[1:] if place.startswith("the ") else place
    place += _inside(where)
    if wrong["type"] == "extra_forbidden" and len(where) > 2:
        return f"{place}: nobody knows that key."
    if wrong["type"] == "extra_forbidden":
        section, key = (str(where[0]), str(where[1])) if len(where) > 1 else (str(where[0]), "")
        return f"{place}: {unknown(section, key, known)}"
    hidden = len(where) == 1 or where[1] in _SECRET  # a whole section may hold secrets too
    got = "" if hidden else f", got {wrong['input']!r:.80}"
    return f"{place}: expected {_expected(wrong)}{got}."


def _inside(where: Sequence[str | int]) -> str:
    """Where it is inside of a key that holds a list: `, entry 2, secret`."""
    parts = [f"entry {part + 1}" if isinstance(part, int) else str(part) for part in where[2:]]
    return "".join(f", {part}" for part in parts)


def _expected(wrong: dict[str, Any]) -> str:
    context = wrong.get("ctx", {})
    if wrong["type"] == "value_error":
        return str(context["error"])
    if wrong["type"] == "literal_error":
        return str(context["expected"])
    if "ge" in context or "gt" in context:
        return (
            f"a number of at least {context['ge']}" if "ge" in context else f"a number above {context['gt']}"
        )
    if "le" in context:
        return f"a number of at most {context['le']}"
    return _EXPECTED.get(wrong["type"].partition("_")[0], str(wrong["msg"]))


def unknown(section: str, key: str, known: Mapping[str, Sequence[str]]) -> str:
    """The sentence for a key (or, with an empty key, a section or a key outside of any) that nobody knows."""
    if section in known and key:
        return f'there is no key "{key}" in [{section}]. {_nearest(key, section, known)}'
    if section and not key:
        return f'there is no "{section}" here. {_nearest(section, "", known)}'
    return f"there is no section [{section}]. {_nearest_section(section, known)}"


def _nearest_section(section: str, known: Mapping[str, Sequence[str]]) -> str:
    return f"The nearest known one is [{max(known, key=lambda each: _likeness(section, each))}]."


def _nearest(key: str, section: str, known: Mapping[str, Sequence[str]]) -> str:
    places = [(each, name) for each, names in known.items() for name in names]
    ranked = max(places, key=lambda place: _likeness(key, place[1]) + 0.25 * (place[0] == section))
    if not section and max(_likeness(key, each) for each in known) >= _likeness(key, ranked[1]):
        return _nearest_section(key, known)
    if ranked[0] == section:
        return f'The nearest known one is "{ranked[1]}".'
    return f'The nearest known one is "{ranked[1]}" in [{ranked[0]}].'


def _likeness(a: str, b: str) -> float:
    return SequenceMatcher(None, a.lower(), b.lower()).ratio()
