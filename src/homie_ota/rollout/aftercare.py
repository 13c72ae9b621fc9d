"""What a device does in the days after a success: it goes back to the old image by itself, or begins to restart.

Rule: nothing is moved by it, for what ended has ended; it is said once, as an event, to whoever asks why.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

DAYS = 7 * 86_400.0
"""Seconds for which a success is looked after."""

OFTEN, WITHIN = 4, 1800.0
"""So many connects within so many seconds, each of them a boot, are a device that restarts again and again."""

QUIET = 86_400.0
"""Seconds until the same is said again."""


class Trouble(StrEnum):
    """What is said; the word is stable."""

    WENT_BACK = "went-back"
    RESTARTING = "restarting"


TEXTS = {
    Trouble.WENT_BACK: "The device went back by itself to the image that it ran before this deployment.",
    Trouble.RESTARTING: "The device, updated by this deployment, has begun to restart again and again.",
}


@dataclass(frozen=True, slots=True)
class Aftercare:
    """What was seen since the success: whether it went `back`, when it `came` lately, when its restarts were told."""

    back: bool = False
    came: tuple[float, ...] = ()
    told_at: float | None = None


def step(
    care: Aftercare, *, at: float, runs_old: bool, runs_target: bool, boots: int, sleeps: bool
) -> tuple[Aftercare, Trouble | None]:
    """After the device announced itself live; `boots` are those that its statistics show since `care.came` began."""
    if runs_old:
        return replace(care, back=True, came=()), None if care.back else Trouble.WENT_BACK
    came = (*(each for each in care.came if at - each <= WITHIN), at)[-OFTEN:]
    care = replace(care, back=care.back and not runs_target, came=came)
    was_told = care.told_at is not None and at - care.told_at < QUIET
    if sleeps or was_told or len(came) < OFTEN or boots < OFTEN - 2:
        return care, None
    return replace(care, told_at=at), Trouble.RESTARTING


def as_data(care: Aftercare) -> dict[str, object]:
    """For the row."""
    return {"back": care.back, "came": list(care.came), "told_at": care.told_at}


def from_data(data: Mapping[str, object]) -> Aftercare:
    """From the row; lenient."""
    came, told_at = data.get("came"), data.get("told_at")
    return Aftercare(
        back=data.get("back") is True,
        came=tuple(each for each in came if isinstance(each, float)) if isinstance(came, list) else (),
        told_at=told_at if isinstance(told_at, float) else None,
    )
