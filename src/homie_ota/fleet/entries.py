"""Nodes and properties of a device: found, made where there is room, changed word by word, dropped when empty.

Rule: whatever is made or changed here is paid for with `Caps.take`.
"""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern

from homie_ota.fleet.caps import Caps
from homie_ota.fleet.known import NODE_BITS, PROPERTY_BITS, STRUCTURE, KnownDevice, KnownNode, KnownProperty


def word(known: KnownDevice, thing: KnownNode | KnownProperty, name: str, value: str, caps: Caps) -> int:
    """Change one word of a node or property; what changed."""
    old: str = getattr(thing, name)
    if old == value or not caps.take(known, 0, len(value) - len(old)):
        return 0
    setattr(thing, name, intern(value))
    return STRUCTURE


def find_property(known: KnownDevice, node_id: str, prop_id: str) -> KnownProperty | None:
    """The property, None when it is not known."""
    node = known.nodes.get(node_id)
    return node.properties.get(prop_id) if node is not None else None


def make_node(known: KnownDevice, node_id: str, caps: Caps) -> KnownNode | None:
    """The node, made when it is new; None when there is no room."""
    node = known.nodes.get(node_id)
    if node is None and caps.take(known, 1, len(node_id)):
        node = known.nodes[intern(node_id)] = KnownNode()
    return node


def make_property(known: KnownDevice, node_id: str, prop_id: str, caps: Caps) -> KnownProperty | None:
    """The property, made when it is new; None when there is no room."""
    node = make_node(known, node_id, caps)
    if node is None:
        return None
    found = node.properties.get(prop_id)
    if found is None and caps.take(known, 1, len(prop_id)):
        found = KnownProperty(intern(node_id), intern(prop_id))
        node.properties[found.id] = found
    return found


def tidy(known: KnownDevice, node_id: str, caps: Caps, keep: Mapping[str, object] | None = None) -> int:
    """Drop properties and a node of which nothing is known any more, except those in `keep`."""
    node = known.nodes[node_id]
    empty = [each for each, prop in node.properties.items() if _is_empty(prop) and each not in (keep or ())]
    for prop_id in empty:
        del node.properties[prop_id]
        caps.take(known, -1, -len(prop_id))
    if keep is None and not node.properties and not any(getattr(node, name) for name in NODE_BITS):
        del known.nodes[node_id]
        caps.take(known, -1, -len(node_id))
    return STRUCTURE if empty else 0


def _is_empty(prop: KnownProperty) -> bool:
    return prop.value is None and not any(getattr(prop, name) for name in PROPERTY_BITS)
