"""The benchmarks run, at a size that takes seconds, and say plausible things; no time is judged here."""

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from servers import find_program

PROJECT = Path(__file__).parents[1]
PROGRAMS: dict[str, tuple[tuple[str, str], ...]] = {
    "a": (("mosquitto", "mosquitto"), ("mosquitto_sub", "mosquitto-clients")),
    "b": (("mosquitto", "mosquitto"), ("mosquitto_sub", "mosquitto-clients")),
    "c": (("mosquitto", "mosquitto"), ("nginx", "nginx-light")),
    "d": (("mosquitto", "mosquitto"),),
    "e": (("mosquitto", "mosquitto"),),
    "f": (),
    "g": (),
    "h": (("mosquitto", "mosquitto"),),
    "i": (("mosquitto", "mosquitto"),),
    "j": (),
    "k": (),
}
UNITS = {"s", "ms", "/s", "MB", "%"}


@functools.cache
def bench(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments],
        capture_output=True, check=False, cwd=PROJECT, env={**os.environ, "LC_ALL": "C.UTF-8"}, text=True,
        timeout=110,
    )  # fmt: skip


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[dict[str, Any]]:
    part = str(request.param)
    for program, package in PROGRAMS[part]:
        find_program(program, package=package)
    done = bench(part, "--tiny", "--json")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def named(figures: list[dict[str, Any]], words: str) -> dict[str, Any]:
    (found,) = [each for each in figures if words in each["what"]]
    return found


@pytest.mark.parametrize("figures", list(PROGRAMS), indirect=True)
def test_every_figure_is_a_number_with_a_unit_and_what_has_a_target_was_judged(
    figures: list[dict[str, Any]],
) -> None:
    assert figures
    for each in figures:
        # The clock of a process's CPU ticks a hundred times a second: so few messages may take no tick.
        assert each["ours"] > 0 or each["what"].startswith("CPU"), each
        assert each["unit"] in UNITS, each
        assert (each["met"] is None) == (not each["targets"]), each
        assert each["reference"] is None or each["reference"] >= 0, each


@pytest.mark.parametrize("figures", ["a"], indirect=True)
def test_a_small_inventory_is_complete_beside_a_subscriber_that_heard_it_all(
    figures: list[dict[str, Any]],
) -> None:
    cold = named(figures, "cold inventory")
    assert cold["note"].startswith("1 of 1 complete")
    assert cold["reference"] > 0
    assert [each["ours"] for each in figures if each["unit"] == "%"] == [100, 100]


@pytest.mark.parametrize("figures", ["f"], indirect=True)
def test_inspection_is_measured_for_small_and_large_images_without_and_with_the_search(
    figures: list[dict[str, Any]],
) -> None:
    assert [each["targets"][0]["bound"] for each in figures] == [3, 10, 10, 3, 10, 10]
    assert all(each["reference"] > 0 and "files/s" in each["note"] for each in figures)


def test_an_unknown_benchmark_is_wrong_use_and_names_those_there_are() -> None:
    done = bench("z")
    assert done.returncode == 2
    assert "there are a, b, c, d, e, f" in done.stderr


def test_the_page_tells_machine_versions_and_what_is_met(tmp_path: Path) -> None:
    find_program("mosquitto", package="mosquitto")
    page = tmp_path / "benchmarks.md"
    done = bench("d", "--tiny", "--write", str(page))
    assert done.returncode == 0, done.stderr
    text = page.read_text("utf-8")
    for word in ("machine:", "Python:", "mosquitto:", "load of the machine", " targets are met"):
        assert word in text
    assert text.count("| d | ") == 2
