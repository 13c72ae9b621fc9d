"""The recorded scenarios, read, and samples that stand for their images (`player.py` says how they are played)."""

from __future__ import annotations

import json
import os
import re
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import md5
from pathlib import Path
from typing import Any

from homie_ota.simulator.images import make_image, with_flash_mode
from homie_ota.simulator.values import (
    Node,
    Property,
)

SHARED = Path(os.environ.get("HOMIE_OTA_SHARED", Path(__file__).parents[3] / "shared"))
FOLDER = SHARED / "captures" / "firmware"
RELAY = Node(
    "relay",
    "Relay",
    "switch",
    (Property("on", "On", "boolean", settable=True), Property("count", "Counter", "integer")),
)
"""What the recorded sketch has."""


def sized(size: int, version: str, **more: Any) -> bytes:
    """An image of exactly this many bytes, which need not be a multiple of 16."""
    image = make_image("realfw-demo", version, size=size - size % 16, flash_size=4 << 20, **more)
    return image + bytes(size - len(image))


@cache
def image(name: str) -> bytes:
    """The sample that stands for a recorded image."""
    new = sized(450_123, "1.1.0")
    made: dict[str, Callable[[], bytes]] = {
        "running": lambda: sized(399_997, "1.0.0"),
        "new": lambda: new,
        "new for 1.5": lambda: sized(450_123, "1.1.0", homie=False),
        "new mode": lambda: with_flash_mode(new, 0),
        "newer": lambda: sized(510_002, "1.2.0"),
        "second": lambda: sized(510_001, "1.2.0", seed=1),
        "smaller": lambda: sized(410_000, "1.3.0"),
        "wrong flash": lambda: sized(420_000, "1.1.0")[:3] + b"\x90" + sized(420_000, "1.1.0")[4:],
        "not homie": lambda: sized(420_000, "1.1.0", homie=False),
        "big": lambda: sized(680_000, "1.1.0"),
        "not e9": lambda: b"\x00" + new[1:],
        "gzip": lambda: b"\x1f\x8b\x08" + sized(450_278, "1.1.0"),
        "one byte": lambda: b"\xe9",
    }
    return bytes(made[name]())


IMAGES = {
    "d72e6b8900c113eaec7d36c9dc8a660c": "running",
    "d3c356ac479b3f857a2f7980acbcfcc2": "new",
    "9e7bb74a917fc4aaea599bd601a4d20c": "new for 1.5",
    "93ebdb7764468dd3d15438faeaaa37df": "new mode",
    "7a4bdc5be82f0cbfce716b8d29034112": "newer",
    "2c0274390ea27201727fd0914d1fc810": "second",
    "a7c1c223420cd563cc3e2e32478e4eb2": "smaller",
    "075810bd7fe1731e9738e4b12e72f22a": "wrong flash",
    "07e36969eb12c1bca9963c587101f0a5": "not homie",
    "53f38eb5aa2eed2b474cb2f7229774e0": "big",
    "d77c6a8cfc4d7eacb0b3accdf725a41c": "not e9",
    "de0ddd17bfe8e4e6f49f58545bc3f84a": "gzip",
    "b920caffe1793f61f49928c943d63c35": "gzip",
    "3406877694691ddd1dfb0aca54681407": "one byte",
}
"""Recorded digest -> the sample that stands for it."""


@cache
def payload_of(length: int, digest: str, recorded_md5: str) -> bytes:
    """What stands for a recorded payload, told by its length, the digest in its topic and its own."""
    data = image(IMAGES.get(recorded_md5) or IMAGES.get(digest, "new"))
    text = b64encode(data)
    lines = b"\n".join(text[at : at + 76] for at in range(0, len(text), 76))
    for candidate in (data, text, text.rstrip(b"="), lines + b"\n", lines):
        if len(candidate) == length:
            data = candidate
    data = data[:length]
    damaged = digest in IMAGES and recorded_md5 not in IMAGES and data == image(IMAGES[digest])
    middle = len(data) // 2
    return data[:middle] + bytes((data[middle] ^ 0xFF,)) + data[middle + 1 :] if damaged else data


@cache
def _our_digests() -> dict[str, str]:
    ours = {recorded: md5(image(name)).hexdigest() for recorded, name in IMAGES.items()}
    return ours | {recorded.upper(): digest.upper() for recorded, digest in ours.items()}


def translated(text: str) -> str:
    """Recorded words with the digests of our samples."""
    return _DIGEST.sub(lambda found: _our_digests().get(found[0], found[0]), text)


_DIGEST = re.compile("[0-9a-fA-F]{32}")


@dataclass(frozen=True)
class Message:
    """One recorded or sent message, as compared."""

    topic: str
    payload: str
    qos: int
    retain: bool

    def matches(self, other: Message) -> bool:
        if self.topic == other.topic and self.topic.endswith(("$stats/uptime", "$uptime")):
            near = abs(int(self.payload) - int(other.payload)) <= 6
            return near and (self.qos, self.retain) == (other.qos, other.retain)
        return self == other


@dataclass
class Recording:
    """One scenario: what was done, and what the device said, in order."""

    path: Path
    lines: list[dict[str, Any]] = field(default_factory=list)
    is_shortened: bool = False

    @classmethod
    def load(cls, path: Path, until: float | None = None) -> Recording:
        lines = [json.loads(line) for line in path.read_text().splitlines()]
        lines = [line for line in lines if until is None or line["t"] < until]
        return cls(path, _without_commands(_without_strangers(lines)), until is not None)

    def said(self, below: str) -> str:
        """The first payload that the device published below its own topic."""
        for line in self.lines:
            if line["kind"] == "msg" and line["topic"].partition("/")[2] == below:
                return str(line["payload"])
        return ""

    @property
    def device_id(self) -> str:
        return next(str(line["topic"]).partition("/")[0] for line in self.lines if _is_device(line))

    def summary(self, key: str) -> Any:
        return next((line.get(key) for line in self.lines if line["kind"] == "summary"), None)


def _is_device(line: dict[str, Any]) -> bool:
    return line["kind"] == "msg" and str(line["topic"]).endswith(("$homie", "$fwname"))


def _without_strangers(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Normalisation 7: what was still around from an earlier recording."""
    started = next(at for at, line in enumerate(lines) if line.get("what") == "start device")
    mine = next(line for line in lines[started:] if _is_device(line))["topic"].partition("/")[0]
    return [
        line
        for at, line in enumerate(lines)
        if at > started or line["kind"] != "msg" or line["topic"].startswith(mine)
    ]


def _without_commands(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Normalisation 4: the recorder's own view of what was sent goes into the line that says it was sent."""
    actions = [line for line in lines if line["kind"] == "action" and "publish" in line["what"]]
    kept = []
    for line in lines:
        mine = next((each for each in actions if line["kind"] == "msg" and _is_echo(line, each)), None)
        if mine is None:
            kept.append(line)
        else:
            actions.remove(mine)
            mine["seen"] = line
    return kept


def _is_echo(line: dict[str, Any], action: dict[str, Any]) -> bool:
    if "topic" not in action:
        below = "/" + str(action["what"]).split()[1]
        return bool(str(line["topic"]).endswith(below) and line["qos"] == 1)
    same = (line["topic"], line["qos"], line["retain"]) == (action["topic"], action["qos"], action["retain"])
    return bool(same and action["len"] in (line.get("len"), len(line.get("payload", "?"))))


def command_payload(action: dict[str, Any]) -> bytes:
    """What was sent to the device: as recorded where it is short, else what stands for it."""
    seen = action.get("seen", {})
    if "payload" in seen:
        return translated(seen["payload"]).encode()
    if "payload_b64" in seen:
        return b64decode(seen["payload_b64"])
    digest = action["topic"].rpartition("/")[2].lower()
    return payload_of(action["len"], digest, seen.get("md5", digest))


def payload_text(line: dict[str, Any]) -> str:
    return translated(str(line.get("payload", "?")))
