"""One device as far as it was heard: facts, nodes, properties with values, and what was heard since the last connect.

Rule: small and slotted, because there are a hundred thousand of them; words are the device's, capped and cleaned by the
reader. Only `apply` writes here.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntFlag
from typing import NamedTuple

from homie_ota.fleet.recent import Recent
from homie_ota.model import FACTS, Address, State


class Changed(IntFlag):
    """What an observation changed of a device."""

    NOTHING = 0
    STATE = 1
    FACT = 2
    STATISTIC = 4  # a fact that changes with every interval: signal, uptime, heap …
    VALUE = 8
    STRUCTURE = 16  # nodes, properties and what is said of them
    NEW = 32
    REMOVED = 64  # its `$state` or `$homie` was cleared on the broker


# Flags are joined as plain integers: joining members of an IntFlag takes a microsecond.
STATE, FACT, STATISTIC = int(Changed.STATE), int(Changed.FACT), int(Changed.STATISTIC)
VALUE, STRUCTURE, REMOVED = int(Changed.VALUE), int(Changed.STRUCTURE), int(Changed.REMOVED)
NEW = int(Changed.NEW)


class Reading(NamedTuple):
    """The value of a property to be written; None: its topic was cleared."""

    node: str
    prop: str
    value: str | None
    at: float


FACT_BITS = {fact: 1 << number for number, fact in enumerate(FACTS) if fact not in ("legacy", "ota/retained")}
STATE_BIT = 1 << len(FACTS)
STATE_TOPIC_BIT = STATE_BIT << 1  # by `$state`, not only by the `$online` that 2.x left behind
DESCRIPTION_BIT = STATE_BIT << 2
NODE_BITS = {"name": 1, "type": 2, "announced": 4, "array": 8}
VALUE_BIT = 1
PROPERTY_BITS = {
    "name": 2,
    "datatype": 4,
    "unit": 8,
    "format": 16,
    "settable": 32,
    "retained": 64,
    "target": 128,
}


class KnownProperty:
    """One property: value (None: none heard) with its time, and its attributes as announced (empty: not)."""

    __slots__ = ("at", "heard", "id", "node", "pending", "value", *PROPERTY_BITS)

    def __init__(self, node: str, prop: str) -> None:
        self.node = node
        self.id = prop
        self.value: str | None = None
        self.at = 0.0
        self.heard = 0
        self.pending = False
        self.name = self.datatype = self.unit = self.format = ""
        self.settable = self.retained = self.target = ""

    def unheard(self, *, described: bool) -> Iterator[str]:
        """What is known of the property and was not heard again since the last connect."""
        if self.value is not None and not self.heard & VALUE_BIT and self.retained != "false":
            yield f"value {self.node}/{self.id}"
        if not described:
            yield from _unheard(self, PROPERTY_BITS, f"{self.node}/{self.id}")


class KnownNode:
    """One node; `announced` is its list of properties as announced, `live_at` when it was last announced live."""

    __slots__ = ("announced", "array", "heard", "live_at", "name", "properties", "type")

    def __init__(self) -> None:
        self.name = self.type = self.announced = self.array = ""
        self.heard = 0
        self.live_at = 0.0
        self.properties: dict[str, KnownProperty] = {}

    def unheard(self, node_id: str, *, described: bool) -> Iterator[str]:
        """What is known of the node and was not heard again since the last connect."""
        if not described:
            yield from _unheard(self, NODE_BITS, node_id)
        for prop in self.properties.values():
            yield from prop.unheard(described=described)


class KnownDevice:
    """One device.

    `pk` is its row's, None until it has one. `state` is what it says itself (`Fleet.effective_state` knows its root).
    `last_seen`: the last message that was not retained (until then: the first of all); `live_since`: the last announce
    that was not retained, or None. `changed` joins what changed since `take_changed`; `topics` and `text` count what is
    kept, `refused` what was not. `removed`: its presence was cleared on the broker. `recent`: its last statistics, None
    before the first.
    """

    __slots__ = (
        "address",
        "by_online",
        "by_state",
        "changed",
        "described",
        "facts",
        "first_seen",
        "heard",
        "last_seen",
        "live_since",
        "nodes",
        "pending",
        "pk",
        "recent",
        "refused",
        "removed",
        "state",
        "state_since",
        "text",
        "topics",
    )

    def __init__(self, address: Address, now: float) -> None:
        self.address = address
        self.pk: int | None = None
        self.state = State.UNKNOWN
        self.state_since = now
        # Both may be on the broker: an update from 2.x to 3.x leaves `$online` behind.
        self.by_state: State | None = None
        self.by_online: State | None = None
        self.facts: dict[str, str] = {}
        self.nodes: dict[str, KnownNode] = {}
        self.described = False
        self.first_seen = self.last_seen = now
        self.live_since: float | None = None
        self.removed = False
        self.heard = 0
        self.changed = 0
        self.pending: list[KnownProperty] | None = None
        self.recent: Recent | None = None
        self.topics = self.text = self.refused = 0

    @property
    def root(self) -> str:
        """Id of the root device of a Homie 5 child; empty for all others."""
        return self.facts.get("root", "")

    @property
    def parent(self) -> str:
        """Id of the parent of a Homie 5 child; the root when it does not say."""
        return self.facts.get("parent", "") or self.root

    @property
    def children(self) -> tuple[str, ...]:
        """Ids of the children that a Homie 5 device announces."""
        return tuple(filter(None, self.facts.get("children", "").split(",")))

    @property
    def extensions(self) -> tuple[str, ...]:
        """The extensions as announced, of 4.x or 5."""
        return tuple(filter(None, self.facts.get("extensions", "").split(",")))

    def take_changed(self) -> Changed:
        """What changed since this was asked last."""
        changed, self.changed = self.changed, 0
        return Changed(changed)

    def take_values(self) -> list[Reading]:
        """The readings that changed since this was asked last."""
        pending, self.pending = self.pending or (), None
        for prop in pending:
            prop.pending = False
        return [Reading(prop.node, prop.id, prop.value, prop.at) for prop in pending]

    def unheard(self) -> Iterator[str]:
        """What is known from before and was not heard again since the last connect, as words for people."""
        newer = self.facts.get("homie", "").startswith(("3.", "4.", "5."))
        if not self.heard & (STATE_TOPIC_BIT if newer else STATE_BIT):
            yield "state"
        if self.described and not self.heard & DESCRIPTION_BIT:
            yield "description"
        for fact in self.facts:
            bit = FACT_BITS.get(fact)
            if bit is not None and not self.heard & bit:
                yield fact
        for node_id, node in self.nodes.items():
            yield from node.unheard(node_id, described=self.described)

    def listen_anew(self) -> None:
        """Nothing counts as heard any more: the connection is a new one."""
        self.heard = 0
        for node in self.nodes.values():
            node.heard = 0
            for prop in node.properties.values():
                prop.heard = 0


def _unheard(thing: KnownNode | KnownProperty, bits: dict[str, int], place: str) -> Iterator[str]:
    for name, bit in bits.items():
        if not thing.heard & bit and getattr(thing, name):
            yield f"{name} of {place}"
