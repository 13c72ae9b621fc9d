"""What becomes of updates, line by line, while somebody watches; with bars below where there is a terminal.

Rule: what was told once is not told again; the exit status is 1 where something did not succeed or stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from homie_ota.cli import rollout_show, show
from homie_ota.cli.bars import Bars
from homie_ota.model import DeploymentState

if TYPE_CHECKING:
    from homie_ota.client import Api

Json = dict[str, Any]
FAILED = 1


# --- Deployments ----------------------------------------------------------------------------------------------------


def watch_deployments(api: Api, made: Mapping[str, Json], as_json: bool) -> bool:
    """Tell every change until all have ended; True when one did not succeed."""
    from homie_ota.client import watching

    told: dict[int, int] = {}
    latest: dict[str, Json] = {}
    with Bars(in_bytes=True, quiet=as_json) as bars:
        for attempt in api.follow(each["id"] for each in made.values()):
            number, latest[attempt["device"]] = attempt["id"], attempt
            if as_json:
                show.as_json_line(attempt)
                continue
            name = attempt["device"].rpartition("~")[2]
            told[number] = _tell(name, attempt, told.get(number, 0))
            _draw(bars, name, attempt)
    for attempt in latest.values():
        if not as_json and (ending := watching.ending(attempt)):
            show.line(ending)
    return not all(watching.has_succeeded(attempt) for attempt in latest.values())


def _tell(name: str, deployment: Json, told: int) -> int:
    """A line for each move after the first `told`, also for those between two looks; how many there are by now."""
    moves = [each for each in deployment.get("events") or () if each.get("data", {}).get("state")]
    attempt = f"attempt {deployment['attempt']} " if deployment.get("attempt", 1) > 1 else ""
    for move in moves[told:]:
        reason = f": {move['data']['reason']}" if move["data"].get("reason") else ""
        show.now(f"{show.clock(move.get('at'))}  {name}  {attempt}{move['data']['state']}{reason}")
    return len(moves)


def _draw(bars: Bars, name: str, deployment: Json) -> None:
    sent, whole = deployment.get("bytes_done"), deployment.get("bytes_total")
    if deployment["state"] == DeploymentState.TRANSFERRING and whole:
        bars.show(name, sent or 0, whole)
    else:
        bars.drop(name)


# --- Rollouts -------------------------------------------------------------------------------------------------------

OPEN = ("waiting", "queued", "running", "absent", "reverting")
"""Outcomes of devices whose turn has not come to an end."""


def watch_rollout(api: Api, number: int, *, as_json: bool) -> int:
    """Tell what happens until its waves have ended or it stops; the exit status of the whole."""
    from homie_ota.client import watching

    told, gates = 0, dict[int, str]()
    last: Json = {}
    with Bars(in_bytes=False, quiet=as_json) as bars:
        for last in api.follow_rollout(number):
            if as_json:
                show.as_json_line(last)
                continue
            told = rollout_show.news(last, told)
            rollout_show.gates(last, gates)
            whole, ended = progress(last)
            bars.show(f"rollout {number}", ended, whole)
    if not as_json:
        show.line(rollout_show.made(last))
    if not as_json and (follow := watching.to_follow(last)):
        show.line(follow)
    return 0 if watching.went_well(last) else FAILED


def progress(rollout: Json) -> tuple[int, int]:
    """How many devices it is about, and with how many of them it is done."""
    counts = {name: count for name, count in rollout["counts"].items() if name != "skipped"}
    return sum(counts.values()), sum(count for name, count in counts.items() if name not in OPEN)
