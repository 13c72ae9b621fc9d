"""Homie 1.5: flat attributes, `$online`, and an update that the device fetches over HTTP after a word in `$ota`.

Rule: what goes to `$ota` must become the running version exactly, else the device reboots for ever.
"""

from __future__ import annotations

import hashlib

from homie_ota.homie import wire
from homie_ota.model import Address, OtaRequestSeen, Publish

MAX_WANTED = 16
"""Characters that the device takes from `$ota`; longer ones it ignores without a word."""


def _ota_request(device: Address, payload: bytes, retained: bool) -> OtaRequestSeen:
    return OtaRequestSeen(device, wire.text(payload)[:64], retained)


READERS: dict[str, wire.Read] = {
    "$online": wire.online,
    "$ota": _ota_request,
    **wire.facts({"$name": "name", "$localip": "ip", "$nodes": "nodes"}),
    **wire.facts(
        {"$fwname": "fw/name", "$fwversion": "fw/version", "$signal": "signal", "$uptime": "uptime"},
        legacy=True,
    ),
}
"""Topic below the device → how it is read; `legacy` ones give way to their successors in later generations."""


def short_hash(name: str, digits: int) -> str:
    """The first hex digits of the SHA-1 of a firmware's name."""
    return hashlib.sha1(name.encode(errors="replace"), usedforsecurity=False).hexdigest()[:digits]


def wanted_text(name: str, version: str, running_name: str) -> str | None:
    """What `$ota` must say for firmware `name` at `version`: the version, or `<hash>@<version>` for another firmware.

    None when it cannot be said in 16 characters.
    """
    if name == running_name:
        wanted = version
    else:
        digits = MAX_WANTED - 1 - len(version.encode())
        wanted = f"{short_hash(name, digits)}@{version}" if digits > 0 else ""
    return wanted if version and wanted and len(wanted.encode()) <= MAX_WANTED else None


def matches(wanted: str, running_name: str, name: str, version: str) -> bool:
    """Whether `wanted` (a bare version or `<hash>@<version>`) means the stored firmware `name` at `version`."""
    if wanted == version and name == running_name:
        return bool(version)
    digest, _, wanted_version = wanted.partition("@")
    return bool(digest) and wanted_version == version and short_hash(name, len(digest)) == digest.lower()


def offer(
    address: Address, *, firmware_name: str, version: str, running_name: str, running_version: str
) -> Publish | None:
    """The word in `$ota` that makes the device ask for this firmware; not retained.

    None when it cannot be said in 16 characters, or when the device would do nothing because it says what it runs.
    """
    wanted = wanted_text(firmware_name, version, running_name)
    if wanted is None or wanted == running_version:
        return None
    return Publish(f"{address.topic}/$ota", wanted.encode(), qos=1, retain=False)


def settle(address: Address, running_version: str) -> Publish:
    """Make a retained `$ota` harmless while the device is connected: an empty payload would make it reboot.

    What stays is a retained `$ota`; it would call the next version back, so `clear` it while the device is away.
    """
    return Publish(f"{address.topic}/$ota", running_version.encode(), qos=1, retain=True)


def clear(address: Address) -> Publish:
    """Take a retained `$ota` off the broker; only while the device is not connected."""
    return Publish(f"{address.topic}/$ota", b"", qos=1, retain=True)
