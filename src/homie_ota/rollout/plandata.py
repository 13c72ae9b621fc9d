"""A rollout's plan as data for a row or a request, and back.

Rule: what is missing or cannot be read becomes the default of its field, so that plans of other versions stay readable;
a plan without a readable wave is the default plan.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from enum import StrEnum
from typing import TypeVar

from homie_ota.rollout.plan import BY_DEFAULT, Gate, Limits, Plan, WaveRule, Window

_Word = TypeVar("_Word", bound=StrEnum)
_Value = TypeVar("_Value")


def plan_as_data(plan: Plan) -> dict[str, object]:
    """The plan as what JSON can carry."""
    windows = [{"days": sorted(w.days), "since": w.since, "until": w.until} for w in plan.windows]
    return {
        "waves": [asdict(rule) for rule in plan.waves],
        "limits": asdict(plan.limits),
        "windows": windows,
        "guards": list(plan.guards),
        "last": plan.last,
        "order": plan.order.value,
        "on_harm": plan.on_harm.value,
        "attempts": plan.attempts,
        "absent_after": plan.absent_after,
        "late_for": plan.late_for,
    }


def plan_from_data(data: Mapping[str, object]) -> Plan:
    """The plan that the data mean; never raises."""
    return Plan(
        waves=tuple(_each(data.get("waves"), _rule)) or BY_DEFAULT.waves,
        limits=_limits(_mapping(data.get("limits"))),
        windows=tuple(_each(data.get("windows"), _window)),
        guards=tuple(each for each in _list(data.get("guards")) if isinstance(each, str) and each.strip()),
        last=_text(data.get("last")),
        order=_word(data.get("order"), BY_DEFAULT.order),
        on_harm=_word(data.get("on_harm"), BY_DEFAULT.on_harm),
        attempts=int(_number(data.get("attempts"), BY_DEFAULT.attempts, least=1)),
        absent_after=_number(data.get("absent_after"), BY_DEFAULT.absent_after),
        late_for=_number(data.get("late_for"), BY_DEFAULT.late_for),
    )


def _rule(data: Mapping[str, object]) -> WaveRule:
    count, share = _number(data.get("count"), -1.0), _number(data.get("share"), -1.0)
    return WaveRule(
        count=int(count) if count >= 0 else None,
        share=min(share, 1.0) if share >= 0 else None,
        gate=_gate(_mapping(data.get("gate"))),
    )


def _gate(data: Mapping[str, object]) -> Gate:
    usual = Gate()
    return Gate(
        verified=min(_number(data.get("verified"), usual.verified), 1.0),
        harmful=int(_number(data.get("harmful"), usual.harmful)),
        soak=_number(data.get("soak"), usual.soak),
        minimum=int(_number(data.get("minimum"), usual.minimum)),
    )


def _limits(data: Mapping[str, object]) -> Limits:
    usual = Limits()
    return Limits(
        parallel=int(_number(data.get("parallel"), usual.parallel)),
        bytes_in_flight=int(_number(data.get("bytes_in_flight"), usual.bytes_in_flight)),
        starts_per_minute=_number(data.get("starts_per_minute"), usual.starts_per_minute),
    )


def _window(data: Mapping[str, object]) -> Window:
    days = (int(day) for day in _list(data.get("days")) if isinstance(day, int) and 0 <= day <= 6)
    since, until = _number(data.get("since"), 0.0), _number(data.get("until"), 1440.0)
    return Window(frozenset(days) or frozenset(range(7)), int(min(since, 1439)), int(min(until, 1440)))


def _number(value: object, usual: float, *, least: float = 0.0) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < 1e15:
        return usual
    return value


def _word(value: object, usual: _Word) -> _Word:
    return next((each for each in type(usual) if each.value == value), usual)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _each(value: object, read: Callable[[Mapping[str, object]], _Value]) -> list[_Value]:
    return [read(each) for each in _list(value) if isinstance(each, Mapping)]
