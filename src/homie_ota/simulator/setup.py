"""What a virtual device is made of, and the phases of its life.

Rule: a Setup says everything about one device; two devices of one Setup do the same at the same times.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto

from homie_ota.simulator.images import Sketch
from homie_ota.simulator.readings import Readings
from homie_ota.simulator.values import Faults, Hardware, Identity, Node, OtaServer, Timing


class Phase(Enum):
    """Where a device is between power-on and power-off."""

    OFF = auto()
    WAITING = auto()  # for the end of a boot, of a sleep, of a pause before it connects again
    CONNECTING = auto()
    ANNOUNCED = auto()  # subscribed, not ready yet
    READY = auto()
    FETCHING = auto()  # 1.5 in OTA mode: no MQTT
    GONE = auto()  # in its own access point, without Wi-Fi, or broken: never comes back by itself


@dataclass(frozen=True, slots=True)
class Setup:
    """What a device is made of."""

    identity: Identity
    sketch: Sketch
    nodes: tuple[Node, ...] = ()
    hardware: Hardware = field(default_factory=Hardware)
    timing: Timing = field(default_factory=Timing)
    faults: Faults = field(default_factory=Faults)
    broker: tuple[str, int] = ("127.0.0.1", 1883)
    server: OtaServer = field(default_factory=OtaServer)
    readings: Readings = field(default_factory=Readings)
