"""A device from its row and its readings, so that what was known survives a restart.

Rule: the inverse of the row as it was written; nothing counts as heard, and nothing is marked for writing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sys import intern
from typing import Any

from homie_ota.fleet import entries
from homie_ota.fleet.caps import Caps
from homie_ota.fleet.known import FACT_BITS, KnownDevice, KnownNode, KnownProperty

_NODE_WORDS = ("name", "type", "array", "announced")
_PROPERTY_WORDS = ("name", "datatype", "unit", "format", "target")
_FLAGS = {True: "true", False: "false"}


def restored(
    known: KnownDevice,
    facts: Mapping[str, str],
    nodes: Mapping[str, Any],
    readings: Iterable[tuple[str, str, str, float]],
    caps: Caps,
) -> KnownDevice:
    """The device with its facts, nodes and values; what the caps have no room for is left out."""
    for name, text in facts.items():
        if caps.take(known, 0 if name in FACT_BITS else 1, len(text)):
            known.facts[intern(name)] = text
    for node_id, row in nodes.items():
        _node(known, node_id, row, caps)
    for node_id, prop_id, text, at in readings:
        prop = entries.make_property(known, node_id, prop_id, caps)
        if prop is not None and caps.take(known, 0, len(text)):
            prop.value, prop.at = text, at
    return known


def _node(known: KnownDevice, node_id: str, row: Mapping[str, Any], caps: Caps) -> None:
    words = {name: row.get(name, "") for name in _NODE_WORDS}
    if row.get("listed"):
        words["type"] = ""  # told by the list of nodes, which is a fact
    if any(words.values()):
        _write(known, entries.make_node(known, node_id, caps), words, caps)
    for prop_id, described in row.get("properties", {}).items():
        words = _property_words(described)
        if any(words.values()):
            _write(known, entries.make_property(known, node_id, prop_id, caps), words, caps)


def _property_words(row: Mapping[str, Any]) -> dict[str, str]:
    words: dict[str, str] = {name: row.get(name, "") for name in _PROPERTY_WORDS}
    words["retained"] = _FLAGS.get(row.get("retained", ""), "")
    # `listed`: told by the list of properties, which the node keeps.
    words["settable"] = "" if row.get("listed") else _FLAGS.get(row.get("settable", ""), "")
    return words


def _write(
    known: KnownDevice, thing: KnownNode | KnownProperty | None, words: Mapping[str, str], caps: Caps
) -> None:
    if thing is not None and caps.take(known, 0, sum(map(len, words.values()))):
        for name, text in words.items():
            setattr(thing, name, intern(text))
