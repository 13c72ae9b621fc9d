"""Firmware, and the attempts to bring devices to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


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
    changelog: str = ""
    override: str = ""  # why a person stored it although the inspection refused it
    requires: str = ""  # what has to run before it, like `>=1.5` (a stepping stone); empty: anything
    signed: bool = False  # it carries a signature, and a device that runs it takes signed images only
    proven: str = ""  # what a bench device showed: `renewable`, `dead-end`; empty: not tried
    magic: bool = False  # it tells its name by the Homie magic, as images for Homie 2 and later do


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


class Purpose(StrEnum):
    """What an attempt is for."""

    UPDATE = "update"  # a person or a rollout wants this image there
    REVERT = "revert"  # back to what ran before; never done twice
    BENCH = "bench"  # a bench device tries whether the image can be updated again
    OUTSIDE = "outside"  # somebody else started it, by `$ota`


class Outcome(StrEnum):
    """How an attempt ended (rollout-rules.md, rule 3)."""

    VERIFIED = "verified"  # back with the target, and healthy for the soak
    BOOTED = "booted"  # back with the target; it shows no statistics, so its health is not known
    UNHARMED = "unharmed"  # refused, or broken off: the old firmware runs
    HARMFUL = "harmful"  # flashed, and not as it should be
    ABSENT = "absent"  # never woke up: outside the count
    WITHDRAWN = "withdrawn"  # cancelled, or nothing to do


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
    code: str = ""
    outcome: str = ""  # one of Outcome; empty while it runs
    purpose: str = Purpose.UPDATE
    not_after: float | None = None
    rollout_id: int | None = None
    wave: int | None = None
    lease_token: int | None = None
    offered_at: float | None = None
    image_at: float | None = None
    before: dict[str, object] = field(default_factory=dict)
    after: dict[str, object] = field(default_factory=dict)
    soak: dict[str, object] = field(default_factory=dict)
    followed: str = ""  # what was decided after its failure: one of rollout.attempts.Followed; empty: not yet
