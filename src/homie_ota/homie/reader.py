"""From one MQTT message to one observation: reading is a union of all generations.

Rule: what any generation recognises is read, in any order and whatever else the device said; None means that there is
nothing of ours in the message. No bytes make it raise, and nothing beyond the caps is kept.
"""

from __future__ import annotations

from collections.abc import Iterable

from homie_ota.homie import url, v1, v2, v3, v5, wire
from homie_ota.model import Address, Observation

# A new generation is one file and one word here. Where two read the same topic they read it alike, except that what is
# legacy to all of them stays legacy.
READERS: dict[str, wire.Read] = {**url.READERS, **v5.READERS, **v3.READERS, **v2.READERS, **v1.READERS}

_MAX_ADDRESSES = 250_000
_MAX_TAILS = 20_000

_IMAGE = "$implementation/ota/firmware"


def bases_of(bases: Iterable[str]) -> tuple[str, ...]:
    """The bases with their slash, each followed by its Homie 5 domain (`homie/` → `homie/5/`), none twice."""
    names = [base.strip().strip("/") for base in bases]
    found: dict[str, None] = {}
    for name in filter(None, names):
        found[f"{name}/"] = None
        if not name.endswith("/5"):
            found[f"{name}/5/"] = None
    return tuple(found)


def _narrow_first(bases: Iterable[str]) -> list[str]:
    """The bases in their order, save that one below another comes before it."""
    found: list[str] = []
    for base in bases:
        wider = (place for place, other in enumerate(found) if base.startswith(other))
        found.insert(next(wider, len(found)), base)
    return found


class Reader:
    """Reads messages below some base topics; the longest base that fits a topic counts."""

    __slots__ = ("_bases", "_readers", "bases", "cut")

    def __init__(self, bases: Iterable[str]) -> None:
        self.bases = bases_of(bases)
        self.cut = 0
        """Payloads so far that were longer than what we keep."""
        # One Address per device for all its observations: made once, compared by identity.
        self._bases: list[tuple[str, int, dict[str, Address]]] = [
            (base, len(base), {}) for base in _narrow_first(self.bases)
        ]
        # What follows the device id is nearly always something that was read before, of this or another device.
        self._readers = dict(READERS)

    def read(self, topic: str, payload: bytes, retained: bool) -> Observation | None:
        """What the message says about a device, or None."""
        for base, start, addresses in self._bases:
            if not topic.startswith(base):
                continue
            device_id, _, tail = topic[start:].partition("/")
            device = addresses.get(device_id) or _address(addresses, base, device_id)
            if device is None:
                return None
            if len(payload) > wire.MAX_TEXT:
                self._count(tail, payload)
            read = self._readers.get(tail) or self._learn(tail)
            return read(device, payload, retained)
        return None

    def _learn(self, tail: str) -> wire.Read:
        if len(self._readers) >= _MAX_TAILS:
            self._readers = dict(READERS)
        read = self._readers[tail] = _reader_of(tail) or _nothing
        return read

    def _count(self, tail: str, payload: bytes) -> None:
        expected = v5.MAX_DESCRIPTION if tail == "$description" else wire.MAX_TEXT
        self.cut += len(payload) > expected and not tail.startswith(_IMAGE)


def _address(addresses: dict[str, Address], base: str, device_id: str) -> Address | None:
    """The address of a device heard for the first time; None for `$broadcast` and for what cannot be an id."""
    if not device_id or device_id.startswith("$") or not wire.is_clean(device_id):
        return None
    if len(addresses) >= _MAX_ADDRESSES:
        addresses.clear()
    address = addresses[device_id] = Address(base, device_id)
    return address


def _nothing(_device: Address, _payload: bytes, _retained: bool) -> None:
    """A topic that says nothing about a device."""


def _reader_of(tail: str) -> wire.Read | None:
    """How a topic without a fixed name is read: nodes, properties, and groups with names of the device's own."""
    levels = tail.split("/")
    if not all(map(wire.is_clean, levels)):
        return None
    if tail.startswith("$"):
        return _of_group(levels)
    if len(levels) == 2 and _is_id(levels[0]):
        node, leaf = levels
        return wire.value(node, leaf) if _is_id(leaf) else wire.node_fact(node, leaf)
    if len(levels) == 3 and _is_id(levels[0]) and _is_id(levels[1]):
        return wire.property_fact(*levels)
    return None


def _is_id(level: str) -> bool:
    # `set` ends every command; a property of that name (PyPI homie 0.4.1 has one) has no values of its own.
    return bool(level) and level != "set" and not level.startswith("$")


_GROUPS = {"$stats": "stats/", "$alert": "alert/"}


def _of_group(levels: list[str]) -> wire.Read | None:
    """`$stats/<own name>`, `$alert/<id>`, and images that somebody left retained."""
    prefix = _GROUPS.get(levels[0])
    if prefix is not None and len(levels) == 2 and levels[1]:
        return wire.fact(prefix + levels[1])
    if "/".join(levels[:3]) == _IMAGE:
        return wire.retained_image(levels[3] if len(levels) > 3 else "")
    return None
