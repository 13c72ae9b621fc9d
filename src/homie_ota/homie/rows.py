"""From what a device announced to what a row shows: numbers, a MAC that can be compared, nodes in their order.

Rule: what cannot be understood is empty or None, never a guess; the words as announced stay in `facts`.
"""

from __future__ import annotations

import math
from ipaddress import ip_address
from typing import Any

from homie_ota.homie.evidence import generation, way
from homie_ota.homie.known import DeviceKnown, NodeKnown, PropertyKnown
from homie_ota.homie.lists import Listed, entries

_HEX = frozenset("0123456789ABCDEF")
_PLACEHOLDERS = frozenset({"0" * 12, "F" * 12})


def facts_row(known: DeviceKnown) -> dict[str, Any]:
    """The columns of a device's row that its facts tell: flat ones to sort by, and `facts` and `nodes` for JSON."""
    facts = known.facts
    return {
        "name": facts.get("name", "")[:255],
        "mac": mac(facts.get("mac", "")),
        "ip": ip(facts.get("ip", "")),
        "homie": generation(facts) or ("5" if known.address.base.endswith("/5/") else ""),
        "implementation": facts.get("implementation", "")[:64],
        "way": way(facts)[0].value,
        "ota_enabled": {"true": True, "false": False}.get(facts.get("ota/enabled", "")),
        "fw_name": facts.get("fw/name", "")[:255],
        "fw_version": facts.get("fw/version", "")[:255],
        "md5": md5(facts.get("md5", "")),
        "signal": number(facts.get("signal", "")),
        "uptime": number(facts.get("uptime", "")),
        "heap": number(facts.get("heap", "")),
        "facts": dict(facts),
        "nodes": nodes_row(known),
    }


def mac(announced: str) -> str:
    """`AA:BB:CC:DD:EE:FF`; empty for what is none (`NoMAC`) and for placeholders, which would link strangers."""
    digits = announced.upper().replace(":", "").replace("-", "").replace(".", "").strip()
    if len(digits) != 12 or not _HEX.issuperset(digits) or digits in _PLACEHOLDERS:
        return ""
    return ":".join(digits[start : start + 2] for start in range(0, 12, 2))


def ip(announced: str) -> str:
    """The address; empty for what is none (`NoIP`)."""
    try:
        return str(ip_address(announced.strip()[:45]))
    except ValueError:
        return ""


def md5(announced: str) -> str:
    """The checksum in lower case; empty for what is none."""
    digest = announced.strip().lower()
    return digest if len(digest) == 32 and _HEX.issuperset(digest.upper()) else ""


def number(announced: str) -> float | None:
    """The number; None for what is none, and for what no chart can draw."""
    try:
        found = float(announced)
    except ValueError:
        return None
    return found if math.isfinite(found) and abs(found) < 1e300 else None


def nodes_row(known: DeviceKnown) -> dict[str, Any]:
    """The structure of a device without values: node id → name, type, array, announced, properties; in its order.

    Empty words are left out. A property has `settable` and `retained` as booleans; `listed` says that a list told the
    type (1.5) or `settable` (2.x), `span` what stands in the brackets (`led[1-3]`). An element of an array (`lights_0`)
    names it in `of`.
    """
    announced = {each.id: each for each in entries(known.facts.get("nodes", ""))}
    ids = [*announced, *sorted(known.nodes.keys() - announced.keys())]
    return {node_id: _node(node_id, known, announced.get(node_id)) for node_id in ids}


def _node(node_id: str, known: DeviceKnown, listed: Listed | None) -> dict[str, Any]:
    node = known.nodes.get(node_id)
    row: dict[str, Any] = {}
    if listed is not None and listed.mark and not (node is not None and node.type):
        row = {"type": listed.mark, "listed": True}
    if node is None:
        return row
    told = {"name": node.name, "type": node.type, "array": node.array, "announced": node.announced}
    row.update({key: value for key, value in told.items() if value})
    array, underline, element = node_id.rpartition("_")
    if underline and element.isdecimal() and array in known.nodes:
        row["of"] = array
    properties = _properties(node)
    return {**row, "properties": properties} if properties else row


def _properties(node: NodeKnown) -> dict[str, Any]:
    listed = {each.id: each for each in entries(node.announced)}
    ids = [*listed, *sorted(node.properties.keys() - listed.keys())]
    return {each: _property(node.properties.get(each), _listed(each, listed)) for each in ids}


def _listed(prop: str, listed: dict[str, Listed]) -> Listed | None:
    """The entry of a property in its list; `led_1` is one of `led[1-3]`."""
    found = listed.get(prop)
    if found is None:
        whole = listed.get(prop.rpartition("_")[0])
        return whole if whole is not None and whole.span is not None else None
    return found


def _property(prop: PropertyKnown | None, listed: Listed | None) -> dict[str, Any]:
    row: dict[str, Any] = {}
    if listed is not None and listed.settable:
        row = {"settable": True, "listed": True}
    if listed is not None and listed.span:
        row["span"] = listed.span
    if prop is None:
        return row
    told = {"name": prop.name, "datatype": prop.datatype, "unit": prop.unit, "format": prop.format}
    row.update({key: value for key, value in told.items() if value})
    row.update({key: value == "true" for key, value in _flags(prop).items() if value})
    if prop.target:
        row["target"] = prop.target
    return row


def _flags(prop: PropertyKnown) -> dict[str, str]:
    return {"settable": prop.settable, "retained": prop.retained}
