"""What a virtual device is made of, and the phases of its life.

Rule: a Setup says everything about one device; two devices of one Setup do the same at the same times.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum, auto

from homie_ota.simulator.generations import GENERATIONS, Generation
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

    def crossed(self, generation: Generation, sketch: Sketch) -> Setup:
        """The same chip with firmware of another generation: base topic and id are those of the new one.

        Only 1.5 has ids of another kind; 2.x and later are known by their MAC (homie-ota.md, "Crossing").
        """
        is_old = self.identity.base == GENERATIONS["v1"].base
        device_id = self.identity.mac.replace(":", "").lower() if is_old else self.identity.device_id
        identity = replace(self.identity, base=generation.base, device_id=device_id)
        return replace(self, identity=identity, sketch=sketch, faults=replace(self.faults, crosses_to=""))
