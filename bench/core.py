"""How fast messages are read and applied, and what a fleet costs in memory: `python -m bench.core [DEVICES]`.

Twenty retained topics a device, as homie-esp8266 3.0.1 announces them; no broker, one core.
"""

from __future__ import annotations

import gc
import random
import statistics
import sys
import time
import tracemalloc

from homie_ota import homie
from homie_ota.fleet import Fleet

Message = tuple[str, bytes]

_TOPICS = {
    "$state": "ready",
    "$homie": "3.0.1",
    "$name": "Lamp {n}",
    "$mac": "5C:CF:7F:{a:02X}:{b:02X}:{c:02X}",
    "$localip": "10.{a}.{b}.{c}",
    "$nodes": "relay",
    "$stats/interval": "65",
    "$stats/signal": "{signal}",
    "$stats/uptime": "{n}",
    "$fw/name": "lamp",
    "$fw/version": "1.0.{c}",
    "$fw/checksum": "d72e6b8900c113eaec7d36c9dc8a660c",
    "$implementation": "esp8266",
    "$implementation/config": '{{"name":"Lamp {n}","wifi":{{"ssid":"home"}},"ota":{{"enabled":true}}}}',
    "$implementation/version": "3.0.0",
    "$implementation/ota/enabled": "true",
    "relay/$name": "Relay",
    "relay/$properties": "on",
    "relay/on/$datatype": "boolean",
    "relay/on": "true",
}


def messages(devices: int) -> list[Message]:
    """The retained messages of so many devices, as a broker sends them: filter by filter (so by depth), then device."""
    found = []
    for n in range(devices):
        values = {"n": n, "a": n >> 16, "b": n >> 8 & 255, "c": n & 255, "signal": n % 100}
        found += [
            (f"homie/lamp-{n:06}/{tail}", text.format(**values).encode()) for tail, text in _TOPICS.items()
        ]
    return sorted(found, key=lambda message: (message[0].count("/"), message[0]))


def run(traffic: list[Message]) -> tuple[float, float, Fleet]:
    """Seconds for reading and applying all of it, then for applying it once more (a reconnect)."""
    reader, fleet = homie.Reader(["homie/", "devices/"]), Fleet()
    read, apply = reader.read, fleet.apply
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        for topic, payload in traffic:
            seen = read(topic, payload, True)
            if seen is not None:
                apply(seen, 0.0)
        seconds.append(time.perf_counter() - started)
    return seconds[0], seconds[1], fleet


def rows(fleet: Fleet) -> float:
    """Seconds for making the rows of all devices."""
    started = time.perf_counter()
    for known in fleet.take_dirty(len(fleet)):
        homie.facts_row(known)
        known.take_values()
    return time.perf_counter() - started


def missing(fleet: Fleet) -> float:
    """Seconds for looking for gaps in all devices."""
    started = time.perf_counter()
    for known in fleet.devices:
        homie.missing(known)
    return time.perf_counter() - started


def memory(traffic: list[Message]) -> int:
    """Bytes that a fleet keeps."""
    gc.collect()
    tracemalloc.start()
    fleet = run(traffic)[2]
    gc.collect()
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(fleet)
    return kept


def main(devices: int) -> None:
    """Measure five times, print medians."""
    traffic = messages(devices)
    runs = [run(traffic) for _ in range(5)]
    first, again = (statistics.median(times) for times in zip(*(each[:2] for each in runs), strict=True))
    fleet = runs[-1][2]
    random.Random(1).shuffle(traffic)
    shuffled = run(traffic)[0]
    table = {
        "messages": f"{len(traffic):,}",
        "read + apply, first": f"{first:.2f} s, {first / len(traffic) * 1e6:.2f} µs a message",
        "read + apply, again": f"{again:.2f} s, {again / len(traffic) * 1e6:.2f} µs a message",
        "in no order": f"{shuffled:.2f} s, {shuffled / len(traffic) * 1e6:.2f} µs a message",
        "rows": f"{rows(fleet):.2f} s",
        "gaps": f"{missing(fleet):.2f} s",
        "memory": f"{memory(messages(devices)) / 1e6:.0f} MB",
    }
    for what, measured in table.items():
        sys.stdout.write(f"{what:>20}  {measured}\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
