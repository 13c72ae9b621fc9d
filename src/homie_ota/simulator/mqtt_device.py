"""Devices that take their image over MQTT: 2.0.0, 3.x, the forks, and beta.1 with its two steps.

Rule: every chunk of an image is looked at as it comes in; statuses are QoS 0 and retained, and the reboot comes
with the next tick, so that what is left of the same TCP segment is still handled.
"""

from __future__ import annotations

from math import inf

from homie_ota.model import Publish
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.generations import Generation
from homie_ota.simulator.setup import Phase, Setup
from homie_ota.simulator.transfer import Transfer
from homie_ota.simulator.values import Chunk, Disconnect, Drop, Output, Subscribe

IMAGE = "$implementation/ota/firmware"
CHECKSUM = "$implementation/ota/checksum"
STATUS = "$implementation/ota/status"
CONFIG_SET = "$implementation/config/set"
RESET = "$implementation/reset"

STARVED_AFTER = 40.5
"""Seconds into an image after which the device takes its own connection for dead (rule 21)."""


class MqttDevice(VirtualDevice):
    """A device that is sent an image to `$implementation/ota/firmware/<md5>`."""

    def __init__(self, generation: Generation, setup: Setup) -> None:
        super().__init__(generation, setup)
        self._transfer = self._new_transfer()
        self._since = inf
        self._has_dropped = False
        self._is_mute = False

    def _new_transfer(self) -> Transfer:
        return Transfer(self.sketch, self.hardware, self.faults, self.generation.quirks)

    def _settled(self) -> None:
        super()._settled()
        self._transfer = self._new_transfer()
        self._since = inf

    def _subscription(self) -> Subscribe:
        own = self.identity.topic
        broadcast = f"{self.identity.base}$broadcast/+"
        below = ("+/+/set", RESET, CONFIG_SET, *self._image_filters())
        return Subscribe((*(f"{own}/{each}" for each in below), broadcast), 1)

    def _image_filters(self) -> tuple[str, ...]:
        return (f"{IMAGE}/+",)

    # --- images ---------------------------------------------------------------------------------------------------

    def _is_image(self, below: str) -> bool:
        head, _, last = below.rpartition("/")
        return head == IMAGE and bool(last)

    def _image_chunk(self, now: float, below: str, chunk: Chunk) -> list[Output]:
        if chunk.index == 0:
            self._since = now
            self._is_mute = False
            statuses = self._first(below, chunk)
        else:
            statuses = self._transfer.take(chunk)
        if chunk.is_last:
            self.images_received += 1
        outputs = [self._status(each) for each in statuses if self._is_heard(each)]
        if self._transfer.flashed:
            self.next_sketch, self._transfer.flashed = self._transfer.flashed, None
            self._reboot_at = now
        return outputs + self._maybe_drop(now)

    def _first(self, below: str, chunk: Chunk) -> list[str]:
        answer = self._transfer.request(below.rpartition("/")[2], enabled=self._settings.ota_enabled)
        return [answer, *self._transfer.begin(chunk)] if answer == "202" else [answer]

    def _status(self, text: str) -> Publish:
        return Publish(f"{self.identity.topic}/{STATUS}", text.encode(), 0, True)

    def _is_heard(self, status: str) -> bool:
        """With a full send buffer the first progress is the last that anybody hears."""
        is_heard = not self._is_mute
        self._is_mute |= self.faults.statuses_lost and status.startswith("206")
        return is_heard

    def _maybe_drop(self, now: float) -> list[Output]:
        if not self.faults.drop_at or self._has_dropped or self._transfer.part < self.faults.drop_at:
            return []
        self._has_dropped = True
        self.connection_lost(now)
        return [Drop()]

    # --- between messages -----------------------------------------------------------------------------------------

    def _ready_tick(self, now: float) -> list[Output]:
        if now >= self._starves_at():
            self.connection_lost(now)
            return [Disconnect()]
        return super()._ready_tick(now)

    def _due_times(self) -> list[float]:
        return [*super()._due_times(), self._starves_at()]

    def _starves_at(self) -> float:
        return self._since + STARVED_AFTER if self._transfer.ongoing else inf

    def _interrupted(self) -> None:
        super()._interrupted()
        self._transfer.cut()
        self._since = inf

    def _is_silent(self) -> bool:
        return self.generation.quirks.silent_after_cut and self._transfer.ongoing

    def _is_busy(self) -> bool:
        return self._transfer.ongoing

    # --- commands -------------------------------------------------------------------------------------------------

    def _command(self, now: float, below: str, payload: bytes, retain: bool) -> list[Output]:
        if below == CONFIG_SET:
            return self._configure(now, payload)
        if below == RESET:
            return self._reset(payload)
        if below.count("/") == 2 and below.endswith("/set"):
            if retain and self.generation.quirks.ignores_retained_set:
                return []
            return self._set(below, payload.decode("utf-8", "replace"))
        return []

    def _configure(self, now: float, payload: bytes) -> list[Output]:
        # Recorded: the topic is emptied first, whatever comes of the document; an invalid one is dropped silently.
        if self._settings.patch(payload):
            self._reboot_at = now
        return [self._publish(CONFIG_SET, "")]

    def _reset(self, payload: bytes) -> list[Output]:
        """It forgets its configuration and opens its own access point: gone until a person comes."""
        if payload != b"true":
            return []
        self.phase = Phase.GONE
        return [self._publish(RESET, "false"), Drop()]


class TwoStepDevice(MqttDevice):
    """2.0.0-beta.1: first the digest, and after its `202` the image."""

    def _image_filters(self) -> tuple[str, ...]:
        return (IMAGE, CHECKSUM)

    def _is_image(self, below: str) -> bool:
        return below == IMAGE

    def _first(self, below: str, chunk: Chunk) -> list[str]:  # noqa: ARG002 - the digest came before
        if not self._settings.ota_enabled or self.faults.refuses:
            return ["403"]
        return self._transfer.begin(chunk) if self._transfer.requested else ["400 NOT_REQUESTED"]

    def _command(self, now: float, below: str, payload: bytes, retain: bool) -> list[Output]:
        if below == CHECKSUM:
            wanted = payload.decode("ascii", "replace")
            return [self._status(self._transfer.request(wanted, enabled=self._settings.ota_enabled))]
        return super()._command(now, below, payload, retain)
