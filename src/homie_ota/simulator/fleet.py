"""Which devices a virtual fleet has: generations by the mix, names of rooms and things, faults by count.

Rule: the same options make the same fleet, device by device.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from random import Random

from homie_ota.simulator.arduino import ARDUINO, ArduinoDevice
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.generations import GENERATIONS, Generation
from homie_ota.simulator.images import make_image, read_sketch
from homie_ota.simulator.images32 import make_image_32
from homie_ota.simulator.mqtt_device import MqttDevice, TwoStepDevice
from homie_ota.simulator.pullers import HttpDevice, UrlDevice
from homie_ota.simulator.readings import Readings
from homie_ota.simulator.setup import Setup
from homie_ota.simulator.values import Faults, Hardware, Identity, Node, OtaServer, Property, Timing

DEFAULT_MIX = {"v1": 1, "v2": 2, "v3": 6, "v5": 1}
IMAGE_BYTES = 40_960

_WAYS: dict[str, type[VirtualDevice]] = {
    "http": HttpDevice,
    "two-step": TwoStepDevice,
    "mqtt": MqttDevice,
    "url": UrlDevice,
    "asks": ArduinoDevice,
}
EVERY = GENERATIONS | ARDUINO
"""What a mix may name: generations of Homie, and sketches without it."""

_ON = Property("on", "On", "boolean", settable=True)
_POWER = Property("power", "Power", "float", unit="W")
_CLIMATE = (
    Property("temperature", "Temperature", "float", unit="°C"),
    Property("humidity", "Humidity", "integer", unit="%", format="0:100"),
)
KINDS: dict[str, tuple[Node, ...]] = {
    "lamp": (Node("light", "Light", "switch", (_ON,)),),
    "sensor": (Node("climate", "Climate", "sensor", _CLIMATE),),
    "plug": (Node("relay", "Relay", "switch", (_ON, _POWER)),),
    "heating": (Node("climate", "Climate", "sensor", _CLIMATE[:1]), Node("valve", "Valve", "switch", (_ON,))),
}
"""Kind of thing, which is the name of its firmware too -> its nodes."""
_ROOMS = (
    "kitchen", "hall", "bedroom", "bath", "attic", "cellar", "garage", "garden", "office", "nursery", "porch",
    "workshop", "pantry", "balcony", "stairs", "laundry", "greenhouse", "shed", "library", "guestroom",
)  # fmt: skip

FAULTS: dict[str, tuple[str, Faults]] = {
    "drops": ("cut their connection once, in the middle of an image", Faults(drop_at=0.5)),
    "never-return": ("never come back after an image", Faults(never_returns=True)),
    "come-back-old": ("come back with the firmware they had", Faults(comes_back_old=True)),
    "statuses-lost": ("lose every status after the first progress", Faults(statuses_lost=True)),
    "mode-rewritten": ("announce another checksum than was sent", Faults(mode_rewritten=True)),
    "no-space": ("have no room for a second image", Faults(no_space=True)),
    "disabled": ("have OTA switched off", Faults(disabled=True)),
    "slow": ("take so long that they drop their own connection", Faults(slow=True)),
    "restart-loop": ("restart again and again with a new image", Faults(restart_loop=True)),
    "restarts": ("restart three times with a new image, and stay then", Faults(restarts=3)),
    "restarts-once": ("restart once with a new image", Faults(restarts=1)),
    "alternate": ("boot the old and the new image in turn, again and again", Faults(alternates=True)),
    "less-heap": ("have less than half of their free heap with a new image", Faults(heap_left=0.4)),
    "weak-signal": ("have a much weaker signal with a new image", Faults(signal_lost=45)),
    "node-missing": ("announce one node less with a new image", Faults(node_missing=True)),
    "silent": ("tell no statistics with a new image", Faults(silent=True)),
    "bad-checksum": ("refuse every image as damaged", Faults(checksum_refused=True)),
    "refuse": ("answer 403 to everything", Faults(refuses=True)),
    "slow-reboot": ("take a minute longer to reboot", Faults(slow_reboot=60.0)),
    "sleeping": ("sleep most of the time", Faults()),
}
"""Name of an option -> what such devices do, and their faults."""


@dataclass(frozen=True, slots=True)
class FleetOptions:
    """What fleet to run, and where.

    `speed` is how many seconds pass for the devices in one of ours; `rate` bytes per second of theirs that an image
    comes in with; `faults` how many devices have a fault of FAULTS; `base` empty: each generation's own.
    """

    mqtt: str
    devices: int = 10
    mix: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_MIX))
    base: str = ""
    seed: int = 1
    faults: Mapping[str, int] = field(default_factory=dict)
    timing: Timing = field(default_factory=Timing)
    server: OtaServer = field(default_factory=OtaServer)
    speed: float = 1.0
    rate: float = 60_000.0
    readings_every: float = 30.0
    version: str = "1.0.0"
    image_bytes: int = IMAGE_BYTES


def make_device(generation: Generation, setup: Setup) -> VirtualDevice:
    """A device of this generation."""
    return _WAYS[generation.way](generation, setup)


def make_fleet(options: FleetOptions, broker: tuple[str, int] = ("127.0.0.1", 1883)) -> list[VirtualDevice]:
    """All devices of a fleet, not powered on yet."""
    random = Random(options.seed)
    faulty = _spread(options, random)
    names = _names(random)
    return [
        _one(options, generation, next(names), faulty.get(at, ""), random, broker)
        for at, generation in enumerate(_generations(options))
    ]


@cache
def sample_image(kind: str, version: str, generation: str, size: int = IMAGE_BYTES) -> bytes:
    """The image of a kind of thing that devices of this generation run; those that fetch it carry no magic."""
    if generation in ("url", "arduino32"):
        return make_image_32(kind, version, size=size)
    return make_image(kind, version, size=size, homie=EVERY[generation].way not in ("http", "asks"))


def _generations(options: FleetOptions) -> Iterator[Generation]:
    one_round = [EVERY[key] for key, count in options.mix.items() for _ in range(count)]
    for at in range(options.devices):
        yield one_round[at % len(one_round)]


def _names(random: Random) -> Iterator[tuple[str, str]]:
    """Names like `kitchen-lamp` with their kind, without an end."""
    pairs = list(product(_ROOMS, KINDS))
    random.shuffle(pairs)
    number = 1
    while True:
        for room, kind in pairs:
            yield f"{room}-{kind}" + (f"-{number}" if number > 1 else ""), kind
        number += 1


def _spread(options: FleetOptions, random: Random) -> dict[int, str]:
    """Which device has which fault; one each at most."""
    wanted = [name for name, count in options.faults.items() for _ in range(count)]
    places = random.sample(range(options.devices), min(len(wanted), options.devices))
    return dict(zip(places, wanted, strict=False))


def _one(
    options: FleetOptions,
    generation: Generation,
    name: tuple[str, str],
    fault: str,
    random: Random,
    broker: tuple[str, int],
) -> VirtualDevice:
    device_id, kind = name
    mac = ":".join(f"{byte:02X}" for byte in (0x5C, 0xCF, 0x7F, *random.randbytes(3)))
    is_sleeper = fault == "sleeping" and not options.timing.asleep
    setup = Setup(
        identity=Identity(
            base=_base(options, generation),
            device_id=device_id,
            name=device_id.replace("-", " ").capitalize(),
            mac=mac,
            ip=f"192.168.{random.randrange(1, 5)}.{random.randrange(2, 255)}",
        ),
        sketch=read_sketch(sample_image(kind, options.version, generation.key, options.image_bytes)),
        nodes=KINDS[kind],
        hardware=Hardware(signal=2 * random.randrange(18, 48), heap=random.randrange(18_000, 34_000)),
        timing=replace(options.timing, asleep=60.0) if is_sleeper else options.timing,
        faults=FAULTS[fault][1] if fault else Faults(),
        broker=broker,
        server=options.server,
        readings=Readings(random.randrange(1 << 30), options.readings_every),
    )
    return make_device(generation, setup)


def _base(options: FleetOptions, generation: Generation) -> str:
    if not options.base:
        return generation.base
    base = options.base.rstrip("/") + "/"
    return base + "5/" if generation.key == "v5" and not base.endswith("/5/") else base
