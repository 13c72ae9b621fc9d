"""How a device stands, seen from whoever looks after the fleet: what it needs a person for, and the words of `is:`.

Rule: words only. What a need means for people is in `rollout/needs.py`, what each word means in rows in
`store/overview.py`.
"""

from __future__ import annotations

from enum import StrEnum


class Need(StrEnum):
    """What a person is needed for; the order is that of urgency."""

    LEFTOVER = "leftover"  # the broker keeps something that the device acts on at every connect
    HARMED = "harmed"  # its last update did harm, and nothing came after it
    QUARANTINED = "quarantined"  # the image that is wanted of it is kept from it until a person lets go
    FAILED = "failed"  # its last update failed, and nothing more is tried
    ALARM = "alarm"  # behind its target, never started, ready and silent
    ALERT = "alert"  # it says of itself that it needs somebody
    UNKNOWN = "unknown"  # it never said in which state it is


class Standing(StrEnum):
    """What a device is; several may hold at once."""

    ON_TARGET = "on-target"  # it runs its target: what was ordered for it, or what a rollout brings
    BEHIND = "behind"  # it should run something else
    UPDATING = "updating"  # something was offered to it, and that has not ended
    WAITING = "waiting"  # something is queued for it
    ASLEEP = "asleep"  # it said that it sleeps
    AWAY = "away"  # its connection ended, or it said goodbye
    AWAKE = "awake"  # it can be sent something
