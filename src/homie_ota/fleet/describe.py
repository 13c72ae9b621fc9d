"""How a Homie 5 `$description` changes what is known: all nodes and properties at once, and the device's family.

Rule: what a new description leaves out loses its words; it stays only where a value is known.
"""

from __future__ import annotations

from collections.abc import Mapping

from homie_ota.fleet import entries
from homie_ota.fleet.caps import Caps
from homie_ota.fleet.known import DESCRIPTION_BIT, FACT_BITS, STRUCTURE, KnownDevice
from homie_ota.fleet.told import put, resolve
from homie_ota.model import DescriptionSeen, NodeDescription, PropertyDescription


def description(known: KnownDevice, seen: DescriptionSeen, now: float, caps: Caps) -> int:
    """A Homie 5 description: all nodes and properties at once, and the device's family."""
    known.heard |= DESCRIPTION_BIT | FACT_BITS["homie"] | FACT_BITS["name"] | FACT_BITS["extensions"]
    known.described = True
    told = {
        "homie": seen.homie,
        "name": seen.name,
        "type": seen.type,
        "extensions": ",".join(seen.extensions),
        "children": ",".join(seen.children),
        "root": seen.root,
        "parent": seen.parent,
    }
    changed = 0
    for name, text in told.items():
        changed |= put(known, name, text, caps)
    changed |= _describe(known, seen.nodes, caps)
    return changed | resolve(known, now)


def _describe(known: KnownDevice, nodes: Mapping[str, NodeDescription], caps: Caps) -> int:
    changed = 0
    for node_id, described in nodes.items():
        node = entries.make_node(known, node_id, caps)
        if node is not None:
            changed |= entries.word(known, node, "name", described.name, caps)
            changed |= entries.word(known, node, "type", described.type, caps)
            changed |= _describe_properties(known, node_id, described.properties, caps)
    for node_id in [each for each in known.nodes if each not in nodes]:
        changed |= entries.word(known, known.nodes[node_id], "name", "", caps)
        changed |= entries.word(known, known.nodes[node_id], "type", "", caps)
        changed |= _describe_properties(known, node_id, None, caps)
    return changed


_PLAIN = PropertyDescription()


def _describe_properties(
    known: KnownDevice, node_id: str, described: Mapping[str, PropertyDescription] | None, caps: Caps
) -> int:
    """`described` is None for a node that the description leaves out."""
    changed = 0
    properties = described or {}
    for prop_id in properties:
        if (
            entries.find_property(known, node_id, prop_id) is None
            and entries.make_property(known, node_id, prop_id, caps) is not None
        ):
            changed |= STRUCTURE
    node = known.nodes[node_id]
    for prop_id, prop in node.properties.items():
        words = _words(properties.get(prop_id, _PLAIN))
        for name, text in words.items():
            changed |= entries.word(known, prop, name, text, caps)
    return changed | entries.tidy(known, node_id, caps, keep=described)


def _words(described: PropertyDescription) -> dict[str, str]:
    return {
        "name": described.name,
        "datatype": described.datatype,
        "unit": described.unit,
        "format": described.format,
        "settable": "true" if described.settable else "",
        "retained": "" if described.retained else "false",
    }
