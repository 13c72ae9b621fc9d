"""The kinds of values that settings have beside plain ones: sizes, durations, lists, base topics.

Rule: each accepts what a person writes in TOML and in the environment, and says what it expected otherwise.
"""

from __future__ import annotations

import ipaddress
import json
import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import NoDecode

_NUMBER_AND_UNIT = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]*)", re.ASCII)
_SIZES = {"": 1, "b": 1, "kb": 1000, "mb": 10**6, "kib": 1 << 10, "k": 1 << 10, "mib": 1 << 20, "m": 1 << 20}
_DURATIONS = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def _in_units(value: Any, units: dict[str, int], expected: str) -> Any:
    if not isinstance(value, str):
        return value
    match = _NUMBER_AND_UNIT.fullmatch(value.strip())
    if not match or match[2].lower() not in units:
        raise ValueError(expected)
    return float(match[1]) * units[match[2].lower()]


def _size(value: Any) -> Any:
    return _in_units(value, _SIZES, "a size like 16777216 or 16 MiB")


def _duration(value: Any) -> Any:
    return _in_units(value, _DURATIONS, "a duration in seconds, or like 90s, 10m, 1h")


def texts(value: Any) -> Any:
    """A list; or, from the environment, `["a", "b"]` or `a,b`."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError('a list like ["a", "b"] or a,b') from None
    return [part.strip() for part in value.split(",") if part.strip()]


def _topic(text: str) -> str:
    """A base topic with exactly one slash at its end."""
    topic = text.strip().rstrip("/")
    if not topic or topic.startswith("$") or any(sign in topic for sign in "#+\0"):
        raise ValueError('a base topic like "homie/": not empty, without # and +, not below $')
    return topic + "/"


def _topics(topics: tuple[str, ...]) -> tuple[str, ...]:
    if not topics:
        raise ValueError('at least one base topic, like ["homie/"]')
    return tuple(dict.fromkeys(_topic(topic) for topic in topics))


def _base_path(text: str) -> str:
    """`/homie-ota` for `homie-ota`, `/homie-ota/` and the like; empty for `/`."""
    path = "/" + text.strip("/ ")
    if not re.fullmatch(r"[A-Za-z0-9/._~-]+", path) or "//" in path or ".." in path:
        raise ValueError("a path like /homie-ota")
    return "" if path == "/" else path


def _networks(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        try:
            ipaddress.ip_network(text, strict=False)
        except ValueError:
            raise ValueError('addresses or networks like ["127.0.0.1", "172.30.32.0/23"]') from None
    return texts


def web_address(text: str) -> str:
    """The address without a slash at its end; empty stays empty."""
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("an address like http://ota.example.org:9080")
    return text.rstrip("/")


def _service_name(text: str) -> str:
    """`homie-ota` for `homie-ota` and for `_homie-ota._tcp`; empty stays empty."""
    name = text.removesuffix("._tcp").removeprefix("_")
    if name and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9-]{0,30}", name):
        raise ValueError('a name like "homie-ota": letters, digits and dashes, 31 at most; or nothing')
    return name


Bytes = Annotated[int, BeforeValidator(_size), Field(gt=0)]
Seconds = Annotated[float, BeforeValidator(_duration), Field(gt=0)]
SecondsOrNone = Annotated[float, BeforeValidator(_duration), Field(ge=0)]
Texts = Annotated[tuple[str, ...], NoDecode, BeforeValidator(texts)]
Networks = Annotated[Texts, AfterValidator(_networks)]
BaseTopics = Annotated[Texts, AfterValidator(_topics)]
BasePath = Annotated[str, AfterValidator(_base_path)]
ServiceName = Annotated[str, AfterValidator(_service_name)]
WebAddress = Annotated[str, AfterValidator(web_address)]
