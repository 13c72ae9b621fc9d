"""What a device announced and we did not hear: a broker with a full queue drops messages and tells nobody.

Rule: missing is what must be there by the device's own announce, and what we know from before and did not hear again.
Something may be missing for good (a property that never had a value): read a device again once or twice, not for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homie_ota.homie.evidence import ESP32_HOMIE, generation
from homie_ota.homie.known import DeviceKnown, NodeKnown, PropertyKnown
from homie_ota.homie.lists import entries

_FIRMWARE = ("ip", "mac", "fw/name", "fw/version", "md5", "interval", "signal", "uptime")
_EXPECTED: dict[str, tuple[str, ...]] = {
    "1.5": ("name", "ip", "nodes", "fw/name", "fw/version", "signal", "uptime"),
    ESP32_HOMIE: (),
    "2": ("homie", "name"),
    "3": ("homie", "name", "nodes"),
    "4": ("homie", "name", "nodes"),
    "5": (),
    "": ("homie",),
}
_OF_HOMIE_ESP8266 = (*_FIRMWARE, "implementation", "config", "implementation/version", "ota/enabled")


def missing(known: DeviceKnown) -> tuple[str, ...]:
    """What should be there and was not heard since the last connect, as words for people; empty: complete."""
    return tuple(dict.fromkeys((*_missing(known), *known.unheard())))


def _missing(known: DeviceKnown) -> Iterator[str]:
    facts = known.facts
    spoken = generation(facts)
    key = spoken if spoken in _EXPECTED else spoken[:1]
    if known.address.base.endswith("/5/"):
        key = "5"
        if not known.described:
            yield "description"
    yield from (fact for fact in _expected(facts, key) if fact not in facts)
    listed = [entry.id for entry in entries(facts.get("nodes", ""))]
    for node_id in dict.fromkeys((*listed, *known.nodes)):
        if not _is_element(node_id, known):
            yield from _missing_of_node(node_id, known.nodes.get(node_id), known.described, key)


def _expected(facts: Mapping[str, str], key: str) -> tuple[str, ...]:
    # MicroPython calls itself esp8266 too, but announces none of these.
    is_ours = key in ("2", "3", "4") and bool(
        facts.keys() & {"config", "implementation/version", "ota/enabled"}
    )
    return _EXPECTED.get(key, ()) + (_OF_HOMIE_ESP8266 if is_ours else ())


def _is_element(node_id: str, known: DeviceKnown) -> bool:
    """Whether this is an element of an array (`lights_0`), which is described there."""
    array, _, element = node_id.rpartition("_")
    return element.isdecimal() and array in known.nodes


_NODE_WORDS: dict[str, tuple[str, ...]] = {"2": ("type",), "3": ("name", "type"), "4": ("name", "type")}


def _missing_of_node(node_id: str, node: NodeKnown | None, described: bool, key: str) -> Iterator[str]:
    if node is None:
        if key != "1.5":  # there nothing but values lies below a node
            yield f"node {node_id}"
        return
    if described:
        names = [each for each, prop in node.properties.items() if prop.retained != "false"]
    else:
        # A range (`led[1-3]`) or an array has its values elsewhere.
        names = [each.id for each in entries(node.announced) if each.span is None and not node.array]
        yield from (f"{word} of {node_id}" for word in _NODE_WORDS.get(key, ()) if not getattr(node, word))
        if key in _NODE_WORDS and not node.announced:
            yield f"properties of {node_id}"
    for name in names:
        yield from _missing_of_property(f"{node_id}/{name}", node.properties.get(name), key)


def _missing_of_property(place: str, prop: PropertyKnown | None, key: str) -> Iterator[str]:
    if prop is None or prop.value is None:
        yield f"value {place}"
    if key in ("3", "4") and (prop is None or not (prop.name and prop.datatype)):
        yield f"description of {place}"
