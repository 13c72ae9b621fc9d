"""From one MQTT message to one observation: reading is a union of all generations.

Rule: what any generation recognises is read, in any order and whatever else the device said; None means that there is
nothing of ours in the message. No bytes make it raise, and nothing beyond the caps is kept.
"""

from __future__ import annotations

from collections.abc import Iterable

from homie_ota.homie import url, v1, v2, v3, v5, wire
from homie_ota.model import Address, FactSeen, Observation, ValueCleared, ValueSeen

# A new generation is one file and one word here. Where two read the same topic they read it alike, except that what is
# legacy to all of them stays legacy.
READERS: dict[str, wire.Read] = {**url.READERS, **v5.READERS, **v3.READERS, **v2.READERS, **v1.READERS}

_MAX_ADDRESSES = 250_000

_IMAGE = "$implementation/ota/firmware"


def bases_of(bases: Iterable[str]) -> tuple[str, ...]:
    """The bases with their slash, each followed by its Homie 5 domain (`homie/` → `homie/5/`), none twice."""
    found: dict[str, None] = {}
    for base in bases:
        name = base.strip().rstrip("/") + "/"
        found[name] = None
        if not name.endswith("/5/"):
            found[name + "5/"] = None
    return tuple(base for base in found if base != "/")


class Reader:
    """Reads messages below some base topics; the longest base that fits a topic counts."""

    __slots__ = ("_bases", "bases", "cut")

    def __init__(self, bases: Iterable[str]) -> None:
        self.bases = bases_of(bases)
        self.cut = 0
        """Payloads so far that were longer than what we keep."""
        # One Address per device for all its observations: made once, compared by identity.
        longest_first = sorted(self.bases, key=len, reverse=True)
        self._bases: list[tuple[str, int, dict[str, Address]]] = [
            (base, len(base), {}) for base in longest_first
        ]

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
            read = READERS.get(tail)
            if read is not None:
                return read(device, payload, retained)
            return _below(device, tail, payload, retained)
        return None

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


def _below(device: Address, tail: str, payload: bytes, retained: bool) -> Observation | None:
    """Topics without a fixed name: nodes, properties, and groups with names of the device's own."""
    levels = tail.split("/")
    node = levels[0]
    if node.startswith("$"):
        return _group(device, levels, payload, retained)
    if not _is_id(node) or not (tail.isprintable() or all(map(wire.is_clean, levels))):
        return None
    if len(levels) == 2:
        return _node_or_value(device, node, levels[1], payload, retained)
    if len(levels) == 3:
        name = wire.PROPERTY_FACTS.get(levels[2])
        if name is not None and _is_id(levels[1]):
            return wire.property_fact(device, node, levels[1], name, payload, retained)
    return None


def _node_or_value(
    device: Address, node: str, leaf: str, payload: bytes, retained: bool
) -> Observation | None:
    if _is_id(leaf):
        # An empty text is one zero byte in Homie 5; an empty payload clears the topic.
        if payload:
            return ValueSeen(device, node, leaf, wire.text(payload), retained)
        return ValueCleared(device, node, leaf, retained)
    name = wire.NODE_FACTS.get(leaf)
    return wire.node_fact(device, node, name, payload, retained) if name is not None else None


def _is_id(level: str) -> bool:
    # `set` ends every command; a property of that name (PyPI homie 0.4.1 has one) has no values of its own.
    return bool(level) and level != "set" and not level.startswith("$") and len(level) <= 255


_GROUPS = {"$stats": "stats/", "$alert": "alert/"}


def _group(device: Address, levels: list[str], payload: bytes, retained: bool) -> FactSeen | None:
    """`$stats/<own name>`, `$alert/<id>`, and images that somebody left retained."""
    prefix = _GROUPS.get(levels[0])
    if prefix is not None and len(levels) == 2 and levels[1] and wire.is_clean(levels[1]):
        return FactSeen(device, prefix + levels[1], wire.text(payload), retained)
    if "/".join(levels[:3]) == _IMAGE and (retained or not payload):
        # A retained image is flashed at every connect (homie-ota.md rule 13). Its bytes are not ours to keep.
        found = f"image {levels[3]}".strip()[:64] if len(levels) > 3 else "image"
        return FactSeen(device, "ota/retained", found.translate(wire.UNWANTED) if payload else "", retained)
    return None
