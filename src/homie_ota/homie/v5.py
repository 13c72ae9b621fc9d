"""Homie 5: one JSON `$description` instead of attributes, logs and alerts, roots and children.

Rule: unknown fields are ignored; an object with an illegal known field is left out — a property, a node, or the whole
description, of which then nothing is believed. Size and depth are bounded before and while reading.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import TypeVar

from homie_ota.homie import push, wire
from homie_ota.model import Address, DescriptionSeen, NodeDescription, PropertyDescription

RUNTIME_EXTENSION = "io.github.labodj.esp-runtime"
"""With it a device has the 3.x topics of firmware, statistics and updates below its Homie 5 address."""

MAX_DESCRIPTION = 256 * 1024
"""Bytes of a `$description`; the largest recorded one has 10 KB."""

MAX_ENTRIES = 2_000
"""Nodes and properties of one description, and children or extensions, that are kept."""

Found = TypeVar("Found")


def _description(device: Address, payload: bytes, retained: bool) -> DescriptionSeen | None:
    document = _document(payload)
    if document is None:
        return None
    try:
        return DescriptionSeen(
            device,
            homie=_text(document, "homie", "5"),
            version=_whole_number(document, "version"),
            name=_text(document, "name"),
            type=_text(document, "type"),
            nodes=_objects(document, "nodes", _node),
            extensions=_ids(document, "extensions"),
            children=_ids(document, "children"),
            root=_text(document, "root"),
            parent=_text(document, "parent"),
            retained=retained,
        )
    except _IllegalError:
        return None


READERS: dict[str, wire.Read] = {
    "$state": wire.state,
    "$description": _description,
    # The runtime extension, where it is not as in 3.x.
    **wire.facts(
        {
            "$implementation/reset/reason": "reset/reason",
            "$implementation/wifi/last_disconnect_reason": "wifi/last_disconnect_reason",
            "$implementation/mqtt/last_disconnect_reason": "mqtt/last_disconnect_reason",
            **{f"$log/{level}": f"log/{level}" for level in ("debug", "info", "warn", "error", "fatal")},
        }
    ),
}
"""Topic below the device → how it is read; `$alert/<id>` has no fixed name and is read in `reader`."""

offer = push.offer


class _IllegalError(Exception):
    """A known field holds what it must not hold."""


def _document(payload: bytes) -> dict[str, object] | None:
    if len(payload) > MAX_DESCRIPTION:
        return None
    try:
        found = json.loads(payload)
    except (
        ValueError,
        RecursionError,
    ):  # UnicodeDecodeError is a ValueError; numbers of 5,000 digits are one too
        return None
    return found if isinstance(found, dict) else None


def _text(fields: dict[str, object], key: str, default: str = "") -> str:
    found = fields.get(key, default)
    if not isinstance(found, str):
        raise _IllegalError
    return found[:1024].translate(wire.UNWANTED)


def _flag(fields: dict[str, object], key: str, default: bool) -> bool:
    found = fields.get(key, default)
    if not isinstance(found, bool):
        raise _IllegalError
    return found


def _whole_number(fields: dict[str, object], key: str) -> int:
    found = fields.get(key, 0)
    if not isinstance(found, int) or isinstance(found, bool):
        raise _IllegalError
    return found


def _ids(fields: dict[str, object], key: str) -> tuple[str, ...]:
    found = fields.get(key, [])
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise _IllegalError
    return tuple(each for each in found[:MAX_ENTRIES] if wire.is_clean(each))


def _objects(
    fields: dict[str, object], key: str, read: Callable[[dict[str, object]], Found]
) -> dict[str, Found]:
    found = fields.get(key, {})
    if not isinstance(found, dict):
        raise _IllegalError
    return dict(_legal(found, read))


def _legal(
    objects: dict[str, object], read: Callable[[dict[str, object]], Found]
) -> Iterator[tuple[str, Found]]:
    for number, (key, fields) in enumerate(objects.items()):
        if number >= MAX_ENTRIES:
            return
        if not isinstance(fields, dict) or not key or not wire.is_clean(key):
            continue
        try:
            yield key, read(fields)
        except _IllegalError:
            continue


def _node(fields: dict[str, object]) -> NodeDescription:
    return NodeDescription(
        name=_text(fields, "name"),
        type=_text(fields, "type"),
        properties=_objects(fields, "properties", _property),
    )


def _property(fields: dict[str, object]) -> PropertyDescription:
    return PropertyDescription(
        name=_text(fields, "name"),
        datatype=_text(fields, "datatype"),
        unit=_text(fields, "unit"),
        format=_text(fields, "format"),
        settable=_flag(fields, "settable", default=False),
        retained=_flag(fields, "retained", default=True),
    )
