"""How each observation changes what is known of a device: one function each, in one table.

Rule: each returns what changed as bits of Changed, 0 when it says nothing new; a word for which there is no room
changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from homie_ota.fleet import entries
from homie_ota.fleet.caps import Caps
from homie_ota.fleet.describe import description
from homie_ota.fleet.known import (
    NODE_BITS,
    PROPERTY_BITS,
    STRUCTURE,
    VALUE,
    VALUE_BIT,
    KnownDevice,
    KnownProperty,
)
from homie_ota.fleet.told import fact, ota_request, state
from homie_ota.model import (
    DescriptionSeen,
    FactSeen,
    NodeFactSeen,
    OtaRequestSeen,
    OtaStatusSeen,
    PropertyFactSeen,
    StateSeen,
    ValueCleared,
    ValueSeen,
)


def node_fact(known: KnownDevice, seen: NodeFactSeen, now: float, caps: Caps) -> int:
    """An attribute of a node."""
    name = "announced" if seen.fact == "properties" else seen.fact
    node = entries.make_node(known, seen.node, caps) if seen.value else known.nodes.get(seen.node)
    if node is None:
        return 0
    node.heard |= NODE_BITS[name]
    if not seen.retained and seen.value:
        node.live_at = now
    changed = entries.word(known, node, name, seen.value, caps)
    if not seen.value:
        entries.tidy(known, seen.node, caps)
    return changed


def property_fact(known: KnownDevice, seen: PropertyFactSeen, _now: float, caps: Caps) -> int:
    """An attribute of a property."""
    found = (
        entries.make_property(known, seen.node, seen.prop, caps)
        if seen.value
        else entries.find_property(known, seen.node, seen.prop)
    )
    if found is None:
        return 0
    found.heard |= PROPERTY_BITS[seen.fact]
    changed = entries.word(known, found, seen.fact, seen.value, caps)
    if not seen.value:
        entries.tidy(known, seen.node, caps)
    return changed


def value(known: KnownDevice, seen: ValueSeen, now: float, caps: Caps) -> int:
    """The value of a property; a retained one that is known already is no news."""
    _, node_id, prop_id, text, retained = seen
    node = known.nodes.get(node_id)
    found = node.properties.get(prop_id) if node is not None else None
    changed = VALUE
    if found is None:
        found = entries.make_property(known, node_id, prop_id, caps)
        if found is None:
            return 0
        changed |= STRUCTURE
    found.heard |= VALUE_BIT
    old = found.value
    if old != text:
        if not caps.take(known, 0, len(text) - len(old or "")):
            return 0
        found.value = text
    elif retained:
        return 0
    return changed | _note(known, found, now)


def value_cleared(known: KnownDevice, seen: ValueCleared, now: float, caps: Caps) -> int:
    """There is no value any more."""
    found = entries.find_property(known, seen.node, seen.prop)
    if found is None or found.value is None:
        return 0
    caps.take(known, 0, -len(found.value))
    found.value = None
    changed = _note(known, found, now)
    return changed | entries.tidy(known, seen.node, caps)


def _note(known: KnownDevice, found: KnownProperty, now: float) -> int:
    found.at = now
    if not found.pending:
        found.pending = True
        if known.pending is None:
            known.pending = []
        known.pending.append(found)
    return VALUE


def ota_status(_known: KnownDevice, _seen: OtaStatusSeen, _now: float, _caps: Caps) -> int:
    """Of an update: the deployments' matter, nothing is kept here."""
    return 0


APPLY: dict[type, Callable[[KnownDevice, Any, float, Caps], int]] = {
    StateSeen: state,
    FactSeen: fact,
    NodeFactSeen: node_fact,
    PropertyFactSeen: property_fact,
    ValueSeen: value,
    ValueCleared: value_cleared,
    DescriptionSeen: description,
    OtaStatusSeen: ota_status,
    OtaRequestSeen: ota_request,
}
"""Observation → how it is applied."""
