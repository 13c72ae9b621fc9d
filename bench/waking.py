"""(h) A sleeper wakes: from its `$state ready` to the first byte of its image, among ten thousand that wait.

Rule: half of all devices can be updated, all of those sleep and have an image queued; they wake one after another, at
random. The clock stops when the first byte that the device subscribed to is in its socket. Beside it: what the broker
alone takes for an image of this size.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

from bench import traffic, webserver, wire
from bench.figures import Figure, Target, median, percentile
from bench.processes import mosquitto, until
from bench.scale import Scale
from bench.waves import ask
from bench.webserver import Server
from homie_ota.simulator.images import make_image

ROOMY = "max_queued_messages 1000000"
NAME = "lamp"
SETTINGS = "parallel = 1000"
FILTER = f"{traffic.BASE}+/$implementation/ota/firmware/+"


def run(scale: Scale, folder: Path) -> Iterator[Figure]:
    """The figures of (h)."""
    count = scale.sleepers
    image = make_image(NAME, "9.0.0", size=scale.image_bytes)
    with mosquitto(folder / "waking", ROOMY) as port:
        wire.retain("127.0.0.1", port, _asleep(count))
        floor = _broker_alone(port, image, scale.wakes)
        with webserver.homie_ota(folder / "data", f"mqtt://127.0.0.1:{port}", rollout=SETTINGS) as server:
            waits = _wakes(server, port, scale, image)
    size = f"{scale.image_bytes // 1000} KB"
    what = f"from waking to the image's first byte ({size}), {count:,} devices known, half of them queued"
    beside = "the broker alone: published and first byte received"
    yield Figure("h", f"{what}, p99", 1000 * percentile(waits, 0.99), "ms", 1000 * percentile(floor, 0.99), beside,
                 (Target("≤", 100),), f"{len(waits)} wake-ups, one after another")  # fmt: skip
    yield Figure("h", f"{what}, median", 1000 * median(waits), "ms", 1000 * median(floor), beside)


def _asleep(count: int) -> list[tuple[str, bytes]]:
    return [
        (topic, b"sleeping" if topic.endswith("/$state") else payload)
        for topic, payload in traffic.inventory(count)
    ]


def _wakes(server: Server, port: int, scale: Scale, image: bytes) -> list[float]:
    count, able = scale.sleepers, list(range(0, scale.sleepers, 2))
    until(lambda: _total(server, "sleeping") >= count, "all devices are known", 120, pause=0.2)
    webserver.upload(server, image, NAME, "9.0.0")
    plan = {"waves": [{}], "limits": {"parallel": 0}}
    order = {"query": "ota:mqtt", "firmware": f"{NAME}@9.0.0", "plan": plan, "start": True}
    number = ask(server, "POST", "/rollouts", order)["id"]
    until(lambda: _queued(server, number) >= len(able), "all wait in the queue", 300, pause=0.5)
    time.sleep(1.0)
    random = Random(1)
    with wire.dial("127.0.0.1", port, "bench-ear") as ear, wire.dial("127.0.0.1", port, "bench-wake") as wake:
        _subscribe(ear)
        return [_one(ear, wake, n, random) for n in random.sample(able, min(scale.wakes, len(able)))]


def _total(server: Server, state: str) -> int:
    return int(ask(server, "GET", f"/devices?state={state}&limit=1")["total"])


def _queued(server: Server, number: int) -> int:
    found: dict[str, Any] = ask(server, "GET", f"/rollouts/{number}?limit=1")
    return int(found["counts"].get("queued", 0))


def _one(ear: socket.socket, wake: socket.socket, n: int, random: Random) -> float:
    """Seconds until the first byte; the rest is taken in afterwards."""
    packet = wire.publishes([(f"{traffic.BASE}{traffic.device_id(n)}/$state", b"ready")], qos=0)
    time.sleep(random.uniform(0.01, 0.05))
    began = time.monotonic()
    wake.sendall(packet)
    return _first_byte(ear, began)


def _first_byte(ear: socket.socket, began: float) -> float:
    if not select.select([ear], [], [], 30)[0]:
        raise TimeoutError("no image came")
    took = time.monotonic() - began
    head = wire.receive(ear, 1)
    length = shift = 0
    while True:
        byte = wire.receive(ear, 1)[0]
        length, shift = length | (byte & 0x7F) << shift, shift + 7
        if byte < 128:
            break
    wire.receive(ear, length)
    if head[0] >> 4 != 3:
        raise ConnectionError(f"expected an image, got {head.hex()}")
    return took


def _subscribe(ear: socket.socket) -> None:
    """At QoS 0, so that nothing has to be acknowledged."""
    ear.sendall(wire.subscribe_packet(FILTER)[:-1] + b"\x00")
    wire.receive(ear, 5)


def _broker_alone(port: int, image: bytes, count: int) -> list[float]:
    """The same image, published by a raw socket."""
    found = []
    with (
        wire.dial("127.0.0.1", port, "bench-ear") as ear,
        wire.dial("127.0.0.1", port, "bench-raw") as sender,
    ):
        _subscribe(ear)
        for n in range(min(count, 50)):
            topic = f"{traffic.BASE}raw-{n}/$implementation/ota/firmware/{'a' * 32}"
            packet = wire.publish_packet(topic, image)
            began = time.monotonic()
            sender.sendall(packet)
            found.append(_first_byte(ear, began))
    return found
