"""(e) From the start of the process to the first page, and memory at rest, with small and large fleets.

Rule: the real command, with the fleet in its database and on the broker, as after any restart; memory is taken when the
inventory has been heard again and the process has come to rest.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from bench import traffic, webserver, wire
from bench.figures import Figure, Target, median
from bench.processes import Process, cpu_seconds, memory, mosquitto, until, unused_port
from bench.scale import Scale
from bench.webserver import Server

BUSY = 0.1
"""CPU seconds a second below which a process counts as at rest."""


class Start(NamedTuple):
    """One start: seconds to the first page, MB at rest and at the peak."""

    seconds: float
    resident: float
    peak: float


def run(scale: Scale, folder: Path) -> Iterator[Figure]:
    """The figures of (e)."""
    folder.mkdir(exist_ok=True)
    plain = [_plain(folder, scale) for _ in range(scale.repetitions)]
    for devices in scale.fleets:
        yield from _fleet(scale, folder / str(devices), devices, plain)


def _fleet(scale: Scale, folder: Path, devices: int, plain: list[Start]) -> Iterator[Figure]:
    with mosquitto(folder, "max_queued_messages 1000000") as port:
        wire.retain("127.0.0.1", port, traffic.inventory(devices))
        _fill(folder / "data", port, devices)
        runs = [_start(folder / "data", port, scale) for _ in range(scale.repetitions)]
    beside = "the same libraries, an empty page"
    at_most = 90 if devices < max(scale.fleets) or devices < 10_000 else 200
    yield Figure(
        "e", f"from the start to the first page, {devices:,} devices", median([each.seconds for each in runs]), "s",
        median([each.seconds for each in plain]), beside, (Target("≤", 1.5),),
    )  # fmt: skip
    yield Figure(
        "e", f"memory at rest, {devices:,} devices", median([each.resident for each in runs]), "MB",
        median([each.resident for each in plain]), beside, (Target("≤", at_most),),
        f"peak {median([each.peak for each in runs]):.0f} MB",
    )  # fmt: skip


def _fill(data: Path, port: int, devices: int) -> None:
    """Let the server write the fleet's rows once."""
    data.mkdir(parents=True)
    rows = traffic.Rows(data)
    with webserver.homie_ota(data, f"mqtt://127.0.0.1:{port}") as server:
        if devices:
            until(lambda: rows.complete(devices), "the inventory", 120, pause=0.1)
        _rest(server.pid, 1.0)
    rows.close()


def _start(data: Path, port: int, scale: Scale) -> Start:
    began = time.monotonic()
    with webserver.homie_ota(data, f"mqtt://127.0.0.1:{port}") as server:
        return _measured(began, server, scale)


def _plain(folder: Path, scale: Scale) -> Start:
    port, began = unused_port(), time.monotonic()
    with Process([sys.executable, "-m", "bench.plain", str(port)], folder / "plain.log") as process:
        process.listening("127.0.0.1", port)
        return _measured(began, Server("127.0.0.1", port, process.pid), scale)


def _measured(began: float, server: Server, scale: Scale) -> Start:
    until(lambda: _has_page(server), "the first page", 60, pause=0.002)
    seconds = time.monotonic() - began
    _rest(server.pid, scale.idle_seconds)
    return Start(seconds, memory(server.pid), memory(server.pid, "VmHWM"))


def _has_page(server: Server) -> bool:
    with suppress(OSError):
        return webserver.ask(server, "GET", "/")[0] == 200
    return False


def _rest(pid: int, seconds: float) -> None:
    def rests() -> bool:
        before = cpu_seconds(pid)
        time.sleep(seconds)
        return cpu_seconds(pid) - before < BUSY * seconds

    until(rests, "the server comes to rest", 120)
