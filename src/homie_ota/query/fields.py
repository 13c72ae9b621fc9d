"""The fields of a query, what each takes, and which field was meant by a misspelt one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import NamedTuple

from homie_ota.model import DeploymentState, State, Way
from homie_ota.model.standing import Need, Standing
from homie_ota.query.values import ANY, Text, Value


class Field(NamedTuple):
    """What a field takes: a `kind` of KINDS, and for words which; `meaning` is for documents and pages."""

    kind: str
    meaning: str
    words: tuple[str, ...] = ()


FIELDS: dict[str, Field] = {
    "id": Field("text", "device id, or with its base: `homie/hall-lamp`"),
    "name": Field("text", "name that the device announces"),
    "base": Field("text", "base topic: `homie/5`"),
    "homie": Field("version", "version of the convention"),
    "state": Field("word", "state of the device", tuple(State)),
    "fw": Field("text", "name of the firmware it runs, or `name@version`"),
    "version": Field("version", "version of the firmware it runs"),
    "md5": Field("text", "MD5 of the image it runs"),
    "target": Field(
        "text", "firmware it should run: name, `name@version` or SHA-256; `none`: nothing is set"
    ),
    "brand": Field("text", "brand of its firmware"),
    "impl": Field("text", "what its firmware is made with: `esp8266`, `esp32`, …"),
    "chip": Field("text", "chip of the image it runs, where that image is stored here, else `impl`"),
    "ip": Field("text", "address in the network"),
    "mac": Field("text", "MAC address, with or without separators"),
    "signal": Field("percent", "Wi-Fi signal in percent"),
    "uptime": Field("duration", "time since it started, as it last said"),
    "heap": Field("size", "free memory"),
    "seen": Field("duration", "time since its last message"),
    "ota": Field(
        "word", "how it is updated; `true`: it can be", (*Way, "true", "false", "enabled", "disabled")
    ),
    "tag": Field("text", "a tag"),
    "deployment": Field(
        "number or word",
        "state of its newest deployment, or a deployment's number; `active`: not ended, `none`: never had one",
        (*DeploymentState, "active", "none"),
    ),
    "rollout": Field("number", "number of a rollout that it takes part in"),
    "pinned": Field("word", "held back by a person", ("true", "false")),
    "node": Field("text", "id of one of its nodes"),
    "type": Field("text", "type of the device, or of one of its nodes"),
    "is": Field(
        "word",
        "how it stands: `on-target` runs its target (what was ordered, or a rollout brings), `behind` does "
        "not; `updating`, `waiting`, `asleep`, `away`, `awake`",
        tuple(Standing),
    ),
    "needs": Field(
        "word", "what it needs a person for; `you`: anything, as the list counts it", ("you", *Need)
    ),
}

ELSEWHERE = {
    "checksum": "md5",
    "device": "id",
    "firmware": "fw",
    "freeheap": "heap",
    "fwname": "fw",
    "fwversion": "version",
    "implementation": "impl",
    "last_seen": "seen",
    "lastseen": "seen",
    "localip": "ip",
    "memory": "heap",
    "online": "state",
    "rssi": "signal",
    "sha256": "target",
    "status": "state",
    "update": "deployment",
}
"""What people call a field elsewhere → our name, where no spelling is near."""

ORDERED = frozenset({"version", "percent", "duration", "size", "number"})
"""Kinds that can be compared with `<` and `>`."""
ONLY_ORDERED = frozenset({"duration"})
"""Kinds that are never equal to anything a person types: `seen:10m` would find nobody."""

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_BYTES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_NUMBER = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?")
_PERCENT = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?)%?")
_DURATION = re.compile(r"(?:[0-9]{1,12}(?:\.[0-9]{1,6})?[smhdw])+")
_DURATION_PART = re.compile(r"([0-9.]+)([smhdw])")
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)([kmg]?)(?:i?b)?")


def nearest(name: str) -> str:
    """The field that was probably meant by an unknown one: the nearest spelling, however far."""
    near = max((*FIELDS, *ELSEWHERE), key=lambda known: difflib.SequenceMatcher(None, name, known).ratio())
    return ELSEWHERE.get(near, near)


def number(text: str) -> float | None:
    """A decimal number with an optional sign, or None."""
    return float(text) if _NUMBER.fullmatch(text) else None


def percent(text: str) -> float | None:
    """`40` or `40%`, or None."""
    found = _PERCENT.fullmatch(text)
    return float(found[1]) if found else None


def duration(text: str) -> float | None:
    """Seconds of `90s`, `10m`, `2h`, `3d`, `1w` or `1h30m`, or None; a unit is required."""
    if not _DURATION.fullmatch(text.lower()):
        return None
    return sum(float(count) * _SECONDS[unit] for count, unit in _DURATION_PART.findall(text.lower()))


def size(text: str) -> float | None:
    """Bytes of `40k`, `1.5M`, `512` or `40 KiB` without the space, or None; a k is 1024."""
    found = _SIZE.fullmatch(text.lower())
    return float(found[1]) * _BYTES[found[2]] if found else None


def words(field: Field, text: str) -> Text | None:
    """One of the field's own words, or None."""
    return Text((text.lower(),)) if text.lower() in field.words else None


class Kind(NamedTuple):
    """How a kind of value is read, or None when it is not one; `expected` finishes "… takes"."""

    read: Callable[[Field, str], Value | None]
    expected: str


KINDS: dict[str, Kind] = {
    "text": Kind(lambda _, text: Text((text,)), "a text"),
    "version": Kind(lambda _, text: Text((text,)) if text else None, "a version, such as 2.0.1"),
    "number": Kind(lambda _, text: number(text), "a number"),
    "percent": Kind(lambda _, text: percent(text), "a percentage, such as 40"),
    "duration": Kind(lambda _, text: duration(text), "a time with its unit: 90s, 10m, 2h, 3d, 1w"),
    "size": Kind(lambda _, text: size(text), "a size: 40000, 40k, 1.5M"),
    "word": Kind(words, "one of"),
    "number or word": Kind(
        lambda field, text: number(text) if text.isdigit() else words(field, text), "a number or one of"
    ),
}


def expected(field: Field) -> str:
    """What the field takes, for an error: "one of init, ready, …"."""
    return " ".join((KINDS[field.kind].expected, ", ".join(field.words))).strip()


def value(field: Field, text: Text) -> Value | None:
    """`text` as a value of `field`, or None when the field does not take it; `*` alone fits every open field."""
    if text.plain is not None:
        return KINDS[field.kind].read(field, text.plain)
    if field.words:
        return None
    return text if text == ANY or field.kind in {"text", "version"} else None
