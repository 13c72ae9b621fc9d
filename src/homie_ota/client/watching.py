"""What somebody who watches updates waits for, and what it has come to: read off the answers of the API.

Rule: an attempt that failed is no end while another one follows it; a rollout is over for who watches it when all its
waves have ended, for late joiners may come in a month.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from homie_ota.client.calls import Json
from homie_ota.model import ENDED, DeploymentState, Outcome
from homie_ota.rollout.attempts import Followed

STOPPED = frozenset({"finished", "aborted", "paused", "draft"})
"""States of a rollout in which nothing goes on by itself."""

BAD = ("harmful", "unharmed", "stranded")
"""Outcomes of devices with which the whole has not succeeded."""

_GOES_ON = frozenset({Followed.RETRY, Followed.CURE, Followed.CURED})
_RUNS_IT = frozenset({"runs-it", "same-image"})


# --- Deployments ----------------------------------------------------------------------------------------------------


def is_over(attempt: Json) -> bool:
    """Whether nothing of this attempt is waited for: it has ended, and what follows it has been decided."""
    if attempt["state"] not in ENDED:
        return False
    return attempt["state"] != DeploymentState.FAILED or attempt.get("followed", Followed.NOTHING) is not None


def goes_on(attempt: Json) -> bool:
    """Whether another attempt follows this one, which is over."""
    return attempt["state"] == DeploymentState.FAILED and attempt.get("followed") in _GOES_ON


def next_of(failed: Json, of_device: Iterable[Json]) -> int | None:
    """The attempt that followed `failed`, among those `of_device`; None when there is none any more."""
    later = [
        each["id"]
        for each in of_device
        if each["id"] > failed["id"]
        and each["firmware"] == failed["firmware"]
        and each["purpose"] == failed["purpose"]
    ]
    return min(later, default=None)


def has_succeeded(attempt: Json) -> bool:
    """Whether the last attempt of a device came to what was wanted; so did one that nobody needed any more."""
    if attempt["state"] == DeploymentState.CANCELLED:
        return attempt.get("code") in _RUNS_IT
    return bool(attempt["state"] == DeploymentState.SUCCEEDED)


def ending(attempt: Json) -> str:
    """What a person should know of an end that is no success and that nothing follows; empty where there is nothing."""
    if has_succeeded(attempt) or attempt["state"] not in ENDED or goes_on(attempt):
        return ""
    if attempt.get("followed") == Followed.QUARANTINE:
        device = str(attempt["device"]).rpartition("~")[2]
        return f"The image is in quarantine for {device} now: it is not sent again until `homie-ota release {device}`."
    return "Nothing more is tried by itself." if attempt.get("outcome") == Outcome.UNHARMED else ""


# --- Rollouts -------------------------------------------------------------------------------------------------------


def is_settled(rollout: Json) -> bool:
    """Whether nothing that a person would wait for is to come: it stopped, or all its waves have ended."""
    if rollout["state"] in STOPPED:
        return True
    if rollout["state"] != "running":
        return False
    waves = [wave for wave in rollout["waves"] if not wave["lane"]]
    lane = _lane(rollout)
    is_busy = bool(lane.get("running")) or _is_waiting(rollout, lane)
    return bool(waves) and all(wave["state"] == "passed" for wave in waves) and not is_busy


def _is_waiting(rollout: Json, lane: Mapping[str, int]) -> bool:
    """Whether the lane has members who are there; of a standing rollout, that others join is not waited for."""
    return not rollout.get("standing") and bool(lane.get("waiting") or lane.get("queued"))


def _lane(rollout: Json) -> Mapping[str, int]:
    found: Sequence[Mapping[str, int]] = [wave["counts"] for wave in rollout["waves"] if wave["lane"]]
    return found[0] if found else {}


def to_follow(rollout: Json) -> str:
    """Who still comes when nobody watches any more, as a sentence; empty when nobody does."""
    count = 0 if rollout["state"] in STOPPED else rollout["counts"].get("absent", 0)
    told = []
    if count:
        who = (
            "1 absent device follows when it comes"
            if count == 1
            else f"{count} absent devices follow when they come"
        )
        told.append(f"{who}, as late joiners.")
    if rollout["state"] == "running" and rollout.get("standing"):
        told.append("New devices join as they come.")
    return " ".join(told)


def went_well(rollout: Json) -> bool:
    """Whether it has done what it was to do, as far as it could by now."""
    bad = any(rollout["counts"].get(outcome) for outcome in BAD)
    return not bad and (
        rollout["state"] == "finished" or (rollout["state"] == "running" and is_settled(rollout))
    )
