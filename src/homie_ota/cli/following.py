"""What becomes of updates, line by line, while somebody watches; with bars below where there is a terminal.

Rule: what was told once is not told again; what takes its time (a soak) is seen to go on: on a terminal each second, in
a pipe by a line now and then. The exit status is 1 where something did not succeed or stopped.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from homie_ota.cli import rollout_show, show
from homie_ota.cli.bars import Bars
from homie_ota.model import DeploymentState

if TYPE_CHECKING:
    from homie_ota.client import Api

Json = dict[str, Any]
FAILED = 1
A_SECOND, NOW_AND_THEN = 1.0, 30.0
"""Seconds between two words about what takes its time: on a terminal, and in a pipe."""


# --- Deployments ----------------------------------------------------------------------------------------------------


def watch_deployments(api: Api, made: Mapping[str, Json], as_json: bool) -> bool:
    """Tell every change until all have ended; True when one did not succeed."""
    from homie_ota.client import watching

    told: dict[int, int] = {}
    latest: dict[str, Json] = {}
    with Bars(in_bytes=True, quiet=as_json) as bars:
        for attempt in api.follow((each["id"] for each in made.values()), beat=_beat(bars, as_json)):
            number, latest[attempt["device"]] = attempt["id"], attempt
            if as_json:
                show.as_json_line(attempt)
                continue
            name = attempt["device"].rpartition("~")[2]
            before, told[number] = told.get(number), _tell(name, attempt, told.get(number, 0))
            if told[number] == before and not bars.drawn and (said := verified(attempt)):
                show.now(f"{show.clock(None)}  {name}  {said}")
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
    if said := verified(deployment):
        found = deployment["verifying"]
        bars.show(name, found["rounds"], max(1, found["of_rounds"]), said)
    elif deployment["state"] == DeploymentState.TRANSFERRING and whole:
        bars.show(name, sent or 0, whole)
    else:
        bars.drop(name)


def verified(deployment: Json) -> str:
    """How far a device is that is watched for a while, in words; empty where it is not, or nobody knows."""
    found = deployment.get("verifying")
    if not found:
        return ""
    count = f", {found['rounds']} of {found['of_rounds']} statistics" if found["of_rounds"] else ""
    left = show.duration(-(show.seconds_ago(found["by"]) or 0.0)) if found.get("by") else ""
    return f"verifying{count}{f', next look in {left}' if left else ''}"


def _beat(bars: Bars, as_json: bool) -> float:
    if as_json:
        return 0.0
    return A_SECOND if bars.drawn else NOW_AND_THEN


# --- Rollouts -------------------------------------------------------------------------------------------------------

OPEN = ("waiting", "queued", "running", "absent", "reverting")
"""Outcomes of devices whose turn has not come to an end."""


def watch_rollout(api: Api, number: int, *, as_json: bool) -> int:
    """Tell what happens until its waves have ended or it stops; the exit status of the whole."""
    from homie_ota.client import watching

    told, gates = 0, dict[int, str]()
    soaks_at = time.monotonic()
    last: Json = {}
    with Bars(in_bytes=False, quiet=as_json) as bars:
        for last in api.follow_rollout(number, beat=_beat(bars, as_json)):
            if as_json:
                show.as_json_line(last)
                continue
            told = rollout_show.news(last, told)
            rollout_show.gates(last, gates)
            whole, ended = progress(last)
            soaks = rollout_show.soaks(last)
            bars.show(f"rollout {number}", ended, whole, f"{ended}/{whole}, {soaks}" if soaks else "")
            if soaks and not bars.drawn and time.monotonic() - soaks_at >= NOW_AND_THEN:
                soaks_at = time.monotonic()
                show.now(f"{show.clock(None)}  {soaks}")
    if not as_json:
        show.line(rollout_show.made(last))
    if not as_json and (follow := watching.to_follow(last)):
        show.line(follow)
    return 0 if watching.went_well(last) else FAILED


def progress(rollout: Json) -> tuple[int, int]:
    """How many devices it is about, and with how many of them it is done."""
    counts = {name: count for name, count in rollout["counts"].items() if name != "skipped"}
    return sum(counts.values()), sum(count for name, count in counts.items() if name not in OPEN)
