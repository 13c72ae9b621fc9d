"""(c) Images over HTTP: files a second beside nginx with sendfile; memory and small requests under slow readers.

Rule: both servers have one core, the client has the other, and every answer is counted to its last byte. Slow readers
come over a network with an MTU of 1500 where that can be had.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from bench import webserver, wire
from bench.figures import Figure, Target, median, percentile
from bench.network import Link, link
from bench.processes import Process, cpu_seconds, memory_of_all, mosquitto, python, two_cores, until
from bench.scale import Scale
from bench.webserver import Server

OPEN = "open_mode = true"
_HEADERS = (
    "User-Agent: ESP8266-http-Update\r\nConnection: close\r\nx-ESP8266-Chip-ID: {chip}\r\n"
    "x-ESP8266-STA-MAC: {mac}\r\nx-ESP8266-AP-MAC: {mac}\r\nx-ESP8266-free-space: 2740224\r\n"
    "x-ESP8266-sketch-size: 404368\r\nx-ESP8266-sketch-md5: 83d34178530e0738701d725292a1e1c3\r\n"
    "x-ESP8266-chip-size: 4194304\r\nx-ESP8266-sdk-version: 2.2.1(cfd48f3)\r\nx-ESP8266-mode: sketch\r\n"
    "x-ESP8266-version: {version}\r\n\r\n"
)


class Held(NamedTuple):
    """What a server does while slow readers hold it: MB at its peak, seconds of each small request."""

    peak: float
    small: list[float]


def mac(n: int) -> str:
    """The MAC of the n-th device that asks."""
    return f"A0:20:A6:{n >> 16 & 255:02X}:{n >> 8 & 255:02X}:{n & 255:02X}"


def device(n: int) -> str:
    """The id of the n-th 1.5 device: its chip id."""
    return f"{n:08x}"


def update_request(server: Server, n: int, version: str = "2.0.0") -> str:
    """What the n-th device asks, header for header as core 2.7 does for Homie 1.5."""
    told = f"{device(n)}=bench=1.0.0={version}"
    return f"GET /ota HTTP/1.0\r\nHost: {server.host}:{server.port}\r\n" + _HEADERS.format(
        chip=n, mac=mac(n), version=told
    )


def file_request(server: Server, path: str) -> str:
    """The same effort for nginx: as many headers, the same protocol."""
    text = update_request(server, 0)
    return text.replace("GET /ota", f"GET {path}", 1)


def run(scale: Scale, folder: Path) -> Iterator[Figure]:
    """The figures of (c)."""
    yield from _rates(scale, folder / "rates")
    with link() as found:
        yield from _slow(scale, folder / "slow", found)


# --- Files a second ---


def _rates(scale: Scale, folder: Path) -> Iterator[Figure]:
    one, others = two_cores()
    data = webserver.image(scale.image_bytes)
    opened, told, reference = [], [], []
    with (
        mosquitto(folder, "max_queued_messages 1000000", cores=others) as port,
        webserver.nginx(folder / "nginx", {"image.bin": data}, cores=one) as static,
        webserver.homie_ota(folder / "data", f"mqtt://127.0.0.1:{port}", cores=one, ota=OPEN) as server,
        python("bench.load", {}, folder / "load.log", cores=others) as client,
    ):
        webserver.upload(server, data, "bench", "2.0.0")
        _announce(server, port, scale.told * scale.repetitions)
        strangers = [update_request(server, (1 << 23) + n) for n in range(scale.fetches)]
        files = [file_request(static, "/image.bin")] * scale.fetches
        for number in range(scale.repetitions):
            reference.append(_fetch(client, static, files, scale))
            opened.append(_fetch(client, server, strangers, scale))
            mine = range(number * scale.told, (number + 1) * scale.told)
            told.append(_fetch(client, server, [update_request(server, n) for n in mine], scale))
    size, beside = f"{scale.image_bytes // 1000} KB", "nginx, sendfile on, one worker"
    ways = f"HTTP/1.0, {scale.connections} connections at a time, one core"
    yield Figure(
        "c", f"HTTP images of {size} to devices in open mode ({ways})", median(opened), "/s", median(reference),
        beside, (Target("≥", 1, ratio=True),), "GET /ota with an ESP's headers",
    )  # fmt: skip
    yield Figure(
        "c", f"HTTP images of {size} to devices that were told by `$ota`", median(told), "/s", median(reference),
        beside, (Target("≥", 1, ratio=True),), "each with its deployment, committed to disk before the first byte",
    )  # fmt: skip


def _announce(server: Server, port: int, count: int) -> None:
    """So many 1.5 devices, online, each told to fetch the image."""
    messages = []
    for n in range(count):
        topic = f"devices/{device(n)}"
        texts = {
            "$name": "Bench", "$localip": "10.0.0.1", "$nodes": "", "$fwname": "bench", "$fwversion": "1.0.0",
            "$signal": "80", "$online": "true",
        }  # fmt: skip
        messages += [(f"{topic}/{tail}", text.encode()) for tail, text in texts.items()]
    wire.retain("127.0.0.1", port, messages)
    webserver.wait_for_devices(server, count)
    words = [(f"devices/{device(n)}/$ota", b"2.0.0") for n in range(count)]
    with wire.dial("127.0.0.1", port, "bench-tell") as sock:
        wire.pour(sock, wire.publishes(words, retain=False), count)
    until(lambda: _is_idle(server), "every word has come to be a row", 60, pause=0.2)


def _is_idle(server: Server) -> bool:
    before = cpu_seconds(server.pid)
    time.sleep(0.5)
    return cpu_seconds(server.pid) - before < 0.05


def _fetch(client: Process, server: Server, requests: list[str], scale: Scale) -> float:
    """Whole answers a second; raises when one was not whole, or not 200."""
    said = _do(
        client, server, "fetch", requests=requests, connections=scale.connections, size=scale.image_bytes
    )
    if said["complete"] != len(requests):
        raise AssertionError(f"{said['complete']} of {len(requests)} answers were whole images")
    return float(len(requests) / said["seconds"])


def _do(client: Process, server: Server, what: str, **about: object) -> dict[str, Any]:
    client.tell(json.dumps({"do": what, "host": server.host, "port": server.port, **about}))
    return client.hear()


# --- Slow readers ---


def _slow(scale: Scale, folder: Path, found: Link) -> Iterator[Figure]:
    ours, reference = [], []
    data = webserver.image(scale.image_bytes)
    with mosquitto(folder) as port:
        for number in range(scale.repetitions):
            with webserver.nginx(
                folder / f"nginx-{number}", {"image.bin": data, "small": b"ok"}, host=found.host
            ) as static:
                requests = [file_request(static, "/image.bin")] * scale.slow_readers
                reference.append(_hold(folder, static, requests, "/small", scale, found))
            with webserver.homie_ota(
                folder / f"data-{number}", f"mqtt://127.0.0.1:{port}", host=found.host, ota=OPEN
            ) as server:
                webserver.upload(server, data, "bench", "2.0.0")
                requests = [update_request(server, n) for n in range(scale.slow_readers)]
                ours.append(_hold(folder, server, requests, "/healthz", scale, found))
    readers = f"{scale.slow_readers:,} slow readers of the image, {found.words}"
    yield Figure(
        "c", f"peak memory with {readers}", median([each.peak for each in ours]), "MB",
        median([each.peak for each in reference]), "nginx (master and worker)", (Target("≤", 90),),
    )  # fmt: skip
    yield Figure(
        "c", "a small request meanwhile (/healthz, asks the database), p99", _p99(ours), "ms", _p99(reference),
        "nginx, a file of two bytes", (Target("≤", 50),),
        f"median {1000 * median([median(each.small) for each in ours]):.1f} ms",
    )  # fmt: skip


def _p99(runs: list[Held]) -> float:
    return 1000 * median([percentile(each.small, 0.99) for each in runs])


def _hold(folder: Path, server: Server, requests: list[str], small: str, scale: Scale, found: Link) -> Held:
    asks = [f"GET {small} HTTP/1.0\r\nHost: {server.host}:{server.port}\r\n\r\n"] * scale.small_requests
    with (
        _client(folder / "readers.log", found) as readers,
        _client(folder / "asker.log", found) as asker,
    ):
        answered = _do(readers, server, "slow", requests=requests)["answered"]
        if answered != len(requests):
            raise AssertionError(f"{answered} of {len(requests)} slow readers were answered")
        times = _do(asker, server, "small", requests=asks)["seconds"]
        peak = memory_of_all(server.pid, "VmHWM")
        _do(readers, server, "hang up")
    assert isinstance(times, list)
    return Held(peak, times)


def _client(log: Path, found: Link) -> Process:
    command = [*found.inside, sys.executable, "-m", "bench.load"]
    return Process(command, log, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
