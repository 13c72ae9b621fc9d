"""Homie 3.x and 4.x: `$state`, more statistics, described properties, extensions; the image over MQTT.

Rule: what 3.x has in its core and 4.x in the legacy extensions is read alike, announced as an extension or not.
"""

from __future__ import annotations

from homie_ota.homie import push, wire

READERS: dict[str, wire.Read] = {
    "$state": wire.state,
    **wire.facts(
        {
            "$homie": "homie",
            "$name": "name",
            "$localip": "ip",
            "$mac": "mac",
            "$nodes": "nodes",
            "$extensions": "extensions",
            "$fw/name": "fw/name",
            "$fw/version": "fw/version",
            "$fw/checksum": "md5",
            "$implementation": "implementation",
            "$implementation/version": "implementation/version",
            "$implementation/ota/enabled": "ota/enabled",
            "$stats": "stats",
            "$stats/interval": "interval",
            "$stats/signal": "signal",
            "$stats/uptime": "uptime",
            "$stats/freeheap": "heap",
            "$stats/cputemp": "cputemp",
            "$stats/cpuload": "cpuload",
            "$stats/battery": "battery",
            "$stats/supply": "supply",
        }
    ),
    "$implementation/config": wire.config,
    "$implementation/ota/status": wire.ota_status,
}
"""Topic below the device → how it is read."""

offer = push.offer
