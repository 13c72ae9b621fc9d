"""Virtual sketches without Homie: they ask over HTTP at every start and once in a while, and flash what comes.

Rule: as `pullers`; what each core says in its request is a row of CORES.
"""

from __future__ import annotations

from hashlib import sha256
from math import inf
from typing import NamedTuple

from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.flash import free_space
from homie_ota.simulator.generations import Generation, Liveness
from homie_ota.simulator.http import accepted_image, access_point
from homie_ota.simulator.images import Sketch, read_sketch, with_flash_mode
from homie_ota.simulator.setup import Phase, Setup
from homie_ota.simulator.values import HttpGet, HttpResponse, Output, Subscribe


class Core(NamedTuple):
    """How a core asks (esp-http-update.md): the word in its headers, and whether it tells its mode and checksums."""

    family: str
    agent: str
    http: str
    sdk: str
    tells_mode: bool = True
    tells_md5: bool = True
    is_32: bool = False


CORES = {
    "arduino": Core("ESP8266", "ESP8266-http-Update", "1.0", "2.2.2-dev(38a443e)"),
    "arduino-old": Core("ESP8266", "ESP8266-http-Update", "1.1", "1.5.1(e67da894)", False, False),
    "arduino32": Core("ESP32", "ESP32-http-Update", "1.0", "v4.4.5", is_32=True),
}
"""Kinds of device: core 2.4 to 3 of the ESP8266, its core 2.0, and the ESP32 from 2.0 on."""

_SILENT = Liveness("", first="", ready="", lost="", asleep="")
ARDUINO = {
    key: Generation(key=key, base="arduino/", way="asks", liveness=_SILENT, order=(), stats=())
    for key in CORES
}
"""The same as rows of a fleet; `interval` of their timing is how often they ask."""


class ArduinoDevice(VirtualDevice):
    """A sketch with ESP8266httpUpdate, or HTTPUpdate of the ESP32."""

    def __init__(self, generation: Generation, setup: Setup) -> None:
        super().__init__(generation, setup)
        self.core = CORES[generation.key]
        self.asked = 0
        """How often it asked."""
        self._ask_at = inf

    def tick(self, now: float) -> list[Output]:
        """Ask when it has booted, and when it is time again."""
        if self.phase is Phase.READY and now >= min(self._ask_at, self._reboot_at):
            return self.reboot(now) if now >= self._reboot_at else self._ask()
        return super().tick(now) if self.phase is Phase.WAITING else []

    @property
    def next_tick(self) -> float:
        """As for all; between two requests it is when the next one is due."""
        return min(self._ask_at, self._reboot_at) if self.phase is Phase.READY else super().next_tick

    def _come_up(self, now: float) -> list[Output]:
        self.boots += 1
        self.sketch = self._aftermath.booted(self.sketch)
        if self._aftermath.is_silent:  # it runs, and never asks
            self.phase, self._ask_at = Phase.READY, inf
            return []
        self._reboot_at = self._aftermath.restart_at(now)
        return self._ask()

    def _ask(self) -> list[Output]:
        self.phase = Phase.FETCHING
        self.asked += 1
        return [HttpGet(self.server.host, self.server.port, self.request())]

    def request(self) -> bytes:
        """What it sends now."""
        core, sketch = self.core, self.sketch
        room = self.hardware.sketch_area if core.is_32 else free_space(self.hardware, sketch, self.faults)
        told: dict[str, object] = {
            "STA-MAC": self.identity.mac,
            "AP-MAC": access_point(self.identity.mac),
            "free-space": room,
            "sketch-size": sketch.size,
        }
        if core.tells_md5:
            told["sketch-md5"] = sketch.md5
        if core.is_32:
            told["sketch-sha256"] = sha256(sketch.md5.encode()).hexdigest().upper()
        told |= {"chip-size": self.hardware.flash_size, "sdk-version": core.sdk}
        if core.tells_mode:
            told["mode"] = "sketch"
        if sketch.version:
            told["version"] = sketch.version
        lines = [
            f"GET {self.server.path} HTTP/{core.http}",
            f"Host: {self.server.host}:{self.server.port}",
            f"User-Agent: {core.agent}",
            "Connection: close",
            *(("Cache-Control: no-cache",) if core.is_32 else ()),
            *(f"x-{core.family}-{name}: {value}" for name, value in told.items()),
        ]
        return ("\r\n".join(lines) + "\r\n\r\n").encode()

    def http_response(self, now: float, response: HttpResponse | None) -> list[Output]:
        """Flash what came and restart; without an image it goes on, and asks again later."""
        if self.phase is not Phase.FETCHING:
            return []
        self.images_received += bool(response and response.status == 200)
        room = (
            self.hardware.sketch_area
            if self.core.is_32
            else free_space(self.hardware, self.sketch, self.faults)
        )
        image = accepted_image(response, self.hardware, room)
        if image and not self.faults.checksum_refused:
            self.next_sketch = self._flashed(image)
            return self.reboot(now)
        self.phase, self._ask_at = Phase.READY, now + self.timing.interval
        return []

    def _flashed(self, image: bytes) -> Sketch:
        if self.faults.mode_rewritten:
            image = with_flash_mode(image, (image[2] + 1) % 4)
        return read_sketch(image)

    def _boots(self, sketch: Sketch) -> bool:  # noqa: ARG002 - a sketch without Homie has no magic
        return True

    def _crosses_to(self, sketch: Sketch) -> str:
        """An image with the magic of Homie is such a build: it comes to the broker from then on."""
        return self.faults.crosses_to or ("v3" if sketch.homie else "")

    def _subscription(self) -> Subscribe:
        return Subscribe((), 0)

    def _command(self, now: float, below: str, payload: bytes, retain: bool) -> list[Output]:  # noqa: ARG002
        return []
