"""The table: on the screen as it grows, and in docs/reference/benchmarks.md with the machine it was taken on."""

from __future__ import annotations

import math
import os
import platform
import re
import subprocess
import time
from collections.abc import Iterable, Sequence
from importlib import metadata
from pathlib import Path

from bench.figures import Figure

LIBRARIES = ("gmqtt", "sqlalchemy", "starlette", "uvicorn", "uvloop", "httptools")
PROGRAMS = (("mosquitto", "-h"), ("nginx", "-v"))
WORDS = {True: "met", False: "**not met**", None: ""}


def number(value: float) -> str:
    """A figure with three or four digits that count."""
    if not math.isfinite(value):
        return "never"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"


def line(figure: Figure) -> str:
    """One row of the table."""
    beside = ""
    if figure.reference is not None:
        beside = f"{number(figure.reference)} {figure.unit} ({figure.beside})"
    cells = (
        figure.part,
        figure.what,
        f"{number(figure.ours)} {figure.unit}",
        beside,
        f"{number(figure.ratio)} ×" if figure.ratio is not None else "",
        " and ".join(map(str, figure.targets)),
        WORDS[figure.met],
        figure.note,
    )
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


HEAD = "| | what | homie-ota | beside it | ratio | target | | |\n|---|---|--:|---|--:|---|---|---|"


def machine() -> dict[str, str]:
    """Where a table was taken, and with what."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    chip = _first("/proc/cpuinfo", r"model name\s*:\s*(.+)") or platform.machine()
    kilobytes = _first("/proc/meminfo", r"MemTotal:\s*(\d+)")
    system = _first("/etc/os-release", r'PRETTY_NAME="(.+)"') or platform.system()
    found = {
        "machine": f"{chip}, {cores} cores, {int(kilobytes or 0) / 1e6:.0f} GB",
        "system": f"{system}, {platform.release()}",
        "Python": platform.python_version(),
        "libraries": ", ".join(f"{name} {metadata.version(name)}" for name in LIBRARIES),
    }
    for name, option in PROGRAMS:
        found[name] = _version(name, option)
    return found


def _first(path: str, pattern: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text("utf-8"))
    except OSError:
        return ""
    return found[1] if found else ""


def _version(name: str, option: str) -> str:
    places = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    try:
        done = subprocess.run(
            [name, option], capture_output=True, check=False, timeout=10, text=True,
            env={**os.environ, "PATH": places},
        )  # fmt: skip
    except OSError:
        return "not installed"
    found = re.search(r"\d+\.\d+\.\d+", done.stdout + done.stderr)
    return found[0] if found else "unknown"


def load() -> str:
    """How busy the machine was in the last minute, before we began."""
    return f"{os.getloadavg()[0]:.2f}"


def page(figures: Sequence[Figure], repetitions: int, before: str) -> str:
    """docs/reference/benchmarks.md."""
    counted = [figure.met for figure in figures if figure.met is not None]
    rows = "\n".join(map(line, figures))
    where = "\n".join(f"- {name}: {text}" for name, text in machine().items())
    return f"""# Benchmarks

Written by `make bench`; run it again, and this page says what your machine measured. Each figure is the median of
{repetitions}, beside a reference that was measured in the same run. What the letters do is said at the head of the
modules in `bench/`. {sum(counted)} of {len(counted)} targets are met.

{HEAD}
{rows}

Taken on {time.strftime("%Y-%m-%d %H:%M", time.gmtime())} UTC:

{where}
- load of the machine in the minute before: {before}
"""


def missed(figures: Iterable[Figure]) -> list[str]:
    """What did not meet its target, in words."""
    return [f"({figure.part}) {figure.what}" for figure in figures if figure.met is False]
