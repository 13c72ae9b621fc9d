"""The commands about rollouts, pins and tags, and their options; and the plan that the options mean."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

from homie_ota.errors import WrongUse
from homie_ota.rollout import spelling
from homie_ota.rollout.plan import BY_DEFAULT, Gate, OnHarm, WaveRule

Command = Callable[..., argparse.ArgumentParser]
"""Makes one command: what holds it, its name, what it does."""

Json = dict[str, Any]

_FIRMWARE = "NAME@VERSION, or its SHA-256 (8 signs of it)"
_STEERING = {
    "start": "start a rollout",
    "pause": "send nothing new; what was sent goes on",
    "resume": "let a rollout go on; to accept the harm so far takes a reason",
    "drain": "take back what was not sent, and wait for the end of what was",
    "abort": "take back what was not sent",
    "revert": "send every updated device what it ran before",
}


def add_rollout(commands: Any, command: Command, query: str) -> None:
    """`rollout list|show|preview|create|start|pause|resume|drain|abort|revert`."""
    parser = command(commands, "rollout", "bring many devices to a firmware, wave by wave")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = command(actions, "list", "list rollouts, the newest first")
    listing.add_argument("--state", default="", help="only those in this state")
    show = command(actions, "show", "show a rollout: waves with what their gates say, and its devices")
    _number(show)
    show.add_argument("--outcome", default="", help="only devices with this outcome")
    _watch(show)
    preview = command(actions, "preview", "say what a rollout would do", epilog=query)
    add_order(preview)
    preview.add_argument(
        "--simulate", action="store_true", help="play it on when these devices were awake before"
    )
    create = command(actions, "create", "make a rollout; a draft, unless --start", epilog=query)
    add_order(create)
    create.add_argument("--name", default="", metavar="TEXT")
    create.add_argument("--start", action="store_true", help="start it at once")
    create.add_argument("--yes", action="store_true", help="do not ask")
    _watch(create)
    for name, text in _STEERING.items():
        _steering(command(actions, name, text))


def _steering(parser: argparse.ArgumentParser) -> None:
    _number(parser)
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; is kept")
    _watch(parser)


def _number(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("number", type=int, metavar="ROLLOUT", help="its number")


def _watch(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--watch", action="store_true", help="show what happens until it ends or stops")


def add_order(parser: argparse.ArgumentParser) -> None:
    """Which devices, which firmware, and how."""
    parser.add_argument("query", metavar="QUERY", help="'fw:lamp version:<2.0 -tag:attic'")
    parser.add_argument("--to", required=True, metavar="FIRMWARE", help=_FIRMWARE)
    plan = parser.add_argument_group("plan", "what is not said is as usual: 1 device, 10 %, the rest")
    plan.add_argument("--waves", metavar="1,10%,rest", help="counts, shares, and the rest")
    plan.add_argument("--all-at-once", action="store_true", help="one wave: a bad image reaches every device")
    plan.add_argument("--verified", metavar="PERCENT", help="share of a wave that must run it well (90)")
    plan.add_argument("--harmful", type=int, metavar="N", help="harmful failures that a wave bears")
    plan.add_argument("--soak", metavar="TIME", help="since the last success: 90s, 30m, 2h")
    plan.add_argument("--minimum", type=int, metavar="N", help="how many must really have been tried (1)")
    plan.add_argument("--parallel", type=int, metavar="N", help="transfers at a time (3)")
    plan.add_argument(
        "--window", action="append", default=[], metavar="WINDOW", help="'Mon-Fri 02:00-05:00', local time"
    )
    plan.add_argument(
        "--guard", action="append", default=[], metavar="QUERY", help="only while it fits: relay/on:false"
    )
    plan.add_argument("--last", default="", metavar="QUERY", help="these go after all others")
    plan.add_argument("--on-harm", choices=list(OnHarm), help="pause (usual), drain, revert")
    plan.add_argument("--attempts", type=int, metavar="N", help="the budget of a device (3)")
    plan.add_argument(
        "--absent-after", metavar="TIME", help="who never woke up holds no wave any longer (1d)"
    )
    plan.add_argument("--standing", action="store_true", help="devices that the query finds later join it")
    plan.add_argument("--follow", default="", metavar="VERSIONS", help="take up newer images: '2.*'")


def order(arguments: Namespace) -> Json:
    """The order that the options mean, as the API takes it; WrongUse where one has no meaning."""
    plan = _plan(arguments)
    told: Json = {"query": arguments.query, "firmware": arguments.to, **({"plan": plan} if plan else {})}
    if arguments.standing or arguments.follow:
        told |= {"standing": True, "follow": arguments.follow}
    return told


def _plan(arguments: Namespace) -> Json:
    plan: Json = {}
    rules = _waves(arguments)
    if rules is not None:
        plan["waves"] = [
            {name: value for name, value in asdict(each).items() if value is not None} for each in rules
        ]
    if arguments.parallel is not None:
        plan["limits"] = {"parallel": arguments.parallel}
    if arguments.absent_after is not None:
        plan["absent_after"] = _span("--absent-after", arguments.absent_after)
    given = {
        "windows": arguments.window,
        "guards": arguments.guard,
        "last": arguments.last,
        "on_harm": arguments.on_harm,
        "attempts": arguments.attempts,
    }
    return plan | {name: value for name, value in given.items() if value}


def _waves(arguments: Namespace) -> tuple[WaveRule, ...] | None:
    """The waves with the gate that was asked for; None where nothing was."""
    if arguments.waves and arguments.all_at_once:
        raise WrongUse("--waves and --all-at-once: which of them?")
    gate, text = _gate(arguments), "rest" if arguments.all_at_once else arguments.waves
    if text is None and not gate:
        return None
    rules = BY_DEFAULT.waves if text is None else spelling.read_waves(text)
    if rules is None:
        raise WrongUse(f"--waves: {text!r} are no waves; expected something like 1,10%,rest.")
    return tuple(replace(each, gate=replace(each.gate, **gate)) for each in rules)


def _gate(arguments: Namespace) -> dict[str, Any]:
    """What is asked of every gate, beside what is usual."""
    given: dict[str, Any] = {"harmful": arguments.harmful, "minimum": arguments.minimum}
    if arguments.verified is not None:
        given["verified"] = _share(arguments.verified)
    if arguments.soak is not None:
        given["soak"] = _span("--soak", arguments.soak)
    return {name: value for name, value in given.items() if value is not None}


def _share(text: str) -> float:
    number = text.strip().removesuffix("%")
    if not number.replace(".", "", 1).isdecimal() or not 0 <= float(number) <= 100:
        raise WrongUse(f"--verified: {text!r} is no percentage; expected 0 to 100.")
    return float(number) / 100


def _span(option: str, text: str) -> float:
    found = spelling.read_span(text)
    if found is None:
        raise WrongUse(f"{option}: {text!r} is no time; expected something like 90s, 30m or 2h.")
    return found


def all_at_once() -> Json:
    """The plan with which every device gets it at the same time."""
    rule = WaveRule(gate=replace(Gate(), soak=0.0))
    return {"waves": [{"gate": asdict(rule.gate)}]}


def add_marks(commands: Any, command: Command) -> None:
    """`pin`, `unpin`, `tag`, `untag`."""
    pin = command(commands, "pin", "hold a device back until a moment")
    pin.add_argument("device", metavar="DEVICE")
    pin.add_argument("--until", required=True, metavar="WHEN", help="2026-03-01, '2026-03-01 12:00', or 3d")
    pin.add_argument("--reason", required=True, metavar="TEXT", help="why; others see it")
    command(commands, "unpin", "let go of a device").add_argument("device", metavar="DEVICE")
    for name, text in (("tag", "give a device a tag"), ("untag", "take a tag away from a device")):
        parser = command(commands, name, text)
        parser.add_argument("device", metavar="DEVICE")
        parser.add_argument("tag", metavar="TAG", help="one word; tag:WORD finds it")
