"""`update` and `cancel`: what will happen is shown, the orders are given, and what becomes of them is told.

Rule: who named one device has decided, and gets a deployment; what a glob, a query or a list finds is shown first,
asked about, and becomes a rollout: a canary, then more.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import NamedTuple

from homie_ota.cli import rollout, rollout_show, show
from homie_ota.cli.devices import key
from homie_ota.cli.firmware import choose, hashes
from homie_ota.cli.plan import is_several, judge, query_of
from homie_ota.cli.rollout_arguments import all_at_once
from homie_ota.client import Api, Json, watching
from homie_ota.errors import NotEligible, NotFound, WrongUse
from homie_ota.model import ENDED, DeploymentState

FAILED, REFUSED = 1, 4


def update(arguments: Namespace) -> int:
    """Bring devices to a firmware."""
    api = Api(arguments.server, arguments.token)
    images = choose(api.firmware(), arguments.to)
    if len(arguments.target) > 1 or is_several(arguments.target[0]):
        return _several(api, images, arguments)
    return _single(api, images, arguments)


# --- One device ----------------------------------------------------------------------------------------------------


def _single(api: Api, images: Sequence[Json], arguments: Namespace) -> int:
    device = api.device(arguments.target[0])
    step = judge(api, device, images, arguments.override)
    if step.runs_it:
        if arguments.json and not arguments.watch:
            _as_json(skipped=[_left_out(device, step.why, runs_it=True)])
        elif not arguments.json:
            show.line(step.why)
        return 0
    for warning in dict.fromkeys(step.warnings):
        show.say(f"Mind: {warning}")
    # The server knows more of this one device. Of several images of one name and version it takes what fits.
    wanted = images[0]["sha256"] if len(images) == 1 else arguments.to
    return _ordered(api, key(device), wanted, arguments)


def _ordered(api: Api, device: str, wanted: str, arguments: Namespace) -> int:
    made = api.order(device, wanted, arguments.override)
    if arguments.watch:
        return FAILED if _watch(api, {device: made}, arguments.json) else 0
    if arguments.json:
        _as_json(ordered=[made])
    else:
        show.line(f"{device.rpartition('~')[2]}: deployment {made['id']} is queued")
    return 0


def _left_out(device: Json, why: str, *, runs_it: bool) -> Json:
    return {"device": key(device), "why": why, "runs_it": runs_it}


def _as_json(
    ordered: Sequence[Json] = (), rollouts: Sequence[Json] = (), skipped: Sequence[Json] = ()
) -> None:
    show.as_json({"ordered": list(ordered), "rollouts": list(rollouts), "skipped": list(skipped)})


# --- Several -------------------------------------------------------------------------------------------------------


class _Asked(NamedTuple):
    """What is ordered of the server, and what it says that it would do."""

    order: Json
    seen: Json


def _several(api: Api, images: Sequence[Json], arguments: Namespace) -> int:
    """A rollout to all that the words find; to a single one of them a deployment."""
    if arguments.override:
        raise WrongUse("--override lifts a refusal of one device. Name that device alone.")
    asked = _asked(api, images, arguments)
    if not rollout.agreed([each.seen for each in asked], arguments):
        return FAILED
    wanted = [each for each in asked if each.seen["members"]]
    if not wanted:
        return _nothing(asked, arguments)
    if sum(each.seen["members"] for each in wanted) == 1:
        (order, seen), *_ = wanted
        return _ordered(api, seen["waves"][0]["devices"][0]["device"], order["firmware"], arguments)
    return _started(api, wanted, _skipped(asked), arguments)


def _asked(api: Api, images: Sequence[Json], arguments: Namespace) -> list[_Asked]:
    """One order for each image that somebody can get: a build for each chip. NotEligible where a device can get two."""
    plan = {"plan": all_at_once()} if arguments.all_at_once else {}
    query = query_of(api, arguments.target)
    orders = [{"query": query, "firmware": image["sha256"], **plan} for image in images]
    asked = [_Asked(order, api.preview_rollout(order)) for order in orders]
    fitting = [each for each in asked if each.seen["members"]] or asked[:1]
    devices = [line["device"] for each in fitting for wave in each.seen["waves"] for line in wave["devices"]]
    if len(set(devices)) < len(devices):
        raise NotEligible(f"Several images fit: {hashes(list(images))}. Say which by its SHA-256.")
    return fitting


def _skipped(asked: Sequence[_Asked]) -> list[Json]:
    """Who gets nothing of all that is ordered."""
    given = {line["device"] for each in asked for wave in each.seen["waves"] for line in wave["devices"]}
    left = {
        line["device"]: line
        for each in asked
        for line in each.seen["left_out"]
        if line["device"] not in given
    }
    return [
        {"device": device, "why": line["reason"], "runs_it": line["code"] == "runs-it"}
        for device, line in left.items()
    ]


def _nothing(asked: Sequence[_Asked], arguments: Namespace) -> int:
    """A refusal is one unless all that was wanted is there already."""
    skipped = _skipped(asked)
    if arguments.json:
        _as_json(skipped=skipped)
    return 0 if all(each["runs_it"] for each in skipped) else REFUSED


def _started(api: Api, wanted: Sequence[_Asked], skipped: Sequence[Json], arguments: Namespace) -> int:
    made = [api.create_rollout({**each.order, "start": True}) for each in wanted]
    if arguments.watch:
        return max([rollout.watch(api, each["id"], as_json=arguments.json) for each in made])
    if arguments.json:
        _as_json(rollouts=made, skipped=skipped)
        return 0
    for each in made:
        show.line(
            f"{rollout_show.made(each)}. Look at it with `homie-ota rollout show {each['id']} --watch`."
        )
    return 0


# --- What became of them -------------------------------------------------------------------------------------------


def _watch(api: Api, made: dict[str, Json], as_json: bool) -> bool:
    """Tell every change until all have ended; True when one did not succeed."""
    told: dict[int, int] = {}
    latest: dict[str, Json] = {}
    for attempt in api.follow(each["id"] for each in made.values()):
        number, latest[attempt["device"]] = attempt["id"], attempt
        if as_json:
            show.as_json_line(attempt)
        else:
            told[number] = _tell(attempt["device"].rpartition("~")[2], attempt, told.get(number, 0))
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
        show.line(f"{show.clock(move.get('at'))}  {name}  {attempt}{move['data']['state']}{reason}")
    sys.stdout.flush()
    done = show.percent(deployment.get("bytes_done"), deployment.get("bytes_total"))
    if deployment["state"] == DeploymentState.TRANSFERRING and done and sys.stderr.isatty():
        # Only where the next line can overwrite it.
        sys.stderr.write(f"{show.clean(name)}  {done}\033[K\r")
        sys.stderr.flush()
    return len(moves)


# --- Cancel --------------------------------------------------------------------------------------------------------


def cancel(arguments: Namespace) -> int:
    """Take back queued deployments."""
    api = Api(arguments.server, arguments.token)
    cancelled = [api.cancel(number) for word in arguments.what for number in _numbers(api, word)]
    if arguments.json:
        show.as_json(cancelled)
        return 0
    for each in cancelled:
        show.line(f"deployment {each.get('id')} is {each.get('state')}")
    return 0


def _numbers(api: Api, word: str) -> list[int]:
    """The deployment of this number, or the one of this device that has not ended."""
    if word.isascii() and word.isdigit():
        return [int(word)]
    active = [each for each in api.deployments(device=word) if each["state"] not in ENDED]
    if not active:
        raise NotFound(f"No deployment of {word} is under way.")
    return [each["id"] for each in active]
