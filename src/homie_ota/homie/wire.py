"""The words of the wire in ours: text, states and statuses that more than one generation speaks.

Rule: whatever the bytes are, the answer is a value or None; nothing here raises, and nothing keeps more than MAX_TEXT.
"""

from __future__ import annotations

from collections.abc import Callable

from homie_ota.homie import secrets
from homie_ota.model import (
    Address,
    FactSeen,
    NodeFactSeen,
    Observation,
    OtaEvent,
    OtaStatusSeen,
    PropertyFactSeen,
    State,
    StateSeen,
    ValueCleared,
    ValueSeen,
)

MAX_TEXT = 4096
"""Bytes of one payload that we keep; a config.json has at most 1,000."""

# Made without the named tuple's own constructor, which takes as long as all the rest of reading a value.
_new = tuple.__new__

Read = Callable[[Address, bytes, bool], Observation | None]
"""How one topic of a device is read: address, payload, retain flag → what it says."""

# Control characters would end up in logs, and NUL is refused by PostgreSQL; the bidirectional ones let a name dress up
# as another. Line ends and tabs become spaces.
UNWANTED: dict[int, str | None] = dict.fromkeys((*range(32), *range(127, 160), *range(0xD800, 0xE000)))
UNWANTED |= dict.fromkeys((0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF))
UNWANTED |= dict.fromkeys((9, 10, 13), " ")


def text(payload: bytes) -> str:
    """The payload as text: capped, wrong UTF-8 replaced, control characters stripped."""
    if len(payload) > MAX_TEXT:
        return cut(payload)
    try:
        found = payload.decode()
    except UnicodeDecodeError:
        found = payload.decode(errors="replace")
    return found if found.isprintable() else found.translate(UNWANTED)


def cut(payload: bytes) -> str:
    """The beginning of a payload that is too long; a character cut in two is left out."""
    return payload[:MAX_TEXT].decode(errors="replace").rstrip("\ufffd").translate(UNWANTED)


def is_clean(name: str) -> bool:
    """Whether a topic level can be kept as an id: no control characters, and not too long for a row."""
    return len(name) <= 255 and (name.isprintable() or name.translate(UNWANTED) == name)


def fact(name: str, *, legacy: bool = False) -> Read:
    """Read a topic as the fact `name`; an empty payload says that the topic was cleared."""

    def read(device: Address, payload: bytes, retained: bool) -> FactSeen:
        return _new(FactSeen, (device, name, text(payload), retained, legacy))

    return read


def facts(names: dict[str, str], *, legacy: bool = False) -> dict[str, Read]:
    """Readers for a table of topic → fact."""
    return {topic: fact(name, legacy=legacy) for topic, name in names.items()}


_STATES = {
    "init": State.INIT,
    "ready": State.READY,
    "disconnected": State.DISCONNECTED,
    "sleeping": State.SLEEPING,
    "lost": State.LOST,
    "alert": State.ALERT,
}
_ONLINE = {"true": State.READY, "false": State.LOST}


def state(device: Address, payload: bytes, retained: bool) -> StateSeen | FactSeen | None:
    """`$state` of 3.x and later; cleared means that the device was removed."""
    return _state(_STATES, device, payload, retained, legacy=False)


def online(device: Address, payload: bytes, retained: bool) -> StateSeen | FactSeen | None:
    """`$online` of 1.5 and 2.x."""
    return _state(_ONLINE, device, payload, retained, legacy=True)


def _state(
    words: dict[str, State], device: Address, payload: bytes, retained: bool, *, legacy: bool
) -> StateSeen | FactSeen | None:
    word = text(payload).strip().lower()
    if not word and not payload:
        return FactSeen(device, "state", "", retained, legacy)
    found = words.get(word)
    return StateSeen(device, found, retained, legacy) if found else None


def config(device: Address, payload: bytes, retained: bool) -> FactSeen:
    """`$implementation/config`: the device leaves passwords out; should one be in it, it is masked."""
    return FactSeen(device, "config", secrets.masked(text(payload)), retained)


# The words are homie-esp8266's and esp32-homie's; the first that begins the text counts (homie-ota.md rules 6 and 10).
_STATUS: tuple[tuple[str, OtaEvent], ...] = (
    ("206", OtaEvent.PROGRESS),
    ("202", OtaEvent.ACCEPTED),
    ("200", OtaEvent.FLASHED),
    ("304", OtaEvent.SAME),
    ("403", OtaEvent.DISABLED),
    ("400 BAD_FIRMWARE", OtaEvent.BAD_FIRMWARE),
    ("400 BAD_CHECKSUM", OtaEvent.BAD_CHECKSUM),
    ("400 NOT_ENOUGH_SPACE", OtaEvent.NO_SPACE),
    ("400", OtaEvent.BAD_REQUEST),
    ("500 FLASH_ERROR", OtaEvent.FLASH_ERROR),
    ("500 no ota partitions", OtaEvent.NO_PARTITION),
    ("500 INTERNAL_ERROR 0", OtaEvent.STUCK),
    ("500", OtaEvent.ERROR),
)


def ota_status(device: Address, payload: bytes, retained: bool) -> OtaStatusSeen | None:
    """`$implementation/ota/status`; None for what is no status. It is published retained: then it is history."""
    line = text(payload)
    for words, event in _STATUS:
        if line.startswith(words):
            done, total = _progress(line) if event is OtaEvent.PROGRESS else (0, 0)
            return OtaStatusSeen(device, event, done, total, line[4:260].strip(), retained)
    return None


def _progress(line: str) -> tuple[int, int]:
    done, _, total = line[4:].strip().partition("/")
    return _count(done), _count(total)


def _count(digits: str) -> int:
    return int(digits) if digits.isascii() and digits.isdecimal() and len(digits) <= 12 else 0


NODE_FACTS = {"$name": "name", "$type": "type", "$properties": "properties", "$array": "array"}
PROPERTY_FACTS = {
    "$name": "name",
    "$datatype": "datatype",
    "$unit": "unit",
    "$format": "format",
    "$settable": "settable",
    "$retained": "retained",
    "$target": "target",
}


def value(node: str, prop: str) -> Read:
    """Read the value of a property: an empty payload clears it, one zero byte is the empty text (Homie 5)."""

    def read(device: Address, payload: bytes, retained: bool) -> ValueSeen | ValueCleared:
        if payload:
            return _new(ValueSeen, (device, node, prop, text(payload), retained))
        return ValueCleared(device, node, prop, retained)

    return read


def node_fact(node: str, topic: str) -> Read | None:
    """Read an attribute of a node; None when the topic is none."""
    name = NODE_FACTS.get(topic)
    if name is None:
        return None

    def read(device: Address, payload: bytes, retained: bool) -> NodeFactSeen:
        return NodeFactSeen(device, node, name, text(payload), retained)

    return read


def property_fact(node: str, prop: str, topic: str) -> Read | None:
    """Read an attribute of a property; None when the topic is none."""
    name = PROPERTY_FACTS.get(topic)
    if name is None:
        return None

    def read(device: Address, payload: bytes, retained: bool) -> PropertyFactSeen:
        return PropertyFactSeen(device, node, prop, name, text(payload), retained)

    return read


def retained_image(md5: str) -> Read:
    """Notice an image that is left retained: it is flashed at every connect (homie-ota.md rule 13).

    Its bytes are not ours to keep; one that is not retained is our own offer.
    """
    found = f"image {md5[:64]}".strip()

    def read(device: Address, payload: bytes, retained: bool) -> FactSeen | None:
        if payload and not retained:
            return None
        return FactSeen(device, "ota/retained", found if payload else "", retained)

    return read
