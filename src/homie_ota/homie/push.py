"""An image over MQTT: the offer that 2.0.0-beta.2 … 3.x, the 4.x forks and the 5.0 fork have in common.

Rule: an offer that the device would ignore without a word is None; images go out binary, QoS 1 and never retained
(homie-ota.md rules 9, 13, 17).
"""

from __future__ import annotations

from homie_ota.model import Address, Publish

MAX_TOPIC = 128
"""Bytes of the topic of an image; with a longer one the device ignores it without a word."""

_HEX = frozenset("0123456789abcdef")


def offer(address: Address, md5: str, image: bytes) -> Publish | None:
    """The image under its MD5; None when the device would ignore it: topic too long, no MD5, nothing in it."""
    digest = md5.lower()  # the device compares case-sensitively: upper case flashes the same image again
    topic = f"{address.topic}/$implementation/ota/firmware/{digest}"
    if len(topic.encode()) > MAX_TOPIC or not is_md5(digest) or not image:
        return None
    return Publish(topic, image, qos=1, retain=False)


def is_md5(text: str) -> bool:
    """Whether this is an MD5 in lower-case hex."""
    return len(text) == 32 and _HEX.issuperset(text)
