"""What Home Assistant is told of a device: facts in, retained messages out.

Rule: only keys that Home Assistant knows, for one unknown key, or a null where it takes none, makes it drop the whole
message. What is known of every message is sent in every message: of a key that is missing it keeps the old value.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from homie_ota.announce.home_assistant.topics import INSTALL, STATUS, object_id, topics
from homie_ota.esp.image import clean
from homie_ota.model import DeploymentState, Publish
from homie_ota.rollout.next import percent
from homie_ota.store.entities import Entity, Image

LONGEST_NOTES = 255
"""Characters of `release_summary` that Home Assistant takes."""
LONGEST_NAME = 120
_MAC = re.compile(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}")

SENSORS: dict[str, dict[str, Any]] = {
    "signal": {
        "name": "Signal",
        "unit_of_measurement": "%",
        "state_class": "measurement",
        "icon": "mdi:wifi",
    },
    "uptime": {"name": "Uptime", "unit_of_measurement": "s", "device_class": "duration"},
    "firmware": {"name": "Running firmware", "icon": "mdi:chip"},
}
"""The diagnostic entities: key in `diagnostics` → what Home Assistant is told of it."""


@dataclass(frozen=True, slots=True)
class Terms:
    """How it is told. `version` is ours; `pages` is the address of our pages, without a slash at its end.

    Where people cannot follow a link there `pages` is empty, and none is told.
    """

    prefix: str
    pages: str
    version: str
    diagnostics: bool = False
    read_only: bool = False


def discovery(told: Entity, terms: Terms, withdrawn: bool = False) -> Publish:
    """The message that makes the device and its entities; `withdrawn`: its sensors are taken away by it."""
    name = object_id(told.address)
    entities = {"update": _update(name, terms)}
    if terms.diagnostics:
        entities |= {key: _sensor(name, key, terms) for key in SENSORS}
    elif withdrawn:
        # An entity goes when nothing but its platform is told of it.
        entities |= {key: {"p": "sensor"} for key in SENSORS}
    payload = {"dev": _device(told, name, terms), "o": _origin(terms), "cmps": entities}
    return _message(topics(terms.prefix, name).config, payload)


def _device(told: Entity, name: str, terms: Terms) -> dict[str, Any]:
    texts = {
        "name": _text(told.name) or _text(told.address.device_id) or name,
        "mf": "Homie",
        "mdl": _text(told.fw_name) or _text(told.implementation),
        "sw": _text(told.fw_version),
        "cu": _link(terms, _page(told)),
    }
    # The MAC makes it one device with what another bridge told of it.
    connections = {"cns": [["mac", told.mac.lower()]]} if _MAC.fullmatch(told.mac) else {}
    return {"ids": [name], **connections, **{key: text for key, text in texts.items() if text}}


def _origin(terms: Terms) -> dict[str, str]:
    return {"name": "homie-ota", "sw": terms.version, **({"url": terms.pages} if terms.pages else {})}


def _update(name: str, terms: Terms) -> dict[str, Any]:
    at = topics(terms.prefix, name)
    command = {} if terms.read_only else {"command_topic": at.install, "payload_install": INSTALL.decode()}
    return {
        "p": "update",
        "unique_id": f"{name}-update",
        "name": "Firmware",
        "device_class": "firmware",
        "entity_category": "config",
        "state_topic": at.state,
        **command,
        # The server's and not the device's: what sleeps has to stay installable.
        "availability_topic": STATUS,
    }


def _sensor(name: str, key: str, terms: Terms) -> dict[str, Any]:
    return {
        "p": "sensor",
        "unique_id": f"{name}-{key}",
        **SENSORS[key],
        "entity_category": "diagnostic",
        "state_topic": topics(terms.prefix, name).diagnostics,
        "value_template": "{{ value_json." + key + " }}",
        "availability_topic": STATUS,
    }


# --- State ---------------------------------------------------------------------------------------------------------


def state(told: Entity, image: Image | None, terms: Terms) -> Publish:
    """Where the device stands; `image` is what it is brought to, else the newest that it may take, None: neither."""
    name = object_id(told.address)
    known = {
        "installed_version": _text(told.fw_version),
        "latest_version": _text(image.version) if image else _text(told.fw_version),
        "title": _text(image.name if image else told.fw_name),
        "release_url": _link(terms, f"firmware/{quote(image.filename)}" if image else _page(told)),
    }
    payload = {
        **{key: text for key, text in known.items() if text},
        "release_summary": notes(image.notes if image else ""),
        "in_progress": told.moving is not None,
        "update_percentage": _percentage(told),
    }
    return _message(topics(terms.prefix, name).state, payload)


def _page(told: Entity) -> str:
    return f"device/{quote(told.address.key, safe='~')}"


def _link(terms: Terms, path: str) -> str:
    return f"{terms.pages}/{path}" if terms.pages else ""


def _percentage(told: Entity) -> int | None:
    """Only while the image goes over: before and after that nobody can say how much is left."""
    moving = told.moving
    if moving is None or moving.state is not DeploymentState.TRANSFERRING or not moving.total:
        return None
    return percent(moving.done, moving.total)


def notes(text: str) -> str:
    """What people wrote about an image, on one line, cut at a word where it is too long."""
    line = clean(" ".join(text.split()), 4 * LONGEST_NOTES)
    if len(line) <= LONGEST_NOTES:
        return line
    return f"{line[: LONGEST_NOTES - 1].rpartition(' ')[0] or line[: LONGEST_NOTES - 1]}…"


def diagnostics(told: Entity, terms: Terms) -> Publish:
    """Signal in percent, uptime in seconds, and what runs; null where it does not tell."""
    payload = {
        "signal": None if told.signal is None else round(told.signal),
        "uptime": None if told.uptime is None else round(told.uptime),
        "firmware": _text(f"{told.fw_name} {told.fw_version}") or None,
    }
    return _message(topics(terms.prefix, object_id(told.address)).diagnostics, payload)


def removal(name: str, prefix: str) -> list[Publish]:
    """What takes a device away: its discovery first, so that nothing stays behind in Home Assistant."""
    at = topics(prefix, name)
    return [Publish(topic, b"", 1, True) for topic in (at.config, at.state, at.diagnostics)]


def _text(value: str) -> str:
    return clean(value, LONGEST_NAME)


def _message(topic: str, payload: dict[str, Any]) -> Publish:
    return Publish(
        topic,
        json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"),
        1,
        True,
    )
