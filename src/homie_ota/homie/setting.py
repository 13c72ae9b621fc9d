"""How a person's value reaches a property: where it is published, how, and whether the property takes it.

Rule: what the generations do differently is a row of GENERATIONS. Nothing is ever retained: a command that the broker
keeps is repeated at every connect. A value that contradicts what the device announces of the property is refused here,
since a device ignores it without a word.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from homie_ota.model import Address, Publish

LONGEST = 1000
"""Bytes of a value; an ESP8266 keeps the whole message in memory."""


class Generation(NamedTuple):
    """How one generation takes values: whether it `marks` what can be set, and the payload of an empty text.

    `momentary_qos` is that of properties which keep no value (Homie 5 asks for 0: a repeated press is another press).
    """

    marks: bool
    empty: bytes | None = None
    momentary_qos: int = 1


GENERATIONS: dict[str, Generation] = {
    "1": Generation(marks=False),
    "2": Generation(marks=True),
    "3": Generation(marks=True),
    "4": Generation(marks=True, empty=b""),
    "5": Generation(marks=True, empty=b"\0", momentary_qos=0),
    # esp32-homie marks nothing either.
    "e": Generation(marks=False),
}
"""By the first letter of `evidence.generation` (homie-versions.md, "At a glance" and the sheet of each version)."""


class Property(NamedTuple):
    """What is known of a property; `settable` is None where its generation cannot say."""

    settable: bool | None
    datatype: str = ""
    format: str = ""
    retained: bool = True


class Value(NamedTuple):
    """The value as it is published, or the sentence that says why it is none (`problem`)."""

    text: str
    problem: str = ""


def generation_of(homie: str) -> Generation | None:
    """The row of a device's generation; None when it is not known."""
    return GENERATIONS.get(homie[:1])


def describe(homie: str, announced: Mapping[str, Any], prop: str = "") -> Property:
    """A property from the `nodes` of a device's row; `announced` is empty for one that was only heard.

    Of a range `led[1-3]` the elements (`led_1`) can be set and not the range itself.
    """
    generation = generation_of(homie)
    settable = announced.get("settable")
    if settable is None and (generation is None or generation.marks):
        settable = False
    if settable and announced.get("span") and not prop.rpartition("_")[2].isdecimal():
        settable = False
    return Property(
        settable,
        str(announced.get("datatype", "")),
        str(announced.get("format", "")),
        announced.get("retained") is not False,
    )


def message(address: Address, homie: str, node: str, prop: str, of: Property, text: str) -> Publish | None:
    """What is published to set it; None when the generation is not known, or has no payload for an empty text."""
    generation = generation_of(homie)
    if generation is None:
        return None
    payload = text.encode() if text else generation.empty
    if payload is None:
        return None
    qos = 1 if of.retained else generation.momentary_qos
    return Publish(f"{address.topic}/{node}/{prop}/set", payload, qos=qos, retain=False)


# --- Values ---------------------------------------------------------------------------------------------------------


def check(of: Property, text: str) -> Value:
    """The value as this property takes it, or why it does not."""
    if len(text.encode(errors="replace")) > LONGEST:
        return Value("", f"The value is longer than {LONGEST} bytes.")
    if "\0" in text:
        return Value("", "The value holds a zero byte, which no device takes.")
    # Spaces around a number are a slip; around a text they may be meant.
    tidy = text if of.datatype in ("", "string") else text.strip()
    problem = _CHECKS.get(of.datatype, _anything)(tidy, of.format)
    return Value("", problem) if problem else Value(tidy)


def choices(of: Property) -> tuple[str, ...]:
    """The values to choose from, where there are few: of a boolean and an enum; empty otherwise."""
    if of.datatype == "boolean":
        return ("true", "false")
    return tuple(_listed(of.format)) if of.datatype == "enum" else ()


def span(of: Property) -> tuple[float | None, float | None, float | None]:
    """Least, most and step of a number, as announced (`0:100`, `0:100:5`, `:10`); None for what is not."""
    parts = of.format.split(":") if of.datatype in ("integer", "float") else []
    least, most, step = (_number(part) for part in (*parts, "", "", "")[:3])
    return (None, None, None) if len(parts) < 2 else (least, most, step)


def _listed(format_: str) -> list[str]:
    return [each.strip() for each in format_.split(",") if each.strip()]


def _number(text: str) -> float | None:
    try:
        found = float(text)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _anything(_text: str, _format: str) -> str:
    return ""


def _integer(text: str, format_: str) -> str:
    if re.fullmatch(r"-?[0-9]{1,18}", text) is None:
        return f"It takes a whole number, and “{text[:40]}” is none."
    return _within(text, "integer", format_)


def _float(text: str, format_: str) -> str:
    if re.fullmatch(r"[-+0-9.eE]{1,40}", text) is None or _number(text) is None:
        return f"It takes a number with a decimal point, and “{text[:40]}” is none."
    return _within(text, "float", format_)


def _within(text: str, datatype: str, format_: str) -> str:
    least, most, _ = span(Property(True, datatype, format_))
    number = float(text)
    if (least is not None and number < least) or (most is not None and number > most):
        return f"It takes {_range(least, most)}, and {text[:40]} is not in that."
    return ""


def _range(least: float | None, most: float | None) -> str:
    if least is None:
        return f"at most {most:g}"
    return f"{least:g} to {most:g}" if most is not None else f"at least {least:g}"


def _boolean(text: str, _format: str) -> str:
    return "" if text in ("true", "false") else f"It takes true or false, and not “{text[:40]}”."


def _enum(text: str, format_: str) -> str:
    known = _listed(format_)
    if not known or text in known:
        return ""
    return f"It takes one of {', '.join(known)[:200]}, and not “{text[:40]}”."


_COLOURS = {"rgb": (255, 255, 255), "hsv": (360, 100, 100)}


def _color(text: str, format_: str) -> str:
    """`255,0,0` up to 4.x; Homie 5 writes the space first (`rgb,255,0,0`), and has `xyz`."""
    space, comma, rest = text.partition(",")
    named = bool(comma) and space.strip().isalpha()
    kind, numbers = (space.strip(), rest) if named else (_listed(format_)[0] if format_ else "rgb", text)
    parts = [_number(each) for each in numbers.split(",")]
    if named and format_ and kind not in _listed(format_):
        return f"It takes a colour as {format_[:40]}, and not as {kind[:20]}."
    most = _COLOURS.get(kind)
    wrong = not comma or None in parts or len(parts) not in (2, 3)
    if not wrong and most is not None:
        wrong = len(parts) != 3 or any(
            each is None or not 0 <= each <= top for each, top in zip(parts, most, strict=True)
        )
    return f"It takes a colour such as {_an_example(kind, named)}, and not “{text[:40]}”." if wrong else ""


def _an_example(kind: str, named: bool) -> str:
    numbers = {"hsv": "120,100,50", "xyz": "0.25,0.34"}.get(kind, "255,128,0")
    return f"{kind},{numbers}" if named else numbers


def _datetime(text: str, _format: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return f"It takes a moment such as 2026-03-01T12:00:00Z, and not “{text[:40]}”."
    return ""


_DURATION = re.compile(r"P(?=.)(\d+D)?(T(?=\d)(\d+H)?(\d+M)?(\d+(\.\d+)?S)?)?")


def _duration(text: str, _format: str) -> str:
    if _DURATION.fullmatch(text):
        return ""
    return f"It takes a length of time such as PT12H5M46S, and not “{text[:40]}”."


def _json(text: str, _format: str) -> str:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "It takes JSON, and this cannot be read as such."
    return "" if isinstance(found, dict | list) else "It takes a JSON object or list."


_CHECKS: dict[str, Callable[[str, str], str]] = {
    "integer": _integer,
    "float": _float,
    "boolean": _boolean,
    "enum": _enum,
    "color": _color,
    "datetime": _datetime,
    "duration": _duration,
    "json": _json,
}
