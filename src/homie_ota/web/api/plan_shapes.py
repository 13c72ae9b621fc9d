"""A rollout's plan as JSON: what the API takes, with every default said, and gives back in the same words."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, Strict

from homie_ota.errors import WrongUse
from homie_ota.rollout import spelling
from homie_ota.rollout.plan import BY_DEFAULT, Gate, Limits, OnHarm, Order, Plan, WaveRule, Window
from homie_ota.web.api.asking import Shape

Share = Annotated[float, Strict(), Field(ge=0, le=1)]
Count = Annotated[int, Strict(), Field(ge=0, le=10_000_000)]
Seconds = Annotated[float, Strict(), Field(ge=0, le=1e9)]
Text = Annotated[str, Field(max_length=2000)]


class GateShape(Shape):
    """When a wave has passed: all four must hold."""

    verified: Share = Field(default=0.9, description="share of those who count that must run the image well")
    harmful: Count = Field(default=0, description="the most harmful failures that are borne")
    soak: Seconds = Field(default=1800.0, description="seconds since the last success")
    minimum: Count = Field(default=1, description="how many must really have been tried")


class WaveRuleShape(Shape):
    """How large a wave is: a count, a share of all (0–1), or neither: all that are left."""

    count: Annotated[int, Strict(), Field(ge=1, le=10_000_000)] | None = None
    share: Annotated[float, Strict(), Field(gt=0, le=1)] | None = None
    gate: GateShape | None = Field(default=None, description="without one what is usual at its place")


class LimitsShape(Shape):
    """What may be on the air at once; 0 sets no limit."""

    parallel: Count = 3
    bytes_in_flight: Count = 0
    starts_per_minute: Annotated[float, Strict(), Field(ge=0, le=1e6)] = 0.0


class PlanShape(Shape):
    """What a rollout is told to do; what is left out is as usual."""

    waves: list[WaveRuleShape] | None = Field(
        default=None, max_length=50, description="usually 1 device, 10 %, the rest"
    )
    limits: LimitsShape = Field(default_factory=LimitsShape)
    windows: list[Text] = Field(
        default=[], max_length=50, description="local time, such as Mon-Fri 02:00-05:00"
    )
    guards: list[Text] = Field(
        default=[], max_length=20, description="queries that a device must fit when it is offered the image"
    )
    last: Text = Field(default="", description="a query: who fits it goes after all others")
    order: Order = Order.STRONG_FIRST
    on_harm: OnHarm = OnHarm.PAUSE
    attempts: Annotated[int, Strict(), Field(ge=1, le=100)] = 3
    absent_after: Seconds = Field(default=BY_DEFAULT.absent_after, description="seconds")
    late_for: Seconds = Field(default=BY_DEFAULT.late_for, description="seconds")


def plan_of(asked: PlanShape) -> Plan:
    """The plan that was asked for, without waves where none are named. WrongUse for a window without meaning."""
    rules = [_rule(at, each) for at, each in enumerate(asked.waves or ())]
    return Plan(
        waves=tuple(rules),
        limits=Limits(**asked.limits.model_dump()),
        windows=tuple(_window(text) for text in asked.windows),
        guards=tuple(text for text in asked.guards if text.strip()),
        last=asked.last.strip(),
        order=asked.order,
        on_harm=asked.on_harm,
        attempts=asked.attempts,
        absent_after=asked.absent_after,
        late_for=asked.late_for,
    )


def _rule(at: int, asked: WaveRuleShape) -> WaveRule:
    if asked.count is not None and asked.share is not None:
        raise WrongUse(f"Wave {at + 1} has a count and a share; give one of them.")
    gate = (
        Gate(**asked.gate.model_dump())
        if asked.gate
        else spelling.usual(at, count=asked.count, share=asked.share)
    )
    return WaveRule(asked.count, asked.share, gate)


def _window(text: str) -> Window:
    found = spelling.read_window(text)
    if found is None:
        raise WrongUse(f"{text[:80]!r} is no window; expected one like Mon-Fri 02:00-05:00.")
    return found


def plan_shape(plan: Plan) -> PlanShape:
    """A stored plan as it could have been asked for."""
    waves = [
        WaveRuleShape.model_construct(count=rule.count, share=rule.share, gate=_gate_shape(rule.gate))
        for rule in plan.waves
    ]
    return PlanShape.model_construct(
        waves=waves,
        limits=LimitsShape.model_construct(
            parallel=plan.limits.parallel,
            bytes_in_flight=plan.limits.bytes_in_flight,
            starts_per_minute=plan.limits.starts_per_minute,
        ),
        windows=[spelling.window_text(window) for window in plan.windows],
        guards=list(plan.guards),
        last=plan.last,
        order=plan.order,
        on_harm=plan.on_harm,
        attempts=plan.attempts,
        absent_after=plan.absent_after,
        late_for=plan.late_for,
    )


def _gate_shape(gate: Gate) -> GateShape:
    return GateShape.model_construct(
        verified=gate.verified, harmful=gate.harmful, soak=gate.soak, minimum=gate.minimum
    )
