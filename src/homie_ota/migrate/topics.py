"""From a record of the old server back to the messages that it was made of, which our own reader understands.

Rule: only what describes a device is told again, as history: no state, no word of an update. The old server took the
`$` off the attributes, and the access point's MAC for the device's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from homie_ota.homie import Reader
from homie_ota.homie.rows import mac
from homie_ota.model import (
    DescriptionSeen,
    FactSeen,
    NodeFactSeen,
    Observation,
    PropertyFactSeen,
    ValueSeen,
)

_MODERN = {
    "fwname": "$fw/name",
    "fwversion": "$fw/version",
    "signal": "$stats/signal",
    "uptime": "$stats/uptime",
}
"""Keys whose topics have other names in Homie 2 and later, which announce `$homie`."""

DERIVED = frozenset({"human_uptime"})
"""Made by the old server out of others."""

ASKED = ("free_space", "chip_size", "sketch_size")
"""What a 1.5 device said of itself when it fetched an image."""

COMMANDS = frozenset({"ota", "online", "state"})
"""How the device was and what it was told to do: not true any more."""

_DESCRIBES = (FactSeen, NodeFactSeen, PropertyFactSeen, ValueSeen, DescriptionSeen)
_NOT = frozenset({"ota/retained", "state"})


def messages(
    reader: Reader, base: str, device_id: str, told: Mapping[str, str], values: Mapping[str, str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Topics with payloads that say what a record says, and the keys that our reader knows nothing of."""
    good: list[tuple[str, str]] = []
    strange: list[str] = []
    for key, tail, text in _tails(told, values):
        topic = f"{base}{device_id}/{tail}"
        seen = reader.read(topic, text.encode(errors="replace"), True)
        if seen is None:
            strange.append(key)
        elif text and _describes(seen):
            good.append((topic, text))
    return good, strange


def _tails(told: Mapping[str, str], values: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    modern = _MODERN if told.get("homie") else {}
    for key, text in told.items():
        if key == "mac":
            yield key, "$mac", station_mac(text)
        elif key not in DERIVED and key not in ASKED and key not in COMMANDS:
            yield key, modern.get(key, f"${key}"), text
    for key, text in values.items():
        yield key, key, text


def _describes(seen: Observation) -> bool:
    return isinstance(seen, _DESCRIBES) and not (isinstance(seen, FactSeen) and seen.fact in _NOT)


def station_mac(text: str) -> str:
    """The MAC of the device: an ESP8266's access point has the same one with the bit of local addresses set."""
    found = mac(text)
    return f"{int(found[:2], 16) & ~2:02X}{found[2:]}" if found else ""


def asked(told: Mapping[str, str]) -> dict[str, str]:
    """What the device said when it asked for an image: names and numbers as they are remembered."""
    return {name: told[name] for name in ASKED if told.get(name, "").isdecimal()}
