"""(b) Live traffic: messages a second into rows on one core, their CPU, and from an announce to its row.

Rule: the server has one core, broker and publisher have the others. The clock stops when the last value of every
property and every device is in its row.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import NamedTuple

from bench import flood, traffic, wire
from bench.figures import Figure, Target, median, percentile
from bench.processes import Process, cpu_seconds, mosquitto, program, python, two_cores, until
from bench.scale import Scale

ROOMY = "max_queued_messages 1000000"
"""What is measured is how fast, not what a broker drops whose client has one core."""

_STORED = """SELECT (SELECT count(*) FROM reading WHERE value = ?) + (SELECT count(*) FROM device
    WHERE facts ->> '$.uptime' = ? AND CAST(facts ->> '$.signal' AS INTEGER)
        = (? + CAST(substr(device_id, 6) AS INTEGER)) % 100)"""

_READY = "SELECT count(*) FROM device WHERE device_id = ? AND state = 'ready'"


class Flood(NamedTuple):
    """One flood: messages a second, and CPU seconds for 100,000 of them."""

    rate: float
    cpu: float


def run(scale: Scale, folder: Path) -> Iterator[Figure]:
    """The figures of (b)."""
    one, others = two_cores()
    with mosquitto(folder / "live", ROOMY, cores=others) as port:
        wire.retain("127.0.0.1", port, traffic.inventory(scale.live_devices))
        floods: list[Flood] = []
        references: list[Flood] = []
        for number in range(scale.repetitions):
            references.append(_subscriber(folder, port, scale, one, others))
            floods.append(_server(folder / f"live-{number}", port, scale, one, others))
        waits = _announces(folder / "announce", port, scale)
    yield from _figures(scale, floods, references, waits)


def _figures(
    scale: Scale, floods: list[Flood], references: list[Flood], waits: list[float]
) -> Iterator[Figure]:
    beside = "mosquitto_sub (prints to /dev/null, stores nothing)"
    devices = f"{scale.live_devices:,} devices, half values, half statistics"
    yield Figure(
        "b", f"live messages ingested and stored on one core ({devices})", median([each.rate for each in floods]),
        "/s", median([each.rate for each in references]), beside, (Target("≥", 30_000),),
        "all last values found in rows",
    )  # fmt: skip
    yield Figure(
        "b", "CPU for 100,000 messages", median([each.cpu for each in floods]), "s",
        median([each.cpu for each in references]), beside,
    )  # fmt: skip
    at = f"{len(waits)} new devices, one after another, beside {scale.live_devices:,} known ones"
    yield Figure("b", f"from announce to row, median ({at})", 1000 * median(waits), "ms")
    yield Figure(
        "b", "from announce to row, p99", 1000 * percentile(waits, 0.99), "ms", targets=(Target("≤", 100),)
    )


def _flood(folder: Path, port: int, scale: Scale, cores: set[int] | None) -> Process:
    about = {"port": port, "devices": scale.live_devices, "rounds": scale.live_rounds}
    return python("bench.flood", about, folder / "flood.log", cores=cores)


def _server(folder: Path, port: int, scale: Scale, one: set[int] | None, others: set[int] | None) -> Flood:
    folder.mkdir()
    wire.retain("127.0.0.1", port, traffic.inventory(scale.live_devices))
    about = {"mqtt": f"mqtt://127.0.0.1:{port}", "data": str(folder)}
    rows = traffic.Rows(folder)
    with python("bench.engine", about, folder / "log", cores=one) as server:
        server.hear()
        until(lambda: rows.complete(scale.live_devices), "the inventory", 120, pause=0.1)
        _idle(server)
        with _flood(folder, port, scale, others) as publisher:
            count = int(publisher.hear()["messages"])
            before = cpu_seconds(server.pid)
            publisher.tell("go")
            began = float(publisher.hear()["began"])
            until(lambda: _stored(rows, scale), "the last values in rows", 120, pause=0.02)
            seconds, cpu = time.monotonic() - began, cpu_seconds(server.pid) - before
    rows.close()
    return Flood(count / seconds, cpu / count * 100_000)


def _idle(process: Process, seconds: float = 0.5) -> None:
    """Wait until it has nothing to do any more."""

    def rests() -> bool:
        before = cpu_seconds(process.pid)
        time.sleep(seconds)
        return cpu_seconds(process.pid) - before < 0.1 * seconds

    until(rests, "the server comes to rest", 120)


def _stored(rows: traffic.Rows, scale: Scale) -> bool:
    last = scale.live_rounds
    if rows.one("SELECT count(*) FROM reading WHERE value = ?", f"{last}.25") < scale.live_devices:
        return False
    return rows.one(_STORED, f"{last}.25", str(10_000_000 + last), last) == 2 * scale.live_devices


def _subscriber(
    folder: Path, port: int, scale: Scale, one: set[int] | None, others: set[int] | None
) -> Flood:
    """mosquitto_sub on the same core, for the same messages: told from what was retained by `-R`."""
    count = scale.live_devices * scale.live_rounds * flood.A_ROUND
    command = [program("mosquitto_sub", "mosquitto-clients"), "-p", str(port), "-q", "0", "-R", "-v"]
    command += ["-t", f"{traffic.BASE}#", "-C", str(count), "-W", "120"]
    with Process(command, folder / "sub.log", cores=one, stdout=subprocess.DEVNULL) as subscriber:
        _idle(subscriber)
        with _flood(folder, port, scale, others) as publisher:
            publisher.hear()
            before = cpu_seconds(subscriber.pid)
            publisher.tell("go")
            cpu = before
            while subscriber.alive:
                cpu = cpu_seconds(subscriber.pid)
                time.sleep(0.005)
            ended = time.monotonic()
            began = float(publisher.hear()["began"])
    return Flood(count / (ended - began), (cpu - before) / count * 100_000)


def _announces(folder: Path, port: int, scale: Scale) -> list[float]:
    """Seconds from `$state ready` of a new device to its row, for so many devices at random moments."""
    folder.mkdir()
    random = Random(1)
    about = {"mqtt": f"mqtt://127.0.0.1:{port}", "data": str(folder)}
    rows = traffic.Rows(folder)
    waits = []
    with python("bench.engine", about, folder / "log") as server:
        server.hear()
        until(lambda: rows.complete(scale.live_devices), "the inventory", 120, pause=0.1)
        _idle(server)
        with wire.dial("127.0.0.1", port, "bench-announce") as sock:
            for n in range(scale.live_devices, scale.live_devices + scale.announces):
                packets = wire.publishes(traffic.announced(n), qos=0, retain=False)
                time.sleep(random.uniform(0.01, 0.05))
                began = time.monotonic()
                sock.sendall(packets)
                until(partial(rows.one, _READY, traffic.device_id(n)), "a row", 10, pause=0.0005)
                waits.append(time.monotonic() - began)
    rows.close()
    return waits
