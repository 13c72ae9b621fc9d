"""Homie 2.x and its pre-releases of 2016: attributes in groups, `$online`, the image over MQTT.

Rule: 2.0.0-beta.1 gets the checksum first and the image after its 202; everything later gets the image at once.
"""

from __future__ import annotations

import json

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


def restart(address: Address, config: str, name: str) -> Publish | None:
    """What makes the device restart and changes nothing: the name that it has, as its configuration tells it.

    2.0.0 takes no update after one that was cut off until it restarts, and has no word for a restart; every valid
    change of its configuration ends in one, and `reset` would erase it (homie-ota.md rules 16 and 19). `config` and
    `name` are what it announced. None when neither tells its name, or it would ignore the topic.
    """
    topic = f"{address.topic}/$implementation/config/set"
    known = _name_in(config) or name
    if not known or len(topic.encode()) > push.MAX_TOPIC:
        return None
    text = json.dumps({"name": known}, separators=(",", ":"), ensure_ascii=False)
    return Publish(topic, text.encode(), qos=1, retain=False)


def _name_in(config: str) -> str:
    try:
        found = json.loads(config)
    except (ValueError, RecursionError):
        return ""
    name = found.get("name") if isinstance(found, dict) else None
    return name if isinstance(name, str) else ""
