"""craftmetrics/esp32-homie: an ESP32 that pulls the image from a URL.

Rule: it takes at most 256 characters of URL, and its statuses are not retained.
"""

from __future__ import annotations

from homie_ota.homie import wire
from homie_ota.model import Address, Publish

MAX_URL = 256

READERS: dict[str, wire.Read] = {
    "$online": wire.online,
    **wire.facts(
        {
            "$implementation/ota/enabled": "ota/enabled",
            "$implementation/ota/running": "ota/running",
            "$implementation/ota/boot": "ota/boot",
        }
    ),
    "$implementation/ota/status": wire.ota_status,
}
"""Topic below the device → how it is read."""


def offer(address: Address, url: str) -> Publish | None:
    """Tell the device to pull the image from `url`; None when it would not take it (too long, not plain http(s))."""
    plain = url.isascii() and url.isprintable() and " " not in url
    if len(url) > MAX_URL or not plain or not url.startswith(("http://", "https://")):
        return None
    return Publish(f"{address.topic}/$implementation/ota/url", url.encode(), qos=1, retain=False)
