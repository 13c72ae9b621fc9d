"""The nouns of homie-ota: addresses, observations, firmware, deployments; frozen values without behaviour.

Rule: everything here is a value that any room may hold; nothing here reads, writes, waits or knows the time. The words
are those of `docs/glossary.md`. Times are Unix seconds (float, UTC), durations seconds. Observations are named tuples
because one is made for every MQTT message (measured: a frozen dataclass costs four times as much to make).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

MAX_NAME = 64
"""Characters of a name, version or brand that we keep; firmware allows 32, 16 and 32 (homie-ota.md rule 17)."""


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
    ERROR = "error"  # 500 with another word


# --- Observations: what one MQTT message or HTTP request says about a device --------------------------------------


class StateSeen(NamedTuple):
    """The device's own state or will; `legacy`: told by `$online`, which an update to 3.x leaves behind."""

    device: Address
    state: State
    retained: bool
    legacy: bool = False


class FactSeen(NamedTuple):
    """One attribute of a device under our name for it.

    `fact` is one of FACTS or free text below `config`, `log/…`, `alert/…`, `stats/…`. An empty value means: the topic
    was cleared; the fact `state` exists only so, and means that the device was removed. `legacy`: told by a topic of
    an older generation (`$fwname`, `$signal`), which gives way to the newer topic when the broker still keeps both.
    """

    device: Address
    fact: str
    value: str
    retained: bool
    legacy: bool = False


class NodeFactSeen(NamedTuple):
    """An attribute of a node: `name`, `type`, `properties`, `array`."""

    device: Address
    node: str
    fact: str
    value: str
    retained: bool


class PropertyFactSeen(NamedTuple):
    """An attribute of a property: `name`, `datatype`, `unit`, `format`, `settable`, `retained`, `target`."""

    device: Address
    node: str
    prop: str
    fact: str
    value: str
    retained: bool


class ValueSeen(NamedTuple):
    """The value of a property; an empty text is a value (Homie 5 sends it as one zero byte)."""

    device: Address
    node: str
    prop: str
    value: str
    retained: bool


class ValueCleared(NamedTuple):
    """The topic of a property was cleared: there is no value any more."""

    device: Address
    node: str
    prop: str
    retained: bool


@dataclass(frozen=True, slots=True)
class PropertyDescription:
    """What a Homie 5 `$description`, or the attributes of older generations, say of one property."""

    name: str = ""
    datatype: str = ""
    unit: str = ""
    format: str = ""
    settable: bool = False
    retained: bool = True


@dataclass(frozen=True, slots=True)
class NodeDescription:
    """One node of a Homie 5 `$description`."""

    name: str = ""
    type: str = ""
    properties: dict[str, PropertyDescription] = field(default_factory=dict)


class DescriptionSeen(NamedTuple):
    """A Homie 5 `$description`; unknown fields are ignored, an object with an illegal known field is left out."""

    device: Address
    homie: str
    version: int
    name: str
    type: str
    nodes: dict[str, NodeDescription]
    extensions: tuple[str, ...]
    children: tuple[str, ...]
    root: str
    parent: str
    retained: bool


class OtaStatusSeen(NamedTuple):
    """What the device says about an update; retained ones are history, never news (homie-ota.md rule 3)."""

    device: Address
    event: OtaEvent
    done: int
    total: int
    detail: str
    retained: bool


class OtaRequestSeen(NamedTuple):
    """Somebody published to `$ota` (1.5): the version wanted, or `<hash>@<version>`."""

    device: Address
    wanted: str
    retained: bool


Observation = (
    StateSeen
    | FactSeen
    | NodeFactSeen
    | PropertyFactSeen
    | ValueSeen
    | ValueCleared
    | DescriptionSeen
    | OtaStatusSeen
    | OtaRequestSeen
)

FACTS = (
    "homie",  # the convention's version as announced
    "name",
    "ip",
    "mac",
    "nodes",  # raw list as announced; node rows come from it and from what is seen
    "fw/name",
    "fw/version",
    "md5",  # $fw/checksum
    "brand",
    "implementation",
    "implementation/version",
    "ota/enabled",
    "ota/running",  # esp32-homie: partition
    "ota/boot",
    "signal",  # percent
    "uptime",  # seconds
    "interval",  # of statistics, seconds
    "heap",  # free bytes
    "stats",  # list announced
    "cputemp",
    "cpuload",
    "battery",
    "supply",
    "extensions",
    "config",
    "reset/reason",
    "wifi/last_disconnect_reason",
    "mqtt/last_disconnect_reason",
    "legacy",  # which of these were told by topics of 1.5 or the 2.0 pre-releases, joined by spaces
    "ota/retained",  # a retained image or `$ota` was found (homie-ota.md rule 13)
)
"""Our names for the attributes that every room may rely on; values are the device's text, capped and cleaned."""


# --- What the shell sends -----------------------------------------------------------------------------------------


class Publish(NamedTuple):
    """One MQTT message to be sent."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


# --- Firmware -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Firmware:
    """One stored image; identity is the SHA-256, never name + version.

    `filename` is the file in the firmware directory; `flash_size` in bytes (0 unknown); `flash_mode` is one of
    qio, qout, dio, dout or empty; `chip` a word of esp-image.md (`esp8266`, `esp32`, …) or empty.
    """

    sha256: str
    md5: str
    name: str
    version: str
    filename: str
    size: int
    brand: str = ""
    chip: str = ""
    flash_size: int = 0
    flash_mode: str = ""
    kind: str = "application"
    description: str = ""
    uploaded_at: float = 0.0
    uploaded_by: str = ""
    warnings: tuple[str, ...] = ()


# --- Deployments --------------------------------------------------------------------------------------------------


class DeploymentState(StrEnum):
    """The life of one attempt; moves are in `rollout/lifecycle.py`."""

    QUEUED = "queued"
    OFFERED = "offered"
    TRANSFERRING = "transferring"
    REBOOTING = "rebooting"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


ENDED = frozenset({DeploymentState.SUCCEEDED, DeploymentState.FAILED, DeploymentState.CANCELLED})
ACTIVE = frozenset(DeploymentState) - ENDED


@dataclass(frozen=True, slots=True)
class Deployment:
    """One attempt to bring one device to one firmware; one row of the table `deployment`."""

    id: int
    device_pk: int
    sha256: str
    attempt: int
    state: DeploymentState
    state_since: float
    created_at: float
    deadline: float | None = None
    not_before: float | None = None
    previous_sha256: str = ""
    reason: str = ""
    harmful: bool | None = None
    late: bool = False
    bytes_done: int = 0
    bytes_total: int = 0
    override: str = ""
    created_by: str = ""
    offered_at: float | None = None
    image_at: float | None = None
    before: dict[str, object] = field(default_factory=dict)
    after: dict[str, object] = field(default_factory=dict)
