"""What a device announces, as (topic below its own, text) in order.

Rule: the order is the generation's table; here is only where each text comes from.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import NamedTuple
from zlib import crc32

from homie_ota.simulator.generations import NODES, Generation
from homie_ota.simulator.images import Sketch
from homie_ota.simulator.values import Hardware, Identity, Node, Property

Line = tuple[str, str]


class Self(NamedTuple):
    """What a device knows of itself when it announces."""

    generation: Generation
    identity: Identity
    sketch: Sketch
    hardware: Hardware
    nodes: tuple[Node, ...]
    config: str
    interval: int
    ota_enabled: bool
    partition: str = ""


def announcement(me: Self) -> list[Line]:
    """Everything between the first and the last word of a connect."""
    texts = _texts(me)
    lines: list[Line] = []
    for topic in me.generation.order:
        if topic == NODES:
            lines += (line for node in me.nodes for line in _STYLES[me.generation.node_style](node))
        else:
            lines.append((topic, texts[topic]))
    return lines


def statistics(generation: Generation, hardware: Hardware, uptime: int, interval: int) -> list[Line]:
    """One round of statistics."""
    texts = {
        "signal": str(hardware.signal),
        "uptime": str(uptime),
        "value": str(uptime),
        "interval": str(interval + generation.interval_grace),
        "freeheap": str(hardware.heap),
        "rssi": str(hardware.signal // 2 - 100),
    }
    return [(topic, texts[topic.rpartition("/")[2].lstrip("$")]) for topic in generation.stats]


def _texts(me: Self) -> dict[str, str]:
    said = me.generation.said
    interval = str(me.interval + me.generation.interval_grace)
    enabled = "true" if me.ota_enabled else "false"
    return {
        "$name": me.identity.name,
        "$mac": me.identity.mac,
        "$localip": me.identity.ip,
        "$nodes": ",".join(_node_words(me)),
        "$stats/interval": interval,
        "$uptime/interval": interval,
        "$fw/name": me.sketch.name,
        "$fw/version": me.sketch.version,
        "$fw/checksum": me.sketch.md5,
        "$fwname": me.sketch.name,
        "$fwversion": me.sketch.version,
        "$implementation": "esp8266",
        "$implementation/config": me.config,
        "$implementation/ota/enabled": enabled,
        "$implementation/ota/running": me.partition,
        "$implementation/ota/boot": me.partition,
        "$implementation/reset/reason": "Software/System restart",
        "$implementation/wifi/last_disconnect_reason": "none",
        "$implementation/mqtt/last_disconnect_reason": "none",
        "$description": _description(me),
        **said,
    }


def _node_words(me: Self) -> Iterator[str]:
    for node in me.nodes:
        yield f"{node.id}:{node.type}" if me.generation.node_style == "v1" else node.id


def _v2_node(node: Node) -> Iterator[Line]:
    words = (each.id + (":settable" if each.settable else "") for each in node.properties)
    yield f"{node.id}/$type", node.type
    yield f"{node.id}/$properties", ",".join(words)


def _v3_node(node: Node) -> Iterator[Line]:
    yield f"{node.id}/$name", node.name
    yield f"{node.id}/$type", node.type
    yield f"{node.id}/$properties", ",".join(each.id for each in node.properties)
    for each in node.properties:
        for attribute, text in _attributes(each):
            yield f"{node.id}/{each.id}/{attribute}", text


def _attributes(prop: Property) -> list[Line]:
    lines = [
        ("$name", prop.name),
        ("$settable", "true" if prop.settable else ""),
        ("$datatype", prop.datatype),
        ("$unit", prop.unit),
        ("$format", prop.format),
    ]
    return [line for line in lines if line[1]]


_STYLES: dict[str, Callable[[Node], Iterator[Line]]] = {"v2": _v2_node, "v3": _v3_node}


def _description(me: Self) -> str:
    """The `$description` of Homie 5; its version is a digest of the rest, as the fork does it."""
    if "$description" not in me.generation.order:
        return ""
    body = {
        "homie": me.generation.said["$homie"],
        "name": me.identity.name,
        "nodes": {node.id: _described(node) for node in me.nodes},
        "extensions": me.generation.said["$extensions"].split(","),
    }
    return json.dumps({"version": crc32(json.dumps(body).encode()), **body}, separators=(",", ":"))


def _described(node: Node) -> dict[str, object]:
    properties = {prop.id: _described_property(prop) for prop in node.properties}
    return {"name": node.name, "type": node.type, "properties": properties}


def _described_property(prop: Property) -> dict[str, object]:
    """What is said of a property; defaults are left out."""
    said: dict[str, object] = {
        "name": prop.name,
        "datatype": prop.datatype,
        "unit": prop.unit,
        "format": prop.format,
        "settable": prop.settable,
    }
    return {key: value for key, value in said.items() if value}
