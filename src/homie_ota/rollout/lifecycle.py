"""The life of one deployment, as one table.

Rule: every move is in TRANSITIONS; nothing else assigns a state. A pair that is not there means nothing: late and
repeated messages are normal on MQTT.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from homie_ota.model import ACTIVE, DeploymentState, Outcome

S = DeploymentState


class Event(StrEnum):
    """What can happen to a deployment; made by ingest, by the ESP endpoint, by the clock or by a person."""

    OFFER = "offer"  # it is about to be sent: committed before the first byte
    ACCEPT = "accept"  # the device takes it: `202`, or its HTTP request
    PROGRESS = "progress"  # so many bytes
    FLASH = "flash"  # the device says `200`, or the whole image left us over HTTP
    LEAVE = "leave"  # the device's connection ended
    CONFIRM = "confirm"  # after a reconnect it announces the target
    REFUTE = "refute"  # after a reconnect it announces what it ran before
    STRAY = "stray"  # after a reconnect it announces a third image
    HEAL = "heal"  # it runs the target and stayed well for its soak
    HARM = "harm"  # it runs the target and is not well
    REFUSE = "refuse"  # it says no
    BREAK = "break"  # the offer could not leave us
    EXPIRE = "expire"  # no news for longer than the state allows
    CANCEL = "cancel"  # a person takes it back
    SETTLE = "settle"  # the device runs the target without this attempt
    LAPSE = "lapse"  # it waited as long as it was to wait


TRANSITIONS: dict[tuple[DeploymentState, Event], DeploymentState] = {
    (S.QUEUED, Event.OFFER): S.OFFERED,
    (S.QUEUED, Event.CANCEL): S.CANCELLED,
    (S.QUEUED, Event.SETTLE): S.CANCELLED,
    (S.QUEUED, Event.LAPSE): S.CANCELLED,
    (S.QUEUED, Event.REFUSE): S.FAILED,
    (S.OFFERED, Event.ACCEPT): S.TRANSFERRING,
    (
        S.OFFERED,
        Event.PROGRESS,
    ): S.TRANSFERRING,  # the `202` was lost: the library drops what it cannot buffer
    (S.OFFERED, Event.FLASH): S.REBOOTING,
    (S.OFFERED, Event.LEAVE): S.REBOOTING,
    (S.OFFERED, Event.CONFIRM): S.VERIFYING,
    (S.OFFERED, Event.REFUTE): S.FAILED,
    (S.OFFERED, Event.STRAY): S.FAILED,
    (S.OFFERED, Event.REFUSE): S.FAILED,
    (S.OFFERED, Event.BREAK): S.FAILED,
    (S.OFFERED, Event.EXPIRE): S.FAILED,
    (S.TRANSFERRING, Event.FLASH): S.REBOOTING,
    (S.TRANSFERRING, Event.LEAVE): S.REBOOTING,
    (S.TRANSFERRING, Event.CONFIRM): S.VERIFYING,
    (S.TRANSFERRING, Event.REFUTE): S.FAILED,
    (S.TRANSFERRING, Event.STRAY): S.FAILED,
    (S.TRANSFERRING, Event.REFUSE): S.FAILED,
    (S.TRANSFERRING, Event.BREAK): S.FAILED,
    (S.TRANSFERRING, Event.EXPIRE): S.FAILED,
    (S.REBOOTING, Event.CONFIRM): S.VERIFYING,
    (S.REBOOTING, Event.REFUTE): S.FAILED,
    (S.REBOOTING, Event.STRAY): S.FAILED,
    (S.REBOOTING, Event.EXPIRE): S.FAILED,
    (S.VERIFYING, Event.HEAL): S.SUCCEEDED,
    (S.VERIFYING, Event.HARM): S.FAILED,
    (S.VERIFYING, Event.REFUTE): S.FAILED,
    (S.VERIFYING, Event.STRAY): S.FAILED,
    (S.VERIFYING, Event.EXPIRE): S.FAILED,
    (S.FAILED, Event.CONFIRM): S.VERIFYING,  # late, and looked at like any other (docs/adr/0018)
    (
        S.FAILED,
        Event.HEAL,
    ): S.SUCCEEDED,  # late, and another image waits already: nobody will look at this one
}

WAITS_FOR_NEWS = ACTIVE - {S.QUEUED}
"""States with a deadline; QUEUED may wait without an end."""


def advance(state: DeploymentState, event: Event) -> DeploymentState | None:
    """The state after `event`, or None when it means nothing in this state."""
    return TRANSITIONS.get((state, event))


def deadline(state: DeploymentState, now: float, limits: Mapping[str, float]) -> float | None:
    """When `state` has gone too long without news; `limits` are seconds by state name, None where none applies."""
    return now + limits[state] if state in WAITS_FOR_NEWS else None


def outcome(state: DeploymentState, code: str, *, harmful: bool) -> str:
    """What an attempt counts as once it is in `state` (one of Outcome); empty as long as it runs.

    `code` is the stable word of its reason: a success counts as verified, and an end before the offer as absent, only
    when it says so.
    """
    if state is S.FAILED:
        return Outcome.HARMFUL if harmful else Outcome.UNHARMED
    if state is S.SUCCEEDED:
        return Outcome.VERIFIED if code == Outcome.VERIFIED else Outcome.BOOTED
    if state is S.CANCELLED:
        return Outcome.ABSENT if code == Outcome.ABSENT else Outcome.WITHDRAWN
    return ""


def diagram() -> str:
    """The table as a Mermaid state diagram, for the documents."""
    lines = ["stateDiagram-v2", "    [*] --> queued"]
    lines += [f"    {old} --> {new}: {event}" for (old, event), new in TRANSITIONS.items()]
    return "\n".join(lines) + "\n"
