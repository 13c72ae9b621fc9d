"""A device: its address, its state, how it is updated, and what it says about an update."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

MAX_NAME = 64
"""Characters of a name, version or brand that we keep; firmware allows 32, 16 and 32 (homie-ota.md rule 17)."""


FIRST_ASKER = 1 << 32
"""The first number of devices that were never heard on MQTT: ingest numbers the others, from one, out of its memory."""


class Address(NamedTuple):
    """Where a device lives on the broker: base topic with its slash (`homie/`, `homie/5/`) and device id."""

    base: str
    device_id: str

    @property
    def topic(self) -> str:
        """The device's topic without a trailing slash: `homie/hall-lamp`."""
        return self.base + self.device_id

    @property
    def key(self) -> str:
        """The id in the API and in page routes, `/` written as `~`: `homie~hall-lamp`."""
        return self.topic.replace("/", "~")


class State(StrEnum):
    """What a device says of itself; `$online` true/false of 1.5 and 2.x are READY and LOST."""

    INIT = "init"
    READY = "ready"
    DISCONNECTED = "disconnected"
    SLEEPING = "sleeping"
    LOST = "lost"
    ALERT = "alert"
    UNKNOWN = "unknown"


AWAKE = frozenset({State.READY, State.ALERT})
"""States in which a device has subscribed to its command topics (homie-ota.md rule 2)."""


class Way(StrEnum):
    """How a device is updated: the dialect of commands (homie-ota.md, "Which way, for which device")."""

    HTTP = "http"  # 1.5: `$ota`, then the device asks over HTTP
    TWO_STEP = "two-step"  # 2.0.0-beta.1: checksum, 202, image
    MQTT = "mqtt"  # 2.0.0-beta.2 … 3.x, 4.x forks, 5 with the esp-runtime extension
    URL = "url"  # craftmetrics/esp32-homie: a URL to pull from
    ASKS = "asks"  # plain Arduino: it asks over HTTP by itself, and is answered when it is its turn
    NONE = "none"  # cannot be updated by us


class OtaEvent(StrEnum):
    """What a device says about a running update, in our words instead of the wire's numbers."""

    ACCEPTED = "accepted"  # 202
    PROGRESS = "progress"  # 206 done/total
    FLASHED = "flashed"  # 200
    SAME = "same"  # 304: it runs this image already
    BAD_FIRMWARE = "bad-firmware"  # 400 BAD_FIRMWARE
    BAD_CHECKSUM = "bad-checksum"  # 400 BAD_CHECKSUM
    NO_SPACE = "no-space"  # 400 NOT_ENOUGH_SPACE
    BAD_REQUEST = "bad-request"  # 400 with another word
    DISABLED = "disabled"  # 403
    FLASH_ERROR = "flash-error"  # 500 FLASH_ERROR
    NO_PARTITION = "no-partition"  # 500 no ota partitions (esp32-homie)
    STUCK = "stuck"  # 500 INTERNAL_ERROR 0: an update that was cut off still counts as running
    ERROR = "error"  # 500 with another word


class Publish(NamedTuple):
    """One MQTT message to be sent."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
