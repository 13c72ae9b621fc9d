"""`update` and `cancel`: what will happen is shown, the orders are given, and what becomes of them is told.

Rule: who named one device has decided, and gets a deployment; a person is asked where something speaks against it. What
a glob, a query or a list finds is shown first, asked about, and becomes a rollout: a canary, then more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from homie_ota.cli import answers, completion, rollout, rollout_show, show
from homie_ota.cli.asked import asked
from homie_ota.cli.devices import key
from homie_ota.cli.firmware import choose, hashes
from homie_ota.cli.following import watch_deployments, watch_rollout
from homie_ota.cli.options import To, Watch, Yes
from homie_ota.cli.order import all_at_once as at_once
from homie_ota.cli.plan import is_several, judge, query_of
from homie_ota.errors import NotEligible, NotFound, WrongUse
from homie_ota.model import ENDED

if TYPE_CHECKING:
    from homie_ota.client import Api

Json = dict[str, Any]
FAILED, REFUSED = 1, 4

Targets = Annotated[
    list[str],
    typer.Argument(
        metavar="TARGET",
        help="hall-lamp, 'hall-*', 'fw:lamp version:<2.0'",
        autocompletion=completion.devices,
    ),
]
AllAtOnce = Annotated[bool, typer.Option("--all-at-once", help="no canary: a bad image reaches every device")]
Override = Annotated[
    str,
    typer.Option(
        "--override", metavar="REASON", help="one device: lift a refusal that can be lifted; is kept"
    ),
]
What = Annotated[
    list[str],
    typer.Argument(
        metavar="DEPLOYMENT|DEVICE",
        help="a deployment's number, or a device's id",
        autocompletion=completion.devices,
    ),
]


class _Wish(NamedTuple):
    """What was asked for, and how."""

    api: Api
    to: str
    images: Sequence[Json]
    how: rollout.Answers
    all_at_once: bool
    override: str


def update(
    ctx: typer.Context,
    target: Targets,
    to: To,
    watch: Watch = False,
    yes: Yes = False,
    all_at_once: AllAtOnce = False,
    override: Override = "",
) -> int:
    """Bring devices to a firmware."""
    order = asked(ctx)
    api = order.api()
    how = rollout.Answers(json=order.json, watch=watch, yes=yes)
    wish = _Wish(api, to, choose(api.firmware(), to), how, all_at_once, override)
    if len(target) > 1 or is_several(target[0]):
        return _several(wish, target)
    return _single(wish, target[0])


# --- One device ----------------------------------------------------------------------------------------------------


def _single(wish: _Wish, target: str) -> int:
    device = wish.api.device(target)
    step = judge(wish.api, device, wish.images, wish.override)
    if step.runs_it:
        if wish.how.json and not wish.how.watch:
            _as_json(skipped=[_left_out(device, step.why, runs_it=True)])
        elif not wish.how.json:
            show.line(step.why)
        return 0
    for warning in dict.fromkeys(step.warnings):
        show.say(f"Mind: {warning}")
    if step.warnings and not (wish.how.yes or wish.how.json or answers.confirmed("Go on?")):
        return REFUSED
    # The server knows more of this one device. Of several images of one name and version it takes what fits.
    wanted = wish.images[0]["sha256"] if len(wish.images) == 1 else wish.to
    return _ordered(wish, key(device), wanted)


def _ordered(wish: _Wish, device: str, wanted: str) -> int:
    made = wish.api.order(device, wanted, wish.override)
    if wish.how.watch:
        return FAILED if watch_deployments(wish.api, {device: made}, wish.how.json) else 0
    if wish.how.json:
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


def _several(wish: _Wish, targets: Sequence[str]) -> int:
    """A rollout to all that the words find; to a single one of them a deployment."""
    if wish.override:
        raise WrongUse("--override lifts a refusal of one device. Name that device alone.")
    orders = _orders(wish, targets)
    if not rollout.agreed([each.seen for each in orders], wish.how):
        return FAILED
    wanted = [each for each in orders if each.seen["members"]]
    if not wanted:
        return _nothing(orders, wish.how)
    if sum(each.seen["members"] for each in wanted) == 1:
        (order, seen), *_ = wanted
        return _ordered(wish, seen["waves"][0]["devices"][0]["device"], order["firmware"])
    return _started(wish, wanted, _skipped(orders))


def _orders(wish: _Wish, targets: Sequence[str]) -> list[_Asked]:
    """One order for each image that somebody can get: a build for each chip. NotEligible where a device can get two."""
    plan = {"plan": at_once()} if wish.all_at_once else {}
    query = query_of(wish.api, targets)
    orders = [{"query": query, "firmware": image["sha256"], **plan} for image in wish.images]
    found = [_Asked(order, wish.api.preview_rollout(order)) for order in orders]
    fitting = [each for each in found if each.seen["members"]] or found[:1]
    devices = [line["device"] for each in fitting for wave in each.seen["waves"] for line in wave["devices"]]
    if len(set(devices)) < len(devices):
        raise NotEligible(f"Several images fit: {hashes(list(wish.images))}. Say which by its SHA-256.")
    return fitting


def _skipped(orders: Sequence[_Asked]) -> list[Json]:
    """Who gets nothing of all that is ordered."""
    given = {line["device"] for each in orders for wave in each.seen["waves"] for line in wave["devices"]}
    left = {
        line["device"]: line
        for each in orders
        for line in each.seen["left_out"]
        if line["device"] not in given
    }
    return [
        {"device": device, "why": line["reason"], "runs_it": line["code"] == "runs-it"}
        for device, line in left.items()
    ]


def _nothing(orders: Sequence[_Asked], how: rollout.Answers) -> int:
    """A refusal is one unless all that was wanted is there already."""
    skipped = _skipped(orders)
    if how.json:
        _as_json(skipped=skipped)
    return 0 if all(each["runs_it"] for each in skipped) else REFUSED


def _started(wish: _Wish, wanted: Sequence[_Asked], skipped: Sequence[Json]) -> int:
    made = [wish.api.create_rollout({**each.order, "start": True}) for each in wanted]
    if wish.how.watch:
        return max([watch_rollout(wish.api, each["id"], as_json=wish.how.json) for each in made])
    if wish.how.json:
        _as_json(rollouts=made, skipped=skipped)
        return 0
    for each in made:
        show.line(
            f"{rollout_show.made(each)}. Look at it with `homie-ota rollout show {each['id']} --watch`."
        )
    return 0


# --- Cancel --------------------------------------------------------------------------------------------------------


def cancel(ctx: typer.Context, what: What) -> int:
    """Take back queued deployments."""
    order = asked(ctx)
    api = order.api()
    cancelled = [api.cancel(number) for word in what for number in _numbers(api, word)]
    if order.json:
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
