"""`update` and `cancel`: what will happen is shown, the orders are given, and what becomes of them is told.

Rule: who named one device has decided; what a glob, a query or a list finds is shown first, and asked about.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence

from homie_ota.cli import show
from homie_ota.cli.devices import bare, key, named
from homie_ota.cli.firmware import choose
from homie_ota.cli.plan import Step, is_several, judge, targets
from homie_ota.client import Api, Json
from homie_ota.errors import HomieOtaError, NotFound, Unreachable, WrongUse
from homie_ota.model import ENDED, DeploymentState

FAILED, REFUSED = 1, 4
_SHOWN = 20
"""Devices of a plan that are listed one by one."""


def update(arguments: Namespace) -> int:
    """Bring devices to a firmware."""
    api = Api(arguments.server, arguments.token)
    images = choose(api.firmware(), arguments.to)
    devices = targets(api, arguments.target)
    plan = [judge(device, images, arguments.override) for device in devices]
    if len(devices) > 1 or any(is_several(word) for word in arguments.target):
        if not _agreed(plan, arguments):
            return FAILED
    elif not plan[0].runs_it:
        _warn(plan[:1])
        # The server knows more of this one device. Of several images of one name and version it takes what fits.
        plan = [Step(devices[0], images[0] if len(images) == 1 else {"sha256": arguments.to})]
    elif not arguments.json:
        show.line(plan[0].why)
    made, refused = _order(api, [step for step in plan if step.firmware], arguments)
    if arguments.json and not arguments.watch:
        show.as_json({"ordered": list(made.values()), "skipped": _skipped(plan, refused)})
    failed = arguments.watch and _watch(api, made, arguments.json)
    return FAILED if failed else _status(plan, refused)


def _status(plan: Sequence[Step], refused: dict[str, HomieOtaError]) -> int:
    """A refusal that was shown and agreed to is no failure, as long as something else was wanted."""
    if refused:
        return next(iter(refused.values())).exit_status
    nothing = not any(step.firmware for step in plan)
    return REFUSED if nothing and not all(step.runs_it for step in plan) else 0


# --- The plan ------------------------------------------------------------------------------------------------------


def _agreed(plan: Sequence[Step], arguments: Namespace) -> bool:
    """Show what will happen and ask, where there is something to decide; raises WrongUse where nobody can answer."""
    count = sum(1 for step in plan if step.firmware)
    if not arguments.json:
        _show(plan, count)
    if not count or arguments.yes:
        return True
    if arguments.json or not sys.stdin.isatty():
        raise WrongUse(f"{count} devices would be updated. Say --yes to do that without being asked.")
    sys.stderr.write(f"Update {count} devices? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _show(plan: Sequence[Step], count: int) -> None:
    changing = [step for step in plan if step.firmware]
    refused = [step for step in plan if not step.firmware and not step.runs_it]
    running = len(plan) - len(changing) - len(refused)
    show.line(f"{count} will be updated, {running} run it already, {len(refused)} refused.")
    rows = [
        (bare(step.device), named(step.device.get("firmware")), named(step.firmware)) for step in changing
    ]
    if rows:
        show.line()
        show.table(("DEVICE", "RUNS", "GETS"), rows[:_SHOWN])
    if len(rows) > _SHOWN:
        show.line(f"… and {len(rows) - _SHOWN} more")
    if refused:
        show.line()
    for step in refused:
        show.line(f"  {bare(step.device)}: {step.why}")
    _warn(changing)


def _warn(plan: Sequence[Step]) -> None:
    """Say what to think of before it is done, each only once."""
    for warning in dict.fromkeys(warning for step in plan for warning in step.warnings):
        show.say(f"Mind: {warning}")


def _skipped(plan: Sequence[Step], refused: dict[str, HomieOtaError]) -> list[Json]:
    known = [
        {"device": key(step.device), "why": step.why, "runs_it": step.runs_it}
        for step in plan
        if not step.firmware
    ]
    return known + [{"device": id_, "why": str(error), "runs_it": False} for id_, error in refused.items()]


# --- The orders ----------------------------------------------------------------------------------------------------


def _order(
    api: Api, wanted: Sequence[Step], arguments: Namespace
) -> tuple[dict[str, Json], dict[str, HomieOtaError]]:
    """Order one after another: the deployments and the refusals by device; Unreachable when the server is gone."""
    made: dict[str, Json] = {}
    refused: dict[str, HomieOtaError] = {}
    for step in wanted:
        assert step.firmware is not None
        try:
            made[key(step.device)] = api.order(key(step.device), step.firmware["sha256"], arguments.override)
        except Unreachable:
            raise
        except HomieOtaError as error:
            refused[key(step.device)] = error
            show.say(str(error) if len(wanted) == 1 else f"{bare(step.device)}: {error}")
        else:
            if not arguments.json and not arguments.watch:
                number = made[key(step.device)]["id"]
                show.line(f"{bare(step.device)}: deployment {number} is queued")
    return made, refused


# --- What became of them -------------------------------------------------------------------------------------------


def _watch(api: Api, made: dict[str, Json], as_json: bool) -> bool:
    """Tell every change until all have ended; True when one did not succeed."""
    names = {deployment["id"]: id_.rpartition("~")[2] for id_, deployment in made.items()}
    told: dict[int, int] = dict.fromkeys(names, 0)
    states: dict[int, str] = {}
    for deployment in api.follow(names):
        number = deployment["id"]
        states[number] = deployment["state"]
        if as_json:
            show.as_json_line(deployment)
        else:
            told[number] = _tell(names[number], deployment, told[number])
    return any(state != DeploymentState.SUCCEEDED for state in states.values())


def _tell(name: str, deployment: Json, told: int) -> int:
    """A line for each move after the first `told`, also for those between two looks; how many there are by now."""
    moves = [each for each in deployment.get("events") or () if each.get("data", {}).get("state")]
    for move in moves[told:]:
        reason = f": {move['data']['reason']}" if move["data"].get("reason") else ""
        show.line(f"{show.clock(move.get('at'))}  {name}  {move['data']['state']}{reason}")
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
