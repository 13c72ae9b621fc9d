"""A plan as people fill it in: text by the name of a field → a plan, or a sentence that says what has no meaning.

Rule: an empty field is what is usual; what is asked of the gates is asked of every wave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

from homie_ota.errors import WrongUse
from homie_ota.rollout import spelling
from homie_ota.rollout.plan import BY_DEFAULT, Limits, OnHarm, Order, Plan, WaveRule, Window

Fields = Mapping[str, str]

FIELDS = (
    "waves", "verified", "harmful", "soak", "minimum", "parallel", "bytes", "pace", "windows", "guards", "last",
    "order", "on_harm", "attempts", "absent_after", "late_for",
)  # fmt: skip
"""Everything of a plan that a person may fill in."""


def read_plan(fields: Fields) -> Plan:
    """The plan; without waves where neither they nor their gates are named. WrongUse."""
    limits = {
        name: value
        for name, value in (
            ("parallel", _number(fields, "parallel", "transfers at a time")),
            ("bytes_in_flight", _bytes(fields)),
            ("starts_per_minute", _pace(fields)),
        )
        if value is not None
    }
    told: dict[str, Any] = {
        "on_harm": _one_of(fields, "on_harm", OnHarm, "after harm a rollout can"),
        "order": _one_of(fields, "order", Order, "the order is"),
        "attempts": _number(fields, "attempts", "attempts a device", least=1),
        "absent_after": _span(fields, "absent_after", "how long a wave waits for who is away"),
        "late_for": _span(fields, "late_for", "how long late joiners are taken"),
    }
    return Plan(
        _waves(fields),
        Limits(**{**asdict(Limits()), **limits}),
        windows=tuple(_window(text) for text in _lines(fields, "windows")),
        guards=tuple(_lines(fields, "guards")),
        last=fields.get("last", "").strip(),
        **{name: value for name, value in told.items() if value is not None},
    )


def _waves(fields: Fields) -> tuple[WaveRule, ...]:
    text, gate = fields.get("waves", "").strip(), _gate(fields)
    if not text and not gate:
        return ()
    rules = spelling.read_waves(text) if text else BY_DEFAULT.waves
    if rules is None:
        raise WrongUse(f"{text[:80]!r} are no waves; expected something like 1,10%,rest.")
    return tuple(replace(each, gate=replace(each.gate, **gate)) for each in rules)


def _gate(fields: Fields) -> dict[str, Any]:
    """What is asked of every gate, beside what is usual at its place."""
    asked = {
        "verified": _share(fields),
        "harmful": _number(fields, "harmful", "harmful failures that a wave bears"),
        "soak": _span(fields, "soak", "the soak"),
        "minimum": _number(fields, "minimum", "how many must have been tried"),
    }
    return {name: value for name, value in asked.items() if value is not None}


def _text(fields: Fields, name: str) -> str:
    return fields.get(name, "").strip()


def _lines(fields: Fields, name: str) -> list[str]:
    """Several things, each on a line of its own or behind a semicolon."""
    parts = fields.get(name, "").replace("\r", "\n").replace(";", "\n").split("\n")
    return [part.strip() for part in parts if part.strip()]


def _read(fields: Fields, name: str, read: Callable[[str], Any], wrong: str) -> Any:
    """The value of a field, None where it is empty; WrongUse where it has no meaning."""
    text = _text(fields, name)
    if not text:
        return None
    found = read(text)
    if found is None:
        raise WrongUse(f"{text[:80]!r}: {wrong}")
    return found


def _number(fields: Fields, name: str, what: str, least: int = 0) -> Any:
    def read(text: str) -> int | None:
        return (
            int(text)
            if text.isascii() and text.isdecimal() and len(text) < 8 and int(text) >= least
            else None
        )

    return _read(fields, name, read, f"{what} is a whole number from {least} on.")


def _span(fields: Fields, name: str, what: str) -> Any:
    return _read(fields, name, spelling.read_span, f"{what} is a time such as 90s, 30m, 2h or 1d.")


def _share(fields: Fields) -> Any:
    def read(text: str) -> float | None:
        number = text.removesuffix("%").strip()
        plain = number.replace(".", "", 1)
        is_one = plain.isascii() and plain.isdecimal() and float(number) <= 100
        return float(number) / 100 if is_one else None

    return _read(fields, "verified", read, "what must be verified of a wave is a percentage from 0 to 100.")


def _pace(fields: Fields) -> Any:
    def read(text: str) -> float | None:
        plain = text.replace(".", "", 1)
        return float(text) if plain.isascii() and plain.isdecimal() and len(text) < 8 else None

    return _read(fields, "pace", read, "starts a minute are a number, such as 6 or 0.5.")


_UNITS = {"": 1, "k": 1024, "kb": 1024, "m": 1024 * 1024, "mb": 1024 * 1024}


def _bytes(fields: Fields) -> Any:
    def read(text: str) -> int | None:
        number = text.rstrip("KkMmBb ")
        unit = text[len(number) :].strip().lower()
        is_one = number.isascii() and number.isdecimal() and len(number) < 13 and unit in _UNITS
        return int(number) * _UNITS[unit] if is_one else None

    return _read(fields, "bytes", read, "bytes in flight are a size such as 900 KB or 2 MB.")


def _one_of(fields: Fields, name: str, words: type[OnHarm] | type[Order], what: str) -> Any:
    def read(text: str) -> Any:
        return words(text) if text in set(words) else None

    return _read(fields, name, read, f"{what} {', '.join(words)}.")


def _window(text: str) -> Window:
    found = spelling.read_window(text)
    if found is None:
        raise WrongUse(f"{text[:80]!r} is no window; expected one like Mon-Fri 02:00-05:00.")
    return found
