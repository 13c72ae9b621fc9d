"""Taking a device off the broker: in which order, what is cleared, and what of it may be put back.

Rule: what says that the device exists goes first, so that nobody meets half a device. Nothing that a device would act
on at its next connect is ever put back, and no configuration in which something was masked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from homie_ota.homie.secrets import masked
from homie_ota.model import Address

ORDER: dict[str, tuple[str, ...]] = {
    "1": ("$online", "$homie", "$state"),
    "2": ("$homie", "$online", "$state"),
    "3": ("$state", "$homie", "$online"),
    "4": ("$state", "$homie", "$online"),
    "5": ("$state", "$description", "$homie"),
}
"""What says that a device exists, by the first letter of its generation; `$state` first is what Homie 5 asks for."""

_LAST = ("$implementation/ota/status", "$ota")
LONGEST = 65_536
"""Bytes of one payload that is copied; a `$description` has ten thousand."""


class Group(NamedTuple):
    """Some topics that belong together, for people: `$fw`, `$stats`, or a node; and how many they are."""

    name: str
    number: int


def ordered(address: Address, homie: str, topics: Iterable[str]) -> list[str]:
    """The topics in the order in which they are cleared; others than this device's are left out."""
    first = [f"{address.topic}/{tail}" for tail in ORDER.get(homie[:1], ORDER["3"])]
    last = [f"{address.topic}/{tail}" for tail in _LAST]
    mine = [each for each in dict.fromkeys(topics) if each.startswith(f"{address.topic}/")]
    rest = [each for each in mine if each not in first and each not in last]
    return [*(each for each in first if each in mine), *rest, *(each for each in last if each in mine)]


def groups(address: Address, topics: Iterable[str]) -> list[Group]:
    """What will be cleared, for people: the attributes of the device, and each node, with their numbers."""
    found: dict[str, int] = {}
    for topic in topics:
        head = topic.removeprefix(f"{address.topic}/").partition("/")[0]
        found[head] = found.get(head, 0) + 1
    return [Group(name, count) for name, count in sorted(found.items())]


def may_be_put_back(address: Address, kept: Mapping[str, bytes]) -> dict[str, str]:
    """Of what the broker keeps, topic by topic, the text that may be published again some day."""
    found = {}
    for topic, payload in kept.items():
        tail = topic.removeprefix(f"{address.topic}/")
        if tail == topic or _acts(tail) or len(payload) > LONGEST:
            continue
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            continue
        if text and masked(text) == text:
            found[topic] = text
    return found


_ACTING = ("$ota", "$reset", "$implementation/ota", "$implementation/config/set", "$implementation/reset")


def _acts(tail: str) -> bool:
    """Whether a device acts on this topic, or on what is below it; also on every `…/set`."""
    return tail.endswith("/set") or any(tail == each or tail.startswith(f"{each}/") for each in _ACTING)
