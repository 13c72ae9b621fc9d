"""What must not be kept on the broker: images, addresses of images, and `$ota`; where to look, and what clears it.

Rule: a device does at every connect what is kept for it (homie-ota.md rule 13, and 1.5). An empty payload takes an
image away; a connected 1.5 device reads garbage from an empty `$ota`, so that is told the version that it runs instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from homie_ota.homie import v1, wire
from homie_ota.homie.reader import bases_of
from homie_ota.model import Address, Publish

_IMAGE = "$implementation/ota/firmware"
_URL = "$implementation/ota/url"
_REQUEST = "$ota"


class Kind(StrEnum):
    """What is kept."""

    IMAGE = "image"
    URL = "url"  # esp32-homie would pull its image again
    REQUEST = "ota"  # 1.5: the version wanted


class Leftover(NamedTuple):
    """Something kept for a device; `text` is the MD5 in the topic, or what the payload says."""

    device: Address
    kind: Kind
    text: str


def filters(bases: Iterable[str]) -> tuple[str, ...]:
    """Where to look for it; live images pass here too, so only for a moment and only what is retained counts."""
    tails = (_REQUEST, _URL, f"{_IMAGE}/#")  # `…/#` fits the topic without a digest too, that of 2.0.0-beta.1
    return tuple(f"{base}+/{tail}" for base in bases_of(bases) for tail in tails)


def read(bases: Iterable[str], topic: str, payload: bytes) -> Leftover | None:
    """What a retained message on one of these filters is; None for a topic of another kind. Needs 64 bytes of it."""
    for base in sorted(bases_of(bases), key=len, reverse=True):
        if not topic.startswith(base):
            continue
        device_id, _, tail = topic.removeprefix(base).partition("/")
        if device_id.startswith("$") or not device_id or not wire.is_clean(device_id):
            return None
        return _read(Address(base, device_id), tail, payload)
    return None


def _read(device: Address, tail: str, payload: bytes) -> Leftover | None:
    if tail == _IMAGE or tail.startswith(f"{_IMAGE}/"):
        digest = tail.removeprefix(_IMAGE).lstrip("/")
        return Leftover(device, Kind.IMAGE, wire.text(digest.encode())[:64])
    kind = {_URL: Kind.URL, _REQUEST: Kind.REQUEST}.get(tail)
    return Leftover(device, kind, wire.text(payload[:64])) if kind else None


def clear(device: Address, topic: str, kind: Kind, running_version: str, *, settled: bool) -> Publish | None:
    """What makes it harmless. Of a `$ota` that says the running version already (`settled`): what takes it away.

    That is only for a device that is not connected. None when it is a `$ota` and the running version is not known.
    """
    if kind is not Kind.REQUEST:
        return Publish(topic, b"", qos=1, retain=True)
    if settled:
        return v1.clear(device)
    return v1.settle(device, running_version) if running_version else None
