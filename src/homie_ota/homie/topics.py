"""Which topics we ask the broker for: of all devices, of one device again, and to take one off the broker.

Rule: by depth down to properties, below that by name; never `#`, never so deep that images, commands or `config/set`
(with the Wi-Fi password) come back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from homie_ota.homie import wire
from homie_ota.homie.known import DeviceKnown, NodeKnown, PropertyKnown
from homie_ota.homie.reader import READERS, bases_of
from homie_ota.model import Address, FactSeen

_DEEP = tuple(sorted(topic for topic in READERS if topic.count("/") >= 2))
"""`$implementation/ota/status` and the like: deeper than the subscriptions by depth reach."""

_DESCRIBED = tuple(name for name in wire.PROPERTY_FACTS if name != "$target")
"""Attributes of properties up to 4.x; Homie 5 has only `$target`."""


def _is_homie_5(base: str) -> bool:
    return base.endswith("/5/")


def subscriptions(bases: Iterable[str]) -> tuple[str, ...]:
    """The filters to subscribe to for these base topics and their Homie 5 domains."""
    found = [filter_ for base in bases_of(bases) for filter_ in _of_base(base)]
    return tuple(each for each in dict.fromkeys(found) if not any(_covers(other, each) for other in found))


def _of_base(base: str) -> Iterator[str]:
    yield f"{base}+/+"
    yield f"{base}+/+/+"
    yield from (f"{base}+/+/+/{name}" for name in (("$target",) if _is_homie_5(base) else _DESCRIBED))
    yield from (f"{base}+/{topic}" for topic in _DEEP)


def _covers(wide: str, narrow: str) -> bool:
    """Whether every topic that fits `narrow` fits `wide` too: `homie/+/+/+` brings all of `homie/5/+/+`."""
    pairs = list(zip(wide.split("/"), narrow.split("/"), strict=False))
    same_depth = wide.count("/") == narrow.count("/")
    return wide != narrow and same_depth and all(left in ("+", right) for left, right in pairs)


def reread(address: Address, generation: str) -> tuple[str, ...]:
    """Filters that bring what the broker keeps of one device; `generation` as `evidence.generation` tells it."""
    device = address.topic
    shallow = (f"{device}/+", f"{device}/+/+")
    if generation == "1.5":
        return shallow
    names = ("$target",) if _is_homie_5(address.base) else _DESCRIBED
    return (
        *shallow,
        *(f"{device}/+/+/{name}" for name in names),
        *(f"{device}/{topic}" for topic in _DEEP),
    )


def _topics_by_fact() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for topic, read in READERS.items():
        seen = read(Address("", ""), b"1", True)
        if isinstance(seen, FactSeen):
            found.setdefault(seen.fact, []).append(topic)
    return found


_TOPICS_BY_FACT = _topics_by_fact()
_FIRST = ("$state", "$homie", "$online", "$description")
_LAST = ("$implementation/ota/status", "$ota")


def topics_of(known: DeviceKnown) -> tuple[str, ...]:
    """Every topic that the broker may keep of this device, in the order to clear them.

    What says that the device exists goes first (Homie 5 wants `$state` cleared before all else). A fact's topics of
    older generations are named too: left behind, they would bring the device back. Only for a device that is away: a
    connected 1.5 device reads garbage from a cleared `$ota`.
    """
    tails = [*_FIRST, *_fact_topics(known)]
    for node_id, node in known.nodes.items():
        tails += _node_topics(node_id, node)
    return tuple(f"{known.address.topic}/{tail}" for tail in dict.fromkeys((*tails, *_LAST)))


def _fact_topics(known: DeviceKnown) -> Iterator[str]:
    for fact, value in known.facts.items():
        yield from _TOPICS_BY_FACT.get(fact, ())
        if fact.startswith(("stats/", "alert/")):
            yield f"${fact}"
        if fact == "ota/retained" and value.startswith("image"):
            yield "/".join(("$implementation/ota/firmware", *value.split()[1:]))


def _node_topics(node_id: str, node: NodeKnown) -> Iterator[str]:
    kept = {"$name": node.name, "$type": node.type, "$properties": node.announced, "$array": node.array}
    yield from (f"{node_id}/{topic}" for topic, value in kept.items() if value)
    for prop_id, prop in node.properties.items():
        yield from (f"{node_id}/{prop_id}{topic}" for topic in _property_topics(prop))


def _property_topics(prop: PropertyKnown) -> Iterator[str]:
    if prop.value is not None:
        yield ""
    for topic, fact in wire.PROPERTY_FACTS.items():
        if getattr(prop, fact):
            yield f"/{topic}"
