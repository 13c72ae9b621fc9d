"""What each generation of firmware says of itself, as tables: topics in their recorded order, and its quirks.

Rule: a generation is one row of GENERATIONS. 1.5, 2.0.0, 3.0.1 and develop are as recorded; beta.1, the 4 and 5
builds of the fork and esp32-homie are as their sources and documents say, never seen running.
"""

from __future__ import annotations

from dataclasses import dataclass, field

NODES = "(nodes)"
"""Where the nodes and their properties come in the order of topics."""

FIRMWARE = ("$fw/name", "$fw/version", "$fw/checksum")
_IMPLEMENTATION = ("$implementation", "$implementation/config", "$implementation/version")
_V3_HEAD = ("$homie", "$name", "$mac", "$localip", "$nodes")
_V3_STATS = ("$stats/interval", "$stats/signal", "$stats/uptime")
_RUNTIME = (
    "$implementation/reset/reason",
    "$implementation/wifi/last_disconnect_reason",
    "$implementation/mqtt/last_disconnect_reason",
)
_LEGACY = "org.homie.legacy-firmware:0.1.1:[4.x],org.homie.legacy-stats:0.1.1:[4.x]"
_FORK_STATS = (*_V3_STATS, "$stats/freeheap")


@dataclass(frozen=True, slots=True)
class Liveness:
    """The topic that says whether a device is there, and its words; an empty word is never said."""

    topic: str
    first: str
    """Said before everything else."""
    ready: str
    """Said when everything is announced and subscribed."""
    lost: str
    asleep: str


@dataclass(frozen=True, slots=True)
class Quirks:
    """How an image over MQTT is taken in, beyond the checks that all of them share."""

    coarse_progress: bool = False
    """`206` every 100th chunk, counted over all updates since the boot, instead of every chunk."""
    stuck_after_cut: bool = False
    """After an interrupted transfer every update ends in `500 INTERNAL_ERROR 0` until it reboots (rule 16)."""
    silent_after_cut: bool = False
    """After an interrupted transfer it is ready, without statistics, until the next update ends (rule 16)."""
    garbled_base64: bool = False
    """What a lost byte of the in-place decoder does (rule 9): spoils the image, instead of shortening it."""
    stats_at_wifi_loss: bool = False
    ignores_retained_set: bool = False


@dataclass(frozen=True, slots=True)
class Generation:
    """One row: how this generation announces itself and how it is updated.

    `way` is "http", "two-step", "mqtt" or "url"; `said` holds the values that are fixed for the generation, and
    `interval_grace` what is added to the interval of statistics before it is announced.
    """

    key: str
    base: str
    way: str
    liveness: Liveness
    order: tuple[str, ...]
    stats: tuple[str, ...]
    said: dict[str, str] = field(default_factory=dict)
    quirks: Quirks = Quirks()
    node_style: str = "v3"
    qos: int = 1
    will_qos: int = 1
    interval_grace: int = 5


_ONLINE = Liveness("$online", first="", ready="true", lost="false", asleep="false")
_ONLINE_FIRST = Liveness("$online", first="true", ready="", lost="false", asleep="false")
_STATE = Liveness("$state", first="init", ready="ready", lost="lost", asleep="sleeping")

V1 = Generation(
    key="v1",
    base="devices/",
    way="http",
    liveness=_ONLINE_FIRST,
    order=("$nodes", "$name", "$localip", "$fwname", "$fwversion"),
    stats=("$signal", "$uptime"),
    node_style="v1",
    qos=0,
    will_qos=2,
)
BETA1 = Generation(
    key="beta1",
    base="homie/",
    way="two-step",
    liveness=_ONLINE,
    order=(
        "$homie", "$implementation", "$mac", NODES, "$name", "$localip", "$uptime/interval", *FIRMWARE,
        "$implementation/config", "$implementation/version", "$implementation/ota/enabled",
    ),
    stats=("$signal", "$uptime/value"),
    said={"$homie": "2.0.0", "$implementation/version": "2.0.0-beta.1"},
    node_style="v2",
    interval_grace=0,
)  # fmt: skip
V2 = Generation(
    key="v2",
    base="homie/",
    way="mqtt",
    liveness=_ONLINE,
    order=(
        "$homie", "$mac", "$name", "$localip", "$stats/interval", *FIRMWARE, *_IMPLEMENTATION,
        "$implementation/ota/enabled", NODES,
    ),
    stats=("$stats/signal", "$stats/uptime"),
    # Recorded: 2.0.0 announces its interval before it has read its configuration.
    said={"$homie": "2.0.0", "$implementation/version": "2.0.0", "$stats/interval": "0"},
    quirks=Quirks(stuck_after_cut=True, stats_at_wifi_loss=True),
    node_style="v2",
)  # fmt: skip
V3 = Generation(
    key="v3",
    base="homie/",
    way="mqtt",
    liveness=_STATE,
    order=(
        *_V3_HEAD, "$stats", "$stats/interval", *FIRMWARE, *_IMPLEMENTATION,
        "$implementation/ota/enabled", NODES,
    ),
    stats=_V3_STATS,
    # Recorded: 3.0.1 says 3.0.0 here.
    said={"$homie": "3.0.1", "$implementation/version": "3.0.0", "$stats": "uptime"},
)  # fmt: skip
V3DEV = Generation(
    key="v3dev",
    base="homie/",
    way="mqtt",
    liveness=_STATE,
    order=V3.order,
    stats=_FORK_STATS,
    said=V3.said,
    quirks=Quirks(coarse_progress=True, silent_after_cut=True),
)
V4 = Generation(
    key="v4",
    base="homie/",
    way="mqtt",
    liveness=_STATE,
    order=(
        *_V3_HEAD, "$extensions", "$stats", "$stats/interval", *FIRMWARE, *_IMPLEMENTATION,
        *_RUNTIME, "$implementation/ota/enabled", NODES,
    ),
    stats=_FORK_STATS,
    said={
        "$homie": "4.0.0", "$implementation/version": "3.6.1", "$stats": "uptime", "$extensions": _LEGACY,
    },
    quirks=Quirks(coarse_progress=True, ignores_retained_set=True),
)  # fmt: skip
V5 = Generation(
    key="v5",
    base="homie/5/",
    way="mqtt",
    liveness=_STATE,
    order=(
        "$description", "$mac", "$localip", "$stats", "$stats/interval", *FIRMWARE, *_IMPLEMENTATION,
        *_RUNTIME, "$implementation/ota/enabled",
    ),
    stats=_FORK_STATS,
    said={
        "$homie": "5.0", "$implementation/version": "3.6.1", "$stats": "uptime",
        "$extensions": "io.github.labodj.esp-runtime",
    },
    quirks=V4.quirks,
)  # fmt: skip
URL = Generation(
    key="url",
    base="homie/",
    way="url",
    liveness=_ONLINE_FIRST,
    order=(
        "$name", "$localip", "$mac", "$fw/name", "$fw/version", "$implementation", "$implementation/version",
        "$stats", "$stats/interval", "$implementation/ota/enabled", "$implementation/ota/running",
        "$implementation/ota/boot",
    ),
    stats=("$stats/uptime", "$stats/rssi", "$stats/signal", "$stats/freeheap"),
    said={
        "$implementation": "esp32-idf", "$implementation/version": "dev",
        "$stats": "uptime,rssi,signal,freeheap",
    },
    interval_grace=0,
    will_qos=0,
)  # fmt: skip

GENERATIONS = {each.key: each for each in (V1, BETA1, V2, V3, V3DEV, V4, V5, URL)}
