"""What a device announced and we did not hear: a broker with a full queue drops messages and tells nobody.

Rule: missing is what must be there by the device's own announce, and what we know from before and did not hear again.
Something may be missing for good (a property that never had a value): read a device again once or twice, not for ever.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homie_ota.homie.evidence import ESP32_HOMIE, generation
from homie_ota.homie.known import DeviceKnown, NodeKnown
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
_OF_HOMIE_ESP8266 = (*_FIRMWARE, "config", "implementation/version", "ota/enabled")


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
    for entry in entries(facts.get("nodes", "")):
        node = known.nodes.get(entry.id)
        # In 1.5 nothing but values lies below a node.
        if (node is None or not _says_something(node)) and key != "1.5":
            yield f"node {entry.id}"
    for node_id, node in known.nodes.items():
        yield from _missing_of_node(node_id, node, described=known.described, key=key)


def _expected(facts: Mapping[str, str], key: str) -> tuple[str, ...]:
    is_esp = facts.get("implementation", "").startswith(("esp8266", "esp32"))
    return _EXPECTED.get(key, ()) + (_OF_HOMIE_ESP8266 if is_esp and key in ("2", "3", "4") else ())


def _says_something(node: NodeKnown) -> bool:
    return bool(node.name or node.type or node.announced)


def _missing_of_node(node_id: str, node: NodeKnown, *, described: bool, key: str) -> Iterator[str]:
    if described:
        names = [each for each, prop in node.properties.items() if prop.retained != "false"]
    else:
        # A range (`led[1-3]`) or an array has its values elsewhere.
        names = [each.id for each in entries(node.announced) if each.span is None and not node.array]
        if not node.announced and node.properties and key in ("2", "3", "4"):
            yield f"properties of {node_id}"
    for name in names:
        prop = node.properties.get(name)
        if prop is None or prop.value is None:
            yield f"value {node_id}/{name}"
        if key in ("3", "4") and (prop is None or not (prop.name or prop.datatype)):
            yield f"description of {node_id}/{name}"
