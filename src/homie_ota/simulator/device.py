"""One virtual device between its boots: connecting, announcing, statistics, readings, sleeping, rebooting.

Rule: no clock and no sockets. Every call gets the time in seconds and returns what happens now; `next_tick` says
when to call `tick` if nothing else comes. How it is updated is a subclass's business (`mqtt_device`, `pullers`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from math import inf

from homie_ota.model import Publish
from homie_ota.simulator.aftermath import Aftermath
from homie_ota.simulator.announce import Line, Self, announcement, statistics
from homie_ota.simulator.generations import GENERATIONS, Generation
from homie_ota.simulator.images import Sketch
from homie_ota.simulator.settings import Settings
from homie_ota.simulator.setup import Phase, Setup
from homie_ota.simulator.values import Chunk, Connect, Disconnect, Drop, HttpResponse, Node, Output, Subscribe

MAX_TOPIC = 128
"""Longer topics are ignored without a word (rule 17)."""


class VirtualDevice(ABC):
    """A device of one generation; see the module for how to drive it."""

    def __init__(self, generation: Generation, setup: Setup) -> None:
        self.generation = generation
        self.identity = setup.identity
        self.sketch = setup.sketch
        self.hardware = setup.hardware
        self.timing = setup.timing
        self.faults = setup.faults
        self.server = setup.server
        self.readings = setup.readings
        self.boots = 0
        self.images_received = 0
        """Images that were taken in whole, good or bad."""
        self.phase = Phase.OFF
        self.next_sketch: Sketch | None = None
        self.successor: tuple[Generation, Setup] | None = None
        """What it has become, when it was flashed with firmware of another generation; it is GONE itself then."""
        self._setup = setup
        self._aftermath = Aftermath(setup.faults)
        self._settings = Settings(
            setup.identity,
            broker=setup.broker,
            interval=int(setup.timing.interval),
            ota_enabled=not setup.faults.disabled,
        )
        self._cold = True
        self._due = inf
        self._booted_at = 0.0
        self._ready_at = inf
        self._stats_at = inf
        self._reboot_at = inf
        self._payloads: dict[str, bytearray] = {}

    @property
    def firmware(self) -> Sketch:
        """What it runs."""
        return self.sketch

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes that it announces."""
        return self._aftermath.nodes(self._setup.nodes)

    # --- what happens to it ---------------------------------------------------------------------------------------

    def power_on(self, now: float) -> list[Output]:
        """Give it power: it boots and connects."""
        self._cold = True
        self._wait(now)
        return self.tick(now)

    def power_off(self) -> None:
        """Take the power away, as a kill does: nothing is said, the broker finds out."""
        self.phase = Phase.OFF

    def connected(self) -> list[Output]:
        """The broker accepted it: it announces itself and subscribes."""
        self.phase = Phase.ANNOUNCED
        self.readings.restart()
        lines = announcement(self._self())
        return [*self._live(self.generation.liveness.first), *self._say(lines), self._subscription()]

    def connection_lost(self, now: float) -> list[Output]:
        """The connection broke, or could not be made."""
        if self.phase in (Phase.CONNECTING, Phase.ANNOUNCED, Phase.READY):
            self._wait(now + self.timing.reconnect)
            self._interrupted()
        return []

    def wifi_lost(self, now: float) -> list[Output]:
        """The access point is gone for good."""
        last = self._statistics(now) if self.generation.quirks.stats_at_wifi_loss else []
        self.phase = Phase.GONE
        return last

    def chunk(self, now: float, chunk: Chunk) -> list[Output]:
        """A piece of a message came in; empty payloads and long topics are not even looked at."""
        if len(chunk.topic) > MAX_TOPIC or not chunk.total or not self._listens():
            return []
        below = chunk.topic.removeprefix(self.identity.topic + "/")
        if self._is_image(below):
            return self._image_chunk(now, below, chunk)
        payload = self._payloads.setdefault(chunk.topic, bytearray())
        payload += chunk.data
        if not chunk.is_last:
            return []
        return self._command(now, below, bytes(self._payloads.pop(chunk.topic)), chunk.retain)

    def message(self, now: float, topic: str, payload: bytes, *, retain: bool = False) -> list[Output]:
        """A message came in, in one piece."""
        return self.chunk(now, Chunk(topic, payload, 0, len(payload), retain))

    def http_response(self, now: float, response: HttpResponse | None) -> list[Output]:  # noqa: ARG002
        """The answer to its HTTP request; None when there was none."""
        return []

    def sleep(self, now: float) -> list[Output]:
        """It goes to sleep: says so, leaves cleanly, and boots when it wakes."""
        self._cold = True
        self._wait(now + self.timing.asleep)
        liveness = self.generation.liveness
        return [self._publish(liveness.topic, liveness.asleep), Disconnect()]

    def tick(self, now: float) -> list[Output]:
        """Time passed: do what is due."""
        match self.phase:
            case Phase.WAITING if now >= self._due:
                return self._come_up(now)
            case Phase.ANNOUNCED:
                self.phase = Phase.READY
                self._ready_at = now
                self._stats_at = inf if self._aftermath.is_silent else now
                self._reboot_at = min(self._reboot_at, self._aftermath.restart_at(now))
                return self._live(self.generation.liveness.ready)
            case Phase.READY:
                return self._ready_tick(now)
        return []

    @property
    def next_tick(self) -> float:
        """When `tick` has something to do; infinity when only a message or an answer can move it."""
        match self.phase:
            case Phase.WAITING:
                return self._due
            case Phase.ANNOUNCED:
                return -inf
            case Phase.READY:
                return min(self._due_times())
        return inf

    # --- inside ---------------------------------------------------------------------------------------------------

    def _ready_tick(self, now: float) -> list[Output]:
        if now >= self._reboot_at:
            return self.reboot(now)
        outputs = self._due_statistics(now) + self._say(self.readings.due(now, self.nodes))
        if now >= self._sleep_at() and not self._is_busy():
            outputs += self.sleep(now)
        return outputs

    def _due_statistics(self, now: float) -> list[Output]:
        if now < self._stats_at or self._is_silent():
            return []
        self._stats_at = max(self._stats_at + self._settings.interval, now + 0.1)
        return self._statistics(now)

    def _due_times(self) -> list[float]:
        stats = inf if self._is_silent() else self._stats_at
        sleep = inf if self._is_busy() else self._sleep_at()
        return [stats, self._reboot_at, sleep, self.readings.next_at]

    def reboot(self, now: float) -> list[Output]:
        """It reboots: the connection is left hanging, and what comes up is what was flashed."""
        self._cold = True
        self._reboot_at = inf
        sketch, self.next_sketch = self.next_sketch, None
        self._wait(now + self.timing.reboot + self.faults.slow_reboot)
        if sketch and not self.faults.comes_back_old:
            self._become(sketch)
        return [Drop()]

    def _become(self, sketch: Sketch) -> None:
        if self.faults.never_returns or not self._boots(sketch):
            self.phase = Phase.GONE
        elif key := self._crosses_to(sketch):
            self.successor = GENERATIONS[key], self._setup.crossed(GENERATIONS[key], sketch)
            self.phase = Phase.GONE
        else:
            self._aftermath.flashed(self.sketch)
            self.sketch = sketch

    def _come_up(self, now: float) -> list[Output]:
        if self._cold:
            self.boots += 1
            self._booted_at = now
            self._cold = False
            self.sketch = self._aftermath.booted(self.sketch)
            self._settled()
        self.phase = Phase.CONNECTING
        self._payloads.clear()
        liveness = self.generation.liveness
        will = Publish(
            f"{self.identity.topic}/{liveness.topic}", liveness.lost.encode(), self.generation.will_qos, True
        )
        return [Connect(f"{self.identity.brand}-{self.identity.device_id}", will)]

    def _settled(self) -> None:
        """A boot starts with what the configuration says now."""
        self.identity = replace(self.identity, name=self._settings.name)

    def _wait(self, until: float) -> None:
        self.phase = Phase.WAITING
        self._due = until

    def _sleep_at(self) -> float:
        return self._ready_at + self.timing.awake if self.timing.asleep else inf

    def _listens(self) -> bool:
        return self.phase in (Phase.ANNOUNCED, Phase.READY)

    def _self(self) -> Self:
        return Self(
            self.generation,
            self.identity,
            self.sketch,
            self.hardware,
            self.nodes,
            self._settings.text,
            self._settings.interval,
            self._settings.ota_enabled,
        )

    def _live(self, word: str) -> list[Output]:
        """Say this of itself, where its generation says it at all."""
        return [self._publish(self.generation.liveness.topic, word)] if word else []

    def _statistics(self, now: float) -> list[Output]:
        uptime = int(now - self._booted_at)
        hardware = self._aftermath.hardware(self.hardware)
        return self._say(statistics(self.generation, hardware, uptime, self._settings.interval))

    def _publish(self, below: str, text: str) -> Publish:
        return Publish(f"{self.identity.topic}/{below}", text.encode(), self.generation.qos, True)

    def _say(self, lines: list[Line]) -> list[Output]:
        return [self._publish(topic, text) for topic, text in lines]

    def _set(self, below: str, text: str) -> list[Output]:
        """Somebody set a property: it answers with the new value when it takes it."""
        node_id, prop_id, _ = below.split("/")
        if not any(node.id == node_id and node.takes(prop_id, text) for node in self.nodes):
            return []
        self.readings.remember(node_id, prop_id, text)
        return [self._publish(f"{node_id}/{prop_id}", text)]

    # --- what the ways of updating differ in ----------------------------------------------------------------------

    @abstractmethod
    def _subscription(self) -> Subscribe: ...

    @abstractmethod
    def _command(self, now: float, below: str, payload: bytes, retain: bool) -> list[Output]: ...

    def _is_image(self, below: str) -> bool:  # noqa: ARG002 - only those who take images over MQTT look
        return False

    def _image_chunk(self, now: float, below: str, chunk: Chunk) -> list[Output]:  # noqa: ARG002
        return []

    def _interrupted(self) -> None:
        """The connection is gone, in the middle of whatever it was."""
        self._ready_at = self._stats_at = inf

    def _is_silent(self) -> bool:
        return False

    def _is_busy(self) -> bool:
        return False

    def _boots(self, sketch: Sketch) -> bool:
        """Whether what was flashed finds its way back to the broker."""
        return sketch.homie

    def _crosses_to(self, sketch: Sketch) -> str:  # noqa: ARG002
        """The generation of what was flashed, when it is another one."""
        return self.faults.crosses_to
