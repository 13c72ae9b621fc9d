"""The curves of a device over the API, as columns."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homie_ota.fleet.packed import Curves
from homie_ota.store import series
from web.world import World

NOW = 1_700_006_400 + 10 * 3600
DAY = 86_400


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    found = World(tmp_path, {})
    found.now = float(NOW)
    yield found
    found.close()


def asked(world: World, **query: str) -> tuple[int, dict[str, Any]]:
    answer = world.client().get("/api/v1/devices/homie~lamp/series", params=query)
    return answer.status_code, answer.json()


def test_a_day_of_a_statistic_is_told_point_by_point(world: World) -> None:
    pk = world.device("lamp", recent=[[NOW - 60.0, 5000.0, 30_000.0, 71.0]])
    points = Curves([NOW - 2 * DAY, NOW - 3600, NOW - 120], {"signal": [50.0, 60.5, 70.0]})
    world.write(lambda conn: series.append(conn, series.STATS, {pk: points}))
    assert asked(world, metric="signal", span="day") == (
        200,
        {
            "metric": "signal", "span": "day", "since": NOW - DAY, "until": NOW,
            "times": [NOW - 3600, NOW - 120, NOW - 60], "values": [60.5, 70.0, 71.0],
            "low": [60.5, 70.0, 71.0], "high": [60.5, 70.0, 71.0],
        },
    )  # fmt: skip


def test_a_month_is_told_by_hours_with_their_lowest_and_highest(world: World) -> None:
    pk = world.device("lamp")
    hour = NOW - 20 * DAY
    points = Curves([hour, hour + 60, hour + 120], {"heap": [10.0, 20.0, 90.0]})

    def write(conn: Any) -> None:
        series.append(conn, series.STATS, {pk: points})
        series.sum_up(conn, [pk], hour, hour + 3600)

    world.write(write)
    status, told = asked(world, metric="heap", span="month")
    assert status == 200
    columns = {name: told[name] for name in ("times", "values", "low", "high")}
    assert columns == {"times": [hour], "values": [20.0], "low": [10.0], "high": [90.0]}


def test_a_property_is_named_by_node_and_property_and_nothing_kept_is_an_empty_curve(world: World) -> None:
    pk = world.device("lamp")
    points = Curves([NOW - 900], {"sensor/temperature": [21.3]})
    world.write(lambda conn: series.append(conn, series.VALUES, {pk: points}))
    assert asked(world, metric="sensor/temperature")[1]["values"] == [21.3]
    status, told = asked(world, metric="sensor/humidity")
    assert (status, told["times"], told["values"]) == (200, [], [])


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({}, 400),
        ({"metric": "voltage"}, 400),
        ({"metric": "signal", "span": "year"}, 400),
        ({"metric": "x/" * 400}, 400),
    ],
)
def test_what_is_no_curve_is_a_problem_with_a_sentence(
    world: World, query: dict[str, str], status: int
) -> None:
    world.device("lamp")
    found, told = asked(world, **query)
    assert found == status
    assert told["detail"]


def test_the_curve_of_nobody_is_not_found(world: World) -> None:
    assert asked(world, metric="signal")[0] == 404
