"""(d) Images over MQTT: 200 of 600 KB by the dispatch's own way, beside a raw socket that publishes the same.

Rule: both wait for each PUBACK before the next image; the clock stops when the last of the virtual receivers has its
last byte.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench import traffic
from bench.figures import Figure, Target, median
from bench.processes import memory, mosquitto, python
from bench.scale import Scale


class Push(NamedTuple):
    """One delivery of all images: seconds, and MB at the sender's peak."""

    seconds: float
    peak: float


def run(scale: Scale, folder: Path) -> Iterator[Figure]:
    """The figures of (d)."""
    ours, raw = [], []
    with mosquitto(folder / "push") as port:
        for _ in range(scale.repetitions):
            raw.append(_push(folder, port, scale, raw=True))
            ours.append(_push(folder, port, scale, raw=False))
    what = (
        f"{scale.pushes} images of {scale.image_bytes // 1000} KB over MQTT, to the last receiver's last byte"
    )
    yield Figure(
        "d", what, median([each.seconds for each in ours]), "s", median([each.seconds for each in raw]),
        "raw socket, the same PUBLISHes and PUBACKs", (Target("≤", 2, ratio=True),),
    )  # fmt: skip
    yield Figure(
        "d", "the same, peak memory of the sender", median([each.peak for each in ours]), "MB",
        median([each.peak for each in raw]), "raw socket (Python alone)", (Target("≤", 120),),
        "the server's modules loaded, one session, one image in memory",
    )  # fmt: skip


def _push(folder: Path, port: int, scale: Scale, *, raw: bool) -> Push:
    about = {"port": port, "count": scale.pushes, "size": scale.image_bytes, "raw": raw}
    with python("bench.receivers", about, folder / "receivers.log") as receivers:
        receivers.hear()
        module = "bench.push_raw" if raw else "bench.push_ours"
        with python(module, about, folder / "push.log") as sender:
            sender.hear()
            sender.tell("go")
            began = float(sender.hear()["began"])
            ended = float(receivers.hear()["ended"])
            sender.hear()
            return Push(ended - began, memory(sender.pid, "VmHWM"))


def image(size: int) -> bytes:
    """Bytes that begin like an image; the same for everybody."""
    return b"\xe9" + hashlib.shake_128(b"bench").digest(size - 1)


def topic(n: int, data: bytes) -> str:
    """Where the n-th device waits for this image."""
    md5 = hashlib.md5(data).hexdigest()
    return f"{traffic.BASE}{traffic.device_id(n)}/$implementation/ota/firmware/{md5}"


def say_ended() -> dict[str, float]:
    """The moment at which the last byte was there."""
    return {"ended": time.monotonic()}
