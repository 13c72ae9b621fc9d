"""Examples of what the API says and takes about who knocks."""

from __future__ import annotations

from typing import Any

from homie_ota.web.api.examples.devices import MD5, MOMENT

OBJECTS: dict[str, Any] = {
    "Knock": {
        "mac": "A0:20:A6:14:85:06",
        "address": "192.168.1.23",
        "chip": "esp8266",
        "mode": "sketch",
        "version": "1.0.0",
        "md5": MD5,
        "sdk": "2.2.2-dev(38a443e)",
        "free_space": 2740224,
        "sketch_size": 301408,
        "chip_size": 4194304,
        "count": 12,
        "first_at": MOMENT,
        "last_at": MOMENT,
    },
    "Adopt": {"name": "Greenhouse", "base": "arduino"},
    "Adopted": {"device": "arduino~a020a6148506", "name": "Greenhouse"},
}
PAGES = {"KnockPage": "Knock"}
