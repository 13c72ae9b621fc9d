"""Homie 2.x and its pre-releases of 2016: attributes in groups, `$online`, the image over MQTT.

Rule: 2.0.0-beta.1 gets the checksum first and the image after its 202; everything later gets the image at once.
"""

from __future__ import annotations

from homie_ota.homie import push, wire
from homie_ota.model import Address, Publish

BETA_1 = "2.0.0-beta.1"
"""The `$implementation/version` that speaks the two-step way."""

READERS: dict[str, wire.Read] = {
    "$online": wire.online,
    **wire.facts(
        {
            "$homie": "homie",
            "$name": "name",
            "$localip": "ip",
            "$mac": "mac",
            "$nodes": "nodes",
            "$fw/name": "fw/name",
            "$fw/version": "fw/version",
            "$fw/checksum": "md5",
            "$implementation": "implementation",
            "$implementation/version": "implementation/version",
            "$implementation/ota/enabled": "ota/enabled",
            "$stats/interval": "interval",
            "$stats/signal": "signal",
            "$stats/uptime": "uptime",
        }
    ),
    "$implementation/config": wire.config,
    "$implementation/ota/status": wire.ota_status,
    # The pre-releases, still in the field.
    **wire.facts(
        {"$uptime/value": "uptime", "$uptime/interval": "interval", "$signal": "signal"}, legacy=True
    ),
}
"""Topic below the device → how it is read."""

offer = push.offer


def announce_checksum(address: Address, md5: str) -> Publish | None:
    """First step for 2.0.0-beta.1: say the checksum, then wait for its 202. None when this is no MD5."""
    digest = md5.lower()
    if not push.is_md5(digest):
        return None
    return Publish(f"{address.topic}/$implementation/ota/checksum", digest.encode(), qos=1, retain=False)


def offer_after_checksum(address: Address, image: bytes) -> Publish | None:
    """Second step for 2.0.0-beta.1, after its 202: the image. None when the topic is too long or nothing is in it."""
    topic = f"{address.topic}/$implementation/ota/firmware"
    if len(topic.encode()) > push.MAX_TOPIC or not image:
        return None
    return Publish(topic, image, qos=1, retain=False)
