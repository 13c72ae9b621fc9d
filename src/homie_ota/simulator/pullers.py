"""Devices that fetch their image over HTTP: 1.5, which is told a version, and esp32-homie, which is told an address.

Rule: the request goes out as a value and the answer comes in as one; nothing here opens a connection.
"""

from __future__ import annotations

from math import inf
from urllib.parse import urlsplit

from homie_ota.model import Publish
from homie_ota.simulator.announce import Self
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.flash import free_space
from homie_ota.simulator.generations import Generation
from homie_ota.simulator.http import accepted_image, pull_request, update_request
from homie_ota.simulator.images import Sketch, read_sketch
from homie_ota.simulator.setup import Phase, Setup
from homie_ota.simulator.values import Chunk, Drop, HttpGet, HttpResponse, Output, Subscribe

MAX_VERSION = 16
MAX_URL = 256
GARBAGE = b"\x01"
"""What 1.5 reads from its buffer when `$ota` is cleared, as recorded."""
_URL_TOPIC = "$implementation/ota/url"
_URL_REBOOT = 3.0
_PARTITIONS = ("0x00010000", "0x001a0000")


class HttpDevice(VirtualDevice):
    """homie-esp8266 1.5: a version on `$ota` makes it reboot into OTA mode, ask once, and reboot again."""

    def __init__(self, generation: Generation, setup: Setup) -> None:
        super().__init__(generation, setup)
        self._wanted = ""

    def _subscription(self) -> Subscribe:
        own = self.identity.topic
        ota = (f"{own}/$ota",) if self._settings.ota_enabled else ()
        return Subscribe((f"{own}/+/+/set", f"{own}/$reset", *ota), 1)

    def chunk(self, now: float, chunk: Chunk) -> list[Output]:
        """As for all, but an empty `$ota` is not ignored: it reads what happens to lie in its buffer."""
        if not chunk.total and chunk.topic == f"{self.identity.topic}/$ota" and self._listens():
            return self._command(now, "$ota", GARBAGE, chunk.retain)
        return super().chunk(now, chunk)

    def _command(self, now: float, below: str, payload: bytes, retain: bool) -> list[Output]:  # noqa: ARG002
        text = payload.decode("utf-8", "replace")
        if below == "$ota":
            self._consider(now, text)
        elif below == "$reset" and text == "true":
            self.phase = Phase.GONE
            return [self._publish("$reset", "false"), Drop()]
        elif below.endswith("/set"):
            return self._set(below, text)
        return []

    def _ready_tick(self, now: float) -> list[Output]:
        # Recorded: statistics that are due go out before it reboots, even right after the connect.
        return self._due_statistics(now) + super()._ready_tick(now)

    def _consider(self, now: float, wanted: str) -> None:
        if wanted != self.sketch.version and len(wanted) <= MAX_VERSION:
            self._wanted = wanted
            self._reboot_at = now

    def _come_up(self, now: float) -> list[Output]:
        if not self._wanted:
            return super()._come_up(now)
        self.boots += 1
        self.phase = Phase.FETCHING
        raw = update_request(
            self.server, self.identity, self.hardware, self.sketch, self.faults, self._wanted
        )
        return [HttpGet(self.server.host, self.server.port, raw)]

    def http_response(self, now: float, response: HttpResponse | None) -> list[Output]:
        """Flash what came, if anything good came, and reboot whatever came of it."""
        if self.phase is not Phase.FETCHING:
            return []
        self.images_received += bool(response and response.status == 200)
        room = free_space(self.hardware, self.sketch, self.faults)
        image = accepted_image(response, self.hardware, room)
        if image and not self.faults.checksum_refused:
            self.next_sketch = self._known(read_sketch(image))
        self._wanted = ""
        self.reboot(now)
        return []

    def _known(self, sketch: Sketch) -> Sketch:
        """An image that does not tell who it is becomes what was asked for."""
        version = self._wanted.rpartition("@")[2]
        return sketch if sketch.name else sketch._replace(name=self.sketch.name, version=version)

    def _boots(self, sketch: Sketch) -> bool:  # noqa: ARG002 - images for 1.5 carry no magic
        return True

    def _crosses_to(self, sketch: Sketch) -> str:
        """An image with the magic of 2.x and later is such a build, whoever it was sent to."""
        return self.faults.crosses_to or ("v3" if sketch.homie else "")


class UrlDevice(VirtualDevice):
    """craftmetrics/esp32-homie: an address on `$implementation/ota/url` makes it fetch and reboot."""

    def __init__(self, generation: Generation, setup: Setup) -> None:
        super().__init__(generation, setup)
        self._partition = 0
        self._is_fetching = False

    def _subscription(self) -> Subscribe:
        below = ("$implementation/reboot", "$implementation/logging")
        ota = (f"{_URL_TOPIC}/#",) if self._settings.ota_enabled else ()
        return Subscribe(tuple(f"{self.identity.topic}/{each}" for each in (*below, *ota)), 0)

    def _self(self) -> Self:
        return super()._self()._replace(partition=_PARTITIONS[self._partition])

    def _command(self, now: float, below: str, payload: bytes, retain: bool) -> list[Output]:  # noqa: ARG002
        if below == "$implementation/reboot" and payload == b"true":
            return self.reboot(now)
        if below.startswith(_URL_TOPIC) and not self._is_fetching and len(payload) <= MAX_URL:
            return self._fetch(payload.decode("utf-8", "replace"))
        return []

    def _fetch(self, url: str) -> list[Output]:
        if self.faults.no_space:
            return [self._status("500 no ota partitions")]
        parts = urlsplit(url)
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            port = 0
        if not parts.hostname or not port or self.faults.refuses:
            return [self._status("202 ota begin"), self._status("500 esp_https_ota=-1")]
        self._is_fetching = True
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        raw = pull_request(parts.netloc, path)
        return [
            self._status("202 ota begin"),
            HttpGet(parts.hostname, port, raw, parts.scheme == "https"),
        ]

    def http_response(self, now: float, response: HttpResponse | None) -> list[Output]:
        """Flash what came into the other partition; it says so and reboots three seconds later."""
        if not self._is_fetching:
            return []
        self._is_fetching = False
        self.images_received += bool(response and response.status == 200)
        image = accepted_image(response, self.hardware, self.hardware.sketch_area)
        if not image or self.faults.checksum_refused:
            return [self._status("500 esp_https_ota=-1")]
        known = read_sketch(image)
        self.next_sketch = known if known.name else known._replace(name=self.sketch.name, version="?")
        self._reboot_at = now + _URL_REBOOT
        return [self._status("200")]

    def reboot(self, now: float) -> list[Output]:
        """As for all; with a new image it runs from the other partition."""
        if self.next_sketch and not self.faults.comes_back_old:
            self._partition = 1 - self._partition
        return super().reboot(now)

    def _is_busy(self) -> bool:
        return self._is_fetching or self._reboot_at < inf

    def _status(self, text: str) -> Publish:
        return Publish(f"{self.identity.topic}/$implementation/ota/status", text.encode(), 1, False)

    def _boots(self, sketch: Sketch) -> bool:  # noqa: ARG002 - images for an ESP32 carry no magic
        return True
