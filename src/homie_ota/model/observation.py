"""Observations: what one MQTT message or HTTP request says about a device, free of versions.

Rule: they are named tuples, because one is made for every message; a frozen dataclass costs four times as much.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from homie_ota.model.device import Address, OtaEvent, State


class StateSeen(NamedTuple):
    """The device's own state or will; `legacy`: told by `$online`, which an update to 3.x leaves behind."""

    device: Address
    state: State
    retained: bool
    legacy: bool = False


class FactSeen(NamedTuple):
    """One attribute of a device under our name for it.

    `fact` is one of FACTS or free text below `config`, `log/…`, `alert/…`, `stats/…`. An empty value means: the topic
    was cleared; the fact `state` exists only so, and means that the device was removed. `legacy`: told by a topic of
    an older generation (`$fwname`, `$signal`), which gives way to the newer topic when the broker still keeps both.
    """

    device: Address
    fact: str
    value: str
    retained: bool
    legacy: bool = False


class NodeFactSeen(NamedTuple):
    """An attribute of a node: `name`, `type`, `properties`, `array`."""

    device: Address
    node: str
    fact: str
    value: str
    retained: bool


class PropertyFactSeen(NamedTuple):
    """An attribute of a property: `name`, `datatype`, `unit`, `format`, `settable`, `retained`, `target`."""

    device: Address
    node: str
    prop: str
    fact: str
    value: str
    retained: bool


class ValueSeen(NamedTuple):
    """The value of a property; an empty text is a value (Homie 5 sends it as one zero byte)."""

    device: Address
    node: str
    prop: str
    value: str
    retained: bool


class ValueCleared(NamedTuple):
    """The topic of a property was cleared: there is no value any more."""

    device: Address
    node: str
    prop: str
    retained: bool


@dataclass(frozen=True, slots=True)
class PropertyDescription:
    """What a Homie 5 `$description`, or the attributes of older generations, say of one property."""

    name: str = ""
    datatype: str = ""
    unit: str = ""
    format: str = ""
    settable: bool = False
    retained: bool = True


@dataclass(frozen=True, slots=True)
class NodeDescription:
    """One node of a Homie 5 `$description`."""

    name: str = ""
    type: str = ""
    properties: dict[str, PropertyDescription] = field(default_factory=dict)


class DescriptionSeen(NamedTuple):
    """A Homie 5 `$description`; unknown fields are ignored, an object with an illegal known field is left out."""

    device: Address
    homie: str
    version: int
    name: str
    type: str
    nodes: dict[str, NodeDescription]
    extensions: tuple[str, ...]
    children: tuple[str, ...]
    root: str
    parent: str
    retained: bool


class OtaStatusSeen(NamedTuple):
    """What the device says about an update; retained ones are history, never news (homie-ota.md rule 3)."""

    device: Address
    event: OtaEvent
    done: int
    total: int
    detail: str
    retained: bool


class OtaRequestSeen(NamedTuple):
    """Somebody published to `$ota` (1.5): the version wanted, or `<hash>@<version>`."""

    device: Address
    wanted: str
    retained: bool


Observation = (
    StateSeen
    | FactSeen
    | NodeFactSeen
    | PropertyFactSeen
    | ValueSeen
    | ValueCleared
    | DescriptionSeen
    | OtaStatusSeen
    | OtaRequestSeen
)

FACTS = (
    "homie",  # the convention's version as announced
    "name",
    "ip",
    "mac",
    "nodes",  # raw list as announced; node rows come from it and from what is seen
    "fw/name",
    "fw/version",
    "md5",  # $fw/checksum
    "brand",
    "implementation",
    "implementation/version",
    "ota/enabled",
    "ota/running",  # esp32-homie: partition
    "ota/boot",
    "signal",  # percent
    "uptime",  # seconds
    "interval",  # of statistics, seconds
    "heap",  # free bytes
    "stats",  # list announced
    "cputemp",
    "cpuload",
    "battery",
    "supply",
    "extensions",
    "config",
    "reset/reason",
    "wifi/last_disconnect_reason",
    "mqtt/last_disconnect_reason",
    "legacy",  # which of these were told by topics of 1.5 or the 2.0 pre-releases, joined by spaces
    "ota/retained",  # a retained image or `$ota` was found (homie-ota.md rule 13)
)
"""Our names for the attributes that every room may rely on; values are the device's text, capped and cleaned."""
