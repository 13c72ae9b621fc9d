"""What has to be done until the first device can be updated, with the exact lines for its configuration and sketch.

Rule: texts are made of facts alone, of this server's real addresses too; nothing is asked, and no page is drawn here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from homie_ota.web.texts import _


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when a page is drawn. `server` is what devices are told, with the path of the OTA endpoint.

    `host` and `port` are those of the broker, as a device reaches it; an empty `host` means that nobody could tell.
    `own` is True for the embedded broker; only of that one user and password are known for devices.
    """

    devices: bool = False
    firmware: bool = False
    updated: bool = False
    connected: bool = False
    host: str = ""
    port: int = 1883
    tls: bool = False
    own: bool = False
    username: str = ""
    password: str = field(default="", repr=False)
    bases: tuple[str, ...] = ("homie/", "devices/")
    server: str = "http://127.0.0.1:9080/ota"


class Step(NamedTuple):
    """One step; `key` is a stable word, `done` and what is to be done where it is not."""

    key: str
    title: str
    done: bool
    text: str


def steps(facts: Facts) -> list[Step]:
    """The way from nothing to the first update, in order."""
    firmware = _(
        "Upload the .bin that the build makes. This server reads name and version from it, looks whether it is whole, "
        "and keeps it."
    )
    update = _(
        "Open the image or the device, and send the one to the other. Every step is shown while it happens."
    )
    return [
        Step("broker", _("A broker"), facts.connected, _broker_text(facts)),
        Step("device", _("A device"), facts.devices, _device_text(facts)),
        Step("firmware", _("A firmware"), facts.firmware, firmware),
        Step("update", _("An update"), facts.updated, update),
    ]


def next_step(facts: Facts) -> Step | None:
    """The first step that is not done; None when an update went through."""
    return next((each for each in steps(facts) if not each.done), None)


def _broker_text(facts: Facts) -> str:
    if facts.own:
        return _(
            "homie-ota runs its own broker on port %(port)s. It does for a start and for small fleets; it keeps "
            "nothing on the disk.",
            port=facts.port,
        )
    where = f"{facts.host}:{facts.port}" if facts.host else _("the broker of the settings")
    if facts.connected:
        return _("homie-ota listens on %(where)s.", where=where)
    return _(
        "homie-ota listens on %(where)s, and cannot reach it. Start it, or name another one in the settings.",
        where=where,
    )


LOOPBACK = ("127.", "::1", "localhost")


def _is_shut_in(host: str) -> bool:
    """Whether only this machine reaches it, as it is with the demo."""
    return host.startswith(LOOPBACK)


def _device_text(facts: Facts) -> str:
    where = f"{facts.host}:{facts.port}" if facts.host else _("that broker")
    if _is_shut_in(facts.host):
        return _(
            "The broker at %(where)s is for this machine alone: no device reaches it. For devices start homie-ota "
            "serve, with --embedded-broker 0.0.0.0:1883, or with a broker of your network (--mqtt).",
            where=where,
        )
    return _(
        "Whatever announces itself on %(where)s below %(bases)s appears by itself. Give a device the lines below as "
        "its config.json.",
        where=where,
        bases=_(" and ").join(facts.bases),
    )


# --- Lines for a device ---------------------------------------------------------------------------------------------


class Generation(NamedTuple):
    """A generation of homie-esp8266: its word, for whom, and what goes into configuration and sketch."""

    key: str
    title: str
    config: Callable[[Facts, bool], str]
    sketch: str


def _config_2(facts: Facts, may_flash: bool) -> str:
    mqtt = _mqtt(facts, may_flash, "homie/")
    if facts.tls:
        mqtt["ssl"] = True
    return _json({"mqtt": mqtt, "ota": {"enabled": True}})


def _config_3(facts: Facts, may_flash: bool) -> str:
    mqtt = _mqtt(facts, may_flash, "homie/")
    if facts.tls:
        mqtt["ssl"] = True
    return _json({"mqtt": mqtt, "ota": {"enabled": True}}, device_stats_interval=60)


def _config_1(facts: Facts, may_flash: bool) -> str:
    """1.5 asks over HTTP: its `ota` says where; without `host` it would ask the broker's machine, without `port` 80."""
    asked = urlsplit(facts.server)
    tls = asked.scheme == "https"
    host = asked.hostname or ""
    ota: dict[str, Any] = {
        "enabled": True,
        "host": _("the address of this server") if _is_shut_in(host) else host,
    }
    ota |= {"port": asked.port or (443 if tls else 80), "path": asked.path or "/ota"}
    mqtt = _mqtt(facts, may_flash, "devices/")
    for section, is_safe in ((mqtt, facts.tls), (ota, tls)):
        if is_safe:
            section["ssl"] = True
    return _json({"mqtt": mqtt, "ota": ota})


def _mqtt(facts: Facts, may_flash: bool, base: str) -> dict[str, Any]:
    host = "" if _is_shut_in(facts.host) else facts.host
    told: dict[str, Any] = {"host": host or _("the address of the broker"), "port": facts.port}
    told["base_topic"] = base if base in facts.bases else _first_base(facts)
    if facts.username:
        password = _own_password(facts, may_flash) if facts.own else _("the password of that user")
        told |= {"auth": True, "username": facts.username, "password": password}
    return told


def _own_password(facts: Facts, may_flash: bool) -> str:
    """Who may publish may flash, so who may not flash does not get it."""
    return facts.password if may_flash else _("ask whoever runs homie-ota")


def _first_base(facts: Facts) -> str:
    """`homie/5/` is made of a base and the 5 that the device adds itself."""
    usual = [each for each in facts.bases if not each.endswith("/5/")]
    return usual[0] if usual else "homie/"


def _json(told: dict[str, Any], **more: Any) -> str:
    head = {"name": _("Lamp in the hall"), "device_id": "hall-lamp", **more}
    wifi = {"ssid": _("your network"), "password": _("its password")}
    return json.dumps({**head, "wifi": wifi, **told}, indent=2, ensure_ascii=False)


_SKETCH = """\
#include <Homie.h>

void setup() {
  Homie_setFirmware("lamp", "1.0.0");  // name and version, which this server reads from the image
  Homie_setBrand("my-home");           // if you like
  Homie.setup();
}

void loop() {
  Homie.loop();
}
"""

_SKETCH_1 = """\
#include <Homie.h>

#define NAME    "lamp"
#define VERSION "1.0.0"  // with the name as a hash before it, at most 16 characters

// Homie 1.x puts no marks into an image. With these, this server reads name and version from it.
const char HOMIE_MARK[]   = "%HOMIE_ESP8266_FW%";
const char NAME_MARK[]    = "\\xbf\\x84\\xe4\\x13\\x54" NAME "\\x93\\x44\\x6b\\xa7\\x75";
const char VERSION_MARK[] = "\\x6a\\x3f\\x3e\\x0e\\xe1" VERSION "\\xb0\\x30\\x48\\xd4\\x1a";

void setup() {
  asm volatile("" :: "r"(HOMIE_MARK), "r"(NAME_MARK), "r"(VERSION_MARK));  // or the linker leaves them out
  Homie.setFirmware(NAME, VERSION);
  Homie.setup();
}

void loop() {
  Homie.loop();
}
"""

GENERATIONS = (
    Generation("3", "Homie 3.x (homie-esp8266 3, ESP8266 and ESP32)", _config_3, _SKETCH),
    Generation("2", "Homie 2.x (homie-esp8266 2)", _config_2, _SKETCH),
    Generation("1.5", "Homie 1.5 (homie-esp8266 1.5)", _config_1, _SKETCH_1),
)
"""The newest first; keys as homie-esp8266 documents them for each of its versions."""


class Lines(NamedTuple):
    """What is pasted for one generation."""

    key: str
    title: str
    config: str
    sketch: str


def lines(facts: Facts, *, may_flash: bool) -> list[Lines]:
    """The lines of every generation; the password of our own broker only for those who may flash."""
    return [Lines(each.key, each.title, each.config(facts, may_flash), each.sketch) for each in GENERATIONS]


# --- Another broker -------------------------------------------------------------------------------------------------


def other_broker(facts: Facts) -> str:
    """The lines of homie-ota.toml that make this server listen to another broker."""
    return "\n".join(_other_broker(facts))


def _other_broker(facts: Facts) -> Iterator[str]:
    yield "[mqtt]"
    yield 'url = "mqtt://192.168.1.10:1883"   # mqtts:// with TLS'
    yield 'username = "homie-ota"'
    yield 'password = "…"'
    yield f"base_topics = {json.dumps(list(facts.bases), ensure_ascii=False)}"
