"""Where a device asks for its image, as its requests tell: the host and port that it was told, and a path.

Rule: devices of Homie 1.5 hold all three in their `config.json`, and nothing on MQTT changes them (JSON configuration
file of homie-esp8266 1.5.0); so what is said is what to write there, or what to set here instead.
"""

from __future__ import annotations

import json
from typing import NamedTuple
from urllib.parse import urlsplit

from homie_ota.esp.image import clean

HTTP = 80
LONGEST = 120


class Place(NamedTuple):
    """Host, port and path; the path begins with a slash."""

    host: str
    port: int
    path: str

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}{self.path}"


def asked_at(host: str, path: str) -> Place | None:
    """The place that a request names by its header `Host` and its path; None where the header makes no sense."""
    return _read(f"http://{clean(host, LONGEST)}{clean(path, LONGEST)}")


def read(text: str) -> Place | None:
    """The same from its text (`10.0.0.5:9080/ota`), or from an address (`http://10.0.0.5:9080/ota`)."""
    return _read(text if "://" in text else f"http://{text}")


def _read(url: str) -> Place | None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    usual = 443 if parts.scheme == "https" else HTTP
    return Place(parts.hostname, port or usual, parts.path or "/") if parts.hostname else None


def configuration(right: Place) -> str:
    """What has to stand in the `config.json` of a device of Homie 1.5 that is to ask there."""
    told = {"enabled": True, "host": right.host, "port": right.port, "path": right.path}
    return f'"ota": {json.dumps(told)}'


def astray(asked: str, path: str) -> str:
    """What is said of a device that asked at a place where there is nothing; `path` is the right one."""
    wrong = read(asked)
    here = (
        f'Put path = "{wrong.path}" in [ota] of the settings, or' if wrong and wrong.path != path else "Put"
    )
    return (
        f"It asked for its image at {asked}, and there is nothing for devices there: this server answers at {path}. "
        f'{here} "path": "{path}" into "ota" of its config.json.'
    )
