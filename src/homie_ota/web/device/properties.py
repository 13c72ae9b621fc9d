"""Nodes and properties of a device as its page shows them: value, unit, a small curve, and how each can be set.

Rule: what is announced and what was only heard stand in one list, in the device's own order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from homie_ota.fleet.packed import Curves
from homie_ota.homie import setting
from homie_ota.store import devices, series
from homie_ota.store.database import Connection
from homie_ota.web.device.spark import Spark, spark

DAY = 86_400.0


class Control(NamedTuple):
    """How a person types a value: `choices` (empty: freely), or a number; `sure`: it announces that it can be set."""

    choices: tuple[str, ...] = ()
    least: float | None = None
    most: float | None = None
    step: str = ""
    sure: bool = True


class Line(NamedTuple):
    """One property; `value` is None where none was heard, `control` where it cannot be set."""

    node: str
    prop: str
    name: str = ""
    datatype: str = ""
    unit: str = ""
    value: str | None = None
    at: float | None = None
    target: str = ""
    curve: Spark | None = None
    control: Control | None = None


class Node(NamedTuple):
    """One node with its properties."""

    id: str
    name: str
    type: str
    lines: tuple[Line, ...]


def of(conn: Connection, row: Mapping[str, Any], now: float) -> list[Node]:
    """The nodes of a device, those that it announces first."""
    heard: dict[str, dict[str, tuple[str, float]]] = {}
    for node, prop, value, _number, at in devices.readings(conn, row["pk"]):
        heard.setdefault(node, {})[prop] = (value, at)
    curves = series.load(conn, row["pk"], series.VALUES, now - DAY, now + 1)
    announced: Mapping[str, Any] = row["nodes"] or {}
    ids = [*announced, *sorted(heard.keys() - announced.keys())]
    return [_node(each, row, announced.get(each, {}), heard.get(each, {}), curves, now) for each in ids]


def _node(
    node: str,
    row: Mapping[str, Any],
    announced: Mapping[str, Any],
    heard: Mapping[str, tuple[str, float]],
    curves: Curves,
    now: float,
) -> Node:
    told: Mapping[str, Any] = announced.get("properties") or {}
    ids = [*told, *sorted(heard.keys() - told.keys())]
    lines = tuple(
        _line(node, prop, told.get(prop, {}), heard.get(prop), row["homie"])._replace(
            curve=_curve(curves, f"{node}/{prop}", now)
        )
        for prop in ids
    )
    return Node(node, str(announced.get("name", "")), str(announced.get("type", "")), lines)


def _line(node: str, prop: str, told: Mapping[str, Any], heard: tuple[str, float] | None, homie: str) -> Line:
    described = setting.describe(homie, told, prop)
    value, at = heard or (None, None)
    return Line(
        node,
        prop,
        str(told.get("name", "")),
        described.datatype,
        str(told.get("unit", "")),
        value,
        at,
        str(told.get("target", "")),
        None,
        None if described.settable is False else _control(described),
    )


def _control(described: setting.Property) -> Control:
    least, most, step = setting.span(described)
    steps = {"integer": f"{step or 1:g}", "float": f"{step:g}" if step else "any"}
    sure = described.settable is True
    return Control(setting.choices(described), least, most, steps.get(described.datatype, ""), sure)


def _curve(curves: Curves, metric: str, now: float) -> Spark | None:
    values: Sequence[float] = curves.columns.get(metric, ())
    return spark(curves.times, values, now - DAY, now) if values else None
