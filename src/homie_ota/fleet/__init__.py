"""The fleet in memory: what is known of each device; observations in, changes out.

Rule: the same retained messages in any order make the same fleet; whatever is sent, memory stays bounded. One thread
uses it; nothing is forgotten unless it is told to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, ValuesView
from itertools import islice
from typing import Any

from homie_ota.fleet.apply import APPLY
from homie_ota.fleet.caps import Caps
from homie_ota.fleet.known import (
    NEW,
    Changed,
    KnownDevice,
    KnownNode,
    KnownProperty,
    Reading,
)
from homie_ota.fleet.recent import Recent, Round
from homie_ota.fleet.restore import restored
from homie_ota.model import (
    Address,
    DescriptionSeen,
    Observation,
    OtaRequestSeen,
    State,
    ValueCleared,
    ValueSeen,
)

__all__ = ["Changed", "Fleet", "KnownDevice", "KnownNode", "KnownProperty", "Reading", "Round"]

_CHANGED = [Changed(bits) for bits in range(128)]


class Fleet:
    """All devices by address. `caps` tells what is in use and what was refused."""

    def __init__(
        self,
        *,
        max_devices: int = 100_000,
        max_topics_per_device: int = 2_000,
        max_topics: int = 5_000_000,
        max_text_per_device: int = 512 * 1024,
        max_text: int = 512 * 1024 * 1024,
    ) -> None:
        self.caps = Caps(
            max_devices=max_devices,
            max_topics_per_device=max_topics_per_device,
            max_topics=max_topics,
            max_text_per_device=max_text_per_device,
            max_text=max_text,
        )
        self._devices: dict[Address, KnownDevice] = {}
        self._dirty: dict[Address, KnownDevice] = {}
        self._children: dict[Address, set[Address]] = {}  # of Homie 5 roots, heard of or not

    def __len__(self) -> int:
        return len(self._devices)

    @property
    def devices(self) -> ValuesView[KnownDevice]:
        """All devices, in the order in which they were first heard."""
        return self._devices.values()

    @property
    def dirty(self) -> int:
        """How many devices wait for `take_dirty`."""
        return len(self._dirty)

    def get(self, address: Address) -> KnownDevice | None:
        """The device at this address, or None."""
        return self._devices.get(address)

    def apply(self, observation: Observation, now: float) -> Changed:
        """Take in what was seen; tells what it changed, and marks the device for writing when it did."""
        address = observation.device
        known = self._devices.get(address)
        new = 0
        if known is None:
            known = self._admit(observation, now)
            if known is None:
                return Changed.NOTHING
            new = NEW
        state = known.state
        kind = type(observation)
        root = known.facts.get("root") if kind is DescriptionSeen else None
        changed = new | APPLY[kind](known, observation, now, self.caps)
        if not observation.retained and kind is not OtaRequestSeen:
            known.last_seen = now
        if changed:
            known.changed |= changed
            self._dirty[address] = known
            if known.state is not state and State.LOST in (state, known.state):
                self._tell_children(address)
            if kind is DescriptionSeen:
                self._adopt(known, root)
        return _CHANGED[changed]

    def effective_state(self, known: KnownDevice) -> State:
        """The state for all purposes: the child of a Homie 5 root that is lost is lost, whatever it says itself."""
        root = known.facts.get("root")
        if not root:
            return known.state
        device = self._devices.get(Address(known.address.base, root))
        return State.LOST if device is not None and device.state is State.LOST else known.state

    def touch(self, known: KnownDevice, changed: Changed) -> None:
        """Mark a device for writing, for instance because writing it failed."""
        known.changed |= int(changed)
        self._dirty[known.address] = known

    def take_dirty(self, limit: int) -> list[KnownDevice]:
        """Up to `limit` devices that changed, longest waiting first; ask each `take_changed` and `take_values`."""
        taken = list(islice(self._dirty.values(), limit))
        for known in taken:
            del self._dirty[known.address]
        return taken

    def listen_anew(self) -> None:
        """A new connection: nothing counts as heard any more, so that gaps are noticed."""
        for known in self._devices.values():
            known.listen_anew()

    def forget(self, address: Address) -> None:
        """Drop a device; when it announces itself again it is a new one."""
        known = self._devices.pop(address, None)
        if known is None:
            return
        self._dirty.pop(address, None)
        self.caps.topics -= known.topics
        self.caps.text -= known.text
        if known.root:
            self._leave(Address(address.base, known.root), address)
        if known.state is State.LOST:
            self._tell_children(address)

    def restore(
        self,
        address: Address,
        pk: int,
        state: State,
        facts: Mapping[str, str],
        nodes: Mapping[str, Any],
        readings: Iterable[tuple[str, str, str, float]],
        first_seen: float,
        last_seen: float,
        *,
        state_since: float = 0.0,
        recent: Sequence[Sequence[float | None]] = (),
    ) -> KnownDevice:
        """Bring back a device from its row (`facts`, `nodes`, `recent` as written) and readings.

        A reading is (node, prop, value, at).
        """
        self.forget(address)
        known = restored(KnownDevice(address, first_seen), facts, nodes, readings, self.caps)
        known.pk, known.state = pk, state
        known.state_since, known.last_seen = state_since, last_seen
        known.recent = Recent(recent) if recent else None
        self._devices[address] = known
        self._adopt(known, None)
        return known

    def _admit(self, seen: Observation, now: float) -> KnownDevice | None:
        """A device heard for the first time; None when that says nothing of a device, or there is no room."""
        if _is_trace(seen):
            return None
        if len(self._devices) >= self.caps.max_devices:
            self.caps.refused_devices += 1
            return None
        known = self._devices[seen.device] = KnownDevice(seen.device, now)
        return known

    def _adopt(self, known: KnownDevice, old: str | None) -> None:
        """Note whose child the device is, so that it is written again when its root changes."""
        base = known.address.base
        if old and old != known.root:
            self._leave(Address(base, old), known.address)
        if known.root:
            self._children.setdefault(Address(base, known.root), set()).add(known.address)

    def _leave(self, root: Address, child: Address) -> None:
        children = self._children.get(root, set())
        children.discard(child)
        if not children:
            self._children.pop(root, None)

    def _tell_children(self, root: Address) -> None:
        for address in self._children.get(root, ()):
            child = self._devices.get(address)
            if child is not None:
                self.touch(child, Changed.STATE)


def _is_trace(seen: Observation) -> bool:
    """Whether this may be left of a device that is gone, or a word of somebody else: topics cleared, `$ota`."""
    if isinstance(seen, ValueCleared | OtaRequestSeen):
        return True
    return not isinstance(seen, ValueSeen) and getattr(seen, "value", None) == ""
