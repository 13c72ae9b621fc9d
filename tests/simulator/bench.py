"""A virtual device on a bench: everything it says is collected, and its clock is turned by hand."""

from __future__ import annotations

from hashlib import md5
from typing import Any

from homie_ota.model import Publish
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.fleet import make_device
from homie_ota.simulator.generations import GENERATIONS
from homie_ota.simulator.images import make_image, read_sketch
from homie_ota.simulator.segments import Stream
from homie_ota.simulator.setup import Setup
from homie_ota.simulator.values import (
    Connect,
    Identity,
    Node,
    Output,
    Property,
    Timing,
)

OLD = make_image("lamp", "1.0.0", size=20_000)
NEW = make_image("lamp", "1.1.0", size=20_000)
OLD_MD5, NEW_MD5 = (md5(each).hexdigest() for each in (OLD, NEW))
OLD_1 = make_image("lamp", "1.0.0", size=20_000, homie=False)
NEW_1 = make_image("lamp", "1.1.0", size=20_000, homie=False)
LIGHT = Node(
    "light",
    "Light",
    "switch",
    (Property("on", "On", "boolean", settable=True), Property("power", "Power", "float", unit="W")),
)
STATUS = "$implementation/ota/status"
IMAGE = "$implementation/ota/firmware"


class Bench:
    """A device with everything that it said, as (below its topic, text), and a clock that is turned by hand."""

    def __init__(self, key: str, *, old: bytes = OLD, **changed: Any) -> None:
        generation = GENERATIONS[key]
        identity = Identity(generation.base, "hall-lamp", "Hall lamp", "5C:CF:7F:00:00:01", "10.0.0.2")
        made: dict[str, Any] = {"timing": Timing(), "nodes": (LIGHT,)} | changed
        setup = Setup(identity, read_sketch(old), **made)
        self.device: VirtualDevice = make_device(generation, setup)
        self.now = 0.0
        self.outputs: list[Output] = []

    def up(self) -> Bench:
        """Powered, connected, ready, its first statistics said; forget all that."""
        self.do(self.device.power_on(self.now))
        self.pass_time(0)
        self.outputs.clear()
        return self

    def do(self, outputs: list[Output]) -> None:
        for output in outputs:
            self.outputs.append(output)
            if isinstance(output, Connect):
                self.do(self.device.connected())

    def pass_time(self, seconds: float) -> None:
        """Let time pass, tick by tick as the device wants them."""
        end = self.now + seconds
        while self.device.next_tick <= end:
            self.now = max(self.now, self.device.next_tick)
            self.do(self.device.tick(self.now))
        self.now = end

    def send(self, below: str, payload: bytes, *, part: float = 1.0, retain: bool = False) -> None:
        """Publish to the device; only a part of it arrives if wanted."""
        topic = f"{self.device.identity.topic}/{below}"
        chunks = list(Stream().chunks(topic, payload, 1, retain=retain))
        for chunk in chunks[: max(1, round(len(chunks) * part))]:
            self.do(self.device.chunk(self.now, chunk))

    def offer(self, image: bytes = NEW, digest: str = "", *, part: float = 1.0) -> list[str]:
        """Send an image; the statuses with progress left out."""
        self.send(f"{IMAGE}/{digest or md5(image).hexdigest()}", image, part=part)
        return [text for text in self.texts(STATUS) if not text.startswith("206")]

    @property
    def said(self) -> list[tuple[str, str]]:
        prefix = self.device.identity.topic + "/"
        published = [each for each in self.outputs if isinstance(each, Publish)]
        return [(each.topic.removeprefix(prefix), each.payload.decode()) for each in published]

    def texts(self, below: str) -> list[str]:
        return [text for topic, text in self.said if topic == below]

    def kinds(self) -> list[str]:
        return [type(each).__name__ for each in self.outputs if not isinstance(each, Publish)]
