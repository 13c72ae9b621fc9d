"""What goes into a virtual device and what comes out of it: plain values, no sockets.

Rule: a device is told the time with every call and answers with a list of outputs; the shell (or a test) does
what they say, in their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from homie_ota.model import Publish

KEEPALIVE = 15


class Connect(NamedTuple):
    """Open an MQTT connection with a clean session."""

    client_id: str
    will: Publish
    keepalive: int = KEEPALIVE


class Subscribe(NamedTuple):
    """Subscribe to these filters, all at this QoS."""

    filters: tuple[str, ...]
    qos: int


class Disconnect(NamedTuple):
    """Leave the broker cleanly: the will is not published."""


class Drop(NamedTuple):
    """The TCP connection ends without a word (a reboot, a crash): the broker publishes the will."""


class HttpGet(NamedTuple):
    """Make one HTTP request and hand the whole answer back; `raw` is the request as it goes over the wire."""

    host: str
    port: int
    raw: bytes
    tls: bool = False


Output = Publish | Connect | Subscribe | Disconnect | Drop | HttpGet


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a payload as the MQTT library of the device hands it on: one TCP segment's worth."""

    topic: str
    data: bytes
    index: int
    total: int
    retain: bool = False

    @property
    def is_last(self) -> bool:
        return self.index + len(self.data) == self.total


class HttpResponse(NamedTuple):
    """A parsed HTTP answer; header names in lower case, `body` as far as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a node, as a sketch declares it."""

    id: str
    name: str
    datatype: str
    settable: bool = False
    unit: str = ""
    format: str = ""

    def accepts(self, text: str) -> bool:
        """Whether a sketch would take this value when somebody sets it."""
        match self.datatype:
            case "boolean":
                return text in ("true", "false")
            case "integer":
                return text.lstrip("-").isdigit()
            case "float":
                return text.lstrip("-").replace(".", "", 1).isdigit()
            case "enum":
                return text in self.format.split(",")
        return True


@dataclass(frozen=True, slots=True)
class Node:
    """One node of a device with its properties."""

    id: str
    name: str
    type: str
    properties: tuple[Property, ...]

    def takes(self, prop_id: str, text: str) -> bool:
        """Whether it has this property, and lets it be set to this."""
        return any(each.id == prop_id and each.settable and each.accepts(text) for each in self.properties)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a device is on its network and broker; `base` ends with a slash."""

    base: str
    device_id: str
    name: str
    mac: str
    ip: str
    brand: str = "Homie"

    @property
    def topic(self) -> str:
        return self.base + self.device_id


@dataclass(frozen=True, slots=True)
class Hardware:
    """The chip around the sketch; `sketch_area` is what the running and a new image must share (rule 17)."""

    flash_size: int = 4 << 20
    flash_mode: int = 2
    sketch_area: int = 1_044_464
    heap: int = 30_000
    signal: int = 80


@dataclass(frozen=True, slots=True)
class Timing:
    """How long things take, in seconds; `interval` is that of the statistics."""

    reboot: float = 3.0
    reconnect: float = 1.0
    interval: float = 60.0
    awake: float = 5.0
    asleep: float = 0.0
    """More than 0: it sleeps this long after `awake` seconds, for ever in turn."""


@dataclass(frozen=True, slots=True)
class OtaServer:
    """Where a device that pulls its firmware looks for it."""

    host: str = "127.0.0.1"
    port: int = 9080
    path: str = "/ota"


@dataclass(frozen=True, slots=True)
class Faults:
    """What is wrong with a device; everything off is a healthy one."""

    drop_at: float = 0.0
    """Cuts its connection once, when this part (0…1) of an image has come in."""
    never_returns: bool = False
    comes_back_old: bool = False
    statuses_lost: bool = False
    """Everything after the first progress is lost in a full send buffer; the update still succeeds (rule 4)."""
    mode_rewritten: bool = False
    no_space: bool = False
    disabled: bool = False
    slow: bool = False
    """Takes so long for an image that it drops its own connection (rule 21)."""
    restart_loop: bool = False
    """Boots again and again, a few seconds after each announce, once it runs a new image."""
    restarts: int = 0
    """Boots so many times more with a new image, and then stays."""
    alternates: bool = False
    """Boots again and again with a new image, and runs the old and the new one in turn."""
    heap_left: float = 1.0
    """The part of its free heap that a new image leaves it; told from develop on."""
    signal_lost: int = 0
    """Points of its signal that it loses with a new image."""
    node_missing: bool = False
    """Announces one node less with a new image."""
    silent: bool = False
    """Tells no statistics with a new image."""
    checksum_refused: bool = False
    refuses: bool = False
    """Answers 403 to everything although it says that OTA is enabled."""
    slow_reboot: float = 0.0
    """Seconds that its reboots take longer."""
    flash_error_at: int = 0
    """The flash fails when this many bytes are to be written."""
    crosses_to: str = ""
    """What it is flashed with is a build of this other generation: it comes back under another address."""
