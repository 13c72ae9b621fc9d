"""The options that say how a rollout goes, and the plan that they mean."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any, get_type_hints

import typer

from homie_ota.cli.plain import one_of
from homie_ota.errors import WrongUse
from homie_ota.rollout import spelling
from homie_ota.rollout.plan import BY_DEFAULT, Gate, OnHarm, WaveRule

Json = dict[str, Any]
_HARMS = "|".join(OnHarm)


@dataclass(frozen=True)
class Plan:
    """The options; what is not said is as usual: 1 device, 10 %, the rest."""

    waves: Annotated[str | None, typer.Option(metavar="1,10%,rest", help="counts, shares, and the rest")] = (
        None
    )
    all_at_once: Annotated[
        bool, typer.Option("--all-at-once", help="one wave: a bad image reaches every device")
    ] = False
    verified: Annotated[
        str | None, typer.Option(metavar="PERCENT", help="share of a wave that must run it well (90)")
    ] = None
    harmful: Annotated[int | None, typer.Option(metavar="N", help="harmful failures that a wave bears")] = (
        None
    )
    soak: Annotated[str | None, typer.Option(metavar="TIME", help="since the last success: 90s, 30m, 2h")] = (
        None
    )
    minimum: Annotated[
        int | None, typer.Option(metavar="N", help="how many must really have been tried (1)")
    ] = None
    parallel: Annotated[int | None, typer.Option(metavar="N", help="transfers at a time (3)")] = None
    window: Annotated[
        list[str] | None, typer.Option(metavar="WINDOW", help="'Mon-Fri 02:00-05:00', local time")
    ] = None
    guard: Annotated[
        list[str] | None, typer.Option(metavar="QUERY", help="only while it fits: relay/on:false")
    ] = None
    last: Annotated[str, typer.Option(metavar="QUERY", help="these go after all others")] = ""
    on_harm: Annotated[
        str | None,
        typer.Option(
            "--on-harm", metavar=_HARMS, parser=one_of(*OnHarm), help="pause (usual), drain, revert"
        ),
    ] = None
    attempts: Annotated[int | None, typer.Option(metavar="N", help="the budget of a device (3)")] = None
    absent_after: Annotated[
        str | None,
        typer.Option(
            "--absent-after", metavar="TIME", help="who never woke up holds no wave any longer (1d)"
        ),
    ] = None
    standing: Annotated[
        bool, typer.Option("--standing", help="devices that the query finds later join it")
    ] = False
    follow: Annotated[str, typer.Option(metavar="VERSIONS", help="take up newer images: '2.*'")] = ""


def planned(command: Callable[..., int]) -> Callable[..., int]:
    """A command whose `**plan` are the options of a Plan."""
    hints = get_type_hints(Plan, include_extras=True)
    own = inspect.signature(command, eval_str=True)
    kinds = inspect.Parameter
    more = [
        kinds(each.name, kinds.KEYWORD_ONLY, default=each.default, annotation=hints[each.name])
        for each in fields(Plan)
    ]
    kept = [each for each in own.parameters.values() if each.kind is not kinds.VAR_KEYWORD]
    command.__signature__ = own.replace(parameters=[*kept, *more])  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in [*kept, *more]}
    return command


def order(given: Json) -> Json:
    """How it is ordered, as the API takes it, of the options that were given; WrongUse where one has no meaning."""
    options = Plan(**given)
    plan = _plan(options)
    told: Json = {"plan": plan} if plan else {}
    if options.standing or options.follow:
        told |= {"standing": True, "follow": options.follow}
    return told


def _plan(options: Plan) -> Json:
    plan: Json = {}
    rules = _waves(options)
    if rules is not None:
        plan["waves"] = [
            {name: value for name, value in asdict(each).items() if value is not None} for each in rules
        ]
    if options.parallel is not None:
        plan["limits"] = {"parallel": options.parallel}
    if options.absent_after is not None:
        plan["absent_after"] = _span("--absent-after", options.absent_after)
    given = {
        "windows": options.window or [],
        "guards": options.guard or [],
        "last": options.last,
        "on_harm": options.on_harm,
        "attempts": options.attempts,
    }
    return plan | {name: value for name, value in given.items() if value}


def _waves(options: Plan) -> tuple[WaveRule, ...] | None:
    """The waves with the gate that was asked for; None where nothing was."""
    if options.waves and options.all_at_once:
        raise WrongUse("--waves and --all-at-once: which of them?")
    gate, text = _gate(options), "rest" if options.all_at_once else options.waves
    if text is None and not gate:
        return None
    rules = BY_DEFAULT.waves if text is None else spelling.read_waves(text)
    if rules is None:
        raise WrongUse(f"--waves: {text!r} are no waves; expected something like 1,10%,rest.")
    return tuple(replace(each, gate=replace(each.gate, **gate)) for each in rules)


def _gate(options: Plan) -> dict[str, Any]:
    """What is asked of every gate, beside what is usual."""
    given: dict[str, Any] = {"harmful": options.harmful, "minimum": options.minimum}
    if options.verified is not None:
        given["verified"] = _share(options.verified)
    if options.soak is not None:
        given["soak"] = _span("--soak", options.soak)
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
