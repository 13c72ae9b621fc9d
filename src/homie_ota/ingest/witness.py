"""Keeps what devices say while they are being updated, for the case file.

Rule: it listens to devices with a running deployment only, from the notice of the order on; everybody else costs one
look into a set. Payloads are shown as text, masked where they may hold a secret, and never kept whole.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from homie_ota.bus import Bus, Notice
from homie_ota.fleet import KnownDevice
from homie_ota.homie import secrets
from homie_ota.ingest.batch import Identity
from homie_ota.model import Address
from homie_ota.store.transcript import LONGEST, Said

KEPT = 500
"""Messages of one device that wait for the next batch; a flood beyond that is not told."""

CONFIGURATION = "$implementation/config"


class Witness:
    """What was heard of watched devices since it was last taken; the bus tells whom to watch."""

    def __init__(self, bus: Bus, identity: Identity) -> None:
        self.watched: set[Address] = set()
        self._identity = identity
        self._said: dict[Address, list[Said]] = {}
        bus.join(self)

    def hear(self, notice: Notice) -> None:
        """An order or a move: from now on what this device says is kept, until a batch finds that it has ended."""
        if notice.kind == "deployment" and (pk := notice.about.get("device_pk")) is not None:
            self.watch([pk])

    def watch(self, pks: Iterable[int]) -> None:
        """Keep what these devices say from now on."""
        current = self._identity.current
        self.watched.update(current[pk].address for pk in pks if pk in current)

    def note(self, device: Address, topic: str, payload: bytes, retained: bool, now: float) -> None:
        """Keep one message of a watched device."""
        said = self._said.setdefault(device, [])
        if len(said) < KEPT:
            said.append(Said(now, "in", topic, shown(topic, payload), len(payload), retained))

    def take(
        self, find: Callable[[Address], KnownDevice | None], waiting: Collection[Address] = ()
    ) -> dict[int, list[Said]]:
        """What was kept, by the device's `pk`; of those `waiting` or without a row it stays for a later batch."""
        found = {address: find(address) for address in self._said if address not in waiting}
        ready = {address: known.pk for address, known in found.items() if known and known.pk is not None}
        return {pk: self._said.pop(address) for address, pk in ready.items()}

    def ended(self, pks: set[int]) -> None:
        """These devices have no running deployment any more."""
        current = self._identity.current
        self.watched.difference_update(current[pk].address for pk in pks if pk in current)


def shown(topic: str, payload: bytes) -> str:
    """What of a payload may be kept: its text, bounded; of bytes that are no text only that they are none."""
    if CONFIGURATION in topic:
        return secrets.masked(payload.decode(errors="replace"))[:LONGEST]
    text = payload[: 4 * LONGEST].decode(errors="replace")[:LONGEST]
    return "(binary)" if text.count("\ufffd") > 1 else text
