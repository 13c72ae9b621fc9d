"""(a) Cold inventory: from the connect to complete rows, beside mosquitto_sub taking in the same retained messages.

Rule: the broker has nothing configured but its listener. Complete means that every topic of every device is in its
rows, and at the end every word is compared.
"""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench import traffic, wire
from bench.figures import Figure, Target, median
from bench.processes import START_SECONDS, mosquitto, program, python, until
from bench.scale import Scale

SLOW_US = 20.0
PATIENCE = 60.0
SUBSCRIBER_PATIENCE = 15


class Cold(NamedTuple):
    """One cold start: seconds to complete rows (None: never complete), the share of topics in rows, devices re-read."""

    seconds: float | None
    share: float
    reread: int


def run(scale: Scale, folder: Path) -> Iterator[Figure]:
    """The figures of (a)."""
    with mosquitto(folder / "cold") as port:
        messages = wire.retain("127.0.0.1", port, traffic.inventory(scale.devices))
        reference, ours, slow, bare = [], [], [], []
        for number in range(scale.repetitions):
            reference.append(subscribe(port, messages))
            ours.append(start(folder / f"cold-{number}", port, scale.devices))
            slow.append(start(folder / f"slow-{number}", port, scale.devices, slow_us=SLOW_US))
            bare.append(
                start(
                    folder / f"bare-{number}", port, scale.devices, slow_us=SLOW_US, quiet=scale.quiet_seconds
                )
            )
    yield from _figures(messages, reference, ours, slow, bare)


def _figures(
    messages: int, reference: list[float], ours: list[Cold], slow: list[Cold], bare: list[Cold]
) -> Iterator[Figure]:
    heard = [each for each in reference if each < math.inf]
    beside = median(heard) if heard else None
    name = f"mosquitto_sub -t 'homie/#' -C {messages}"
    yield Figure(
        "a", f"cold inventory, {messages:,} retained: connect to complete rows", _seconds(ours), "s", beside, name,
        (Target("≤", 3, ratio=True), Target("≤", 5)),
        f"{sum(each.seconds is not None for each in ours)} of {len(ours)} complete, word by word; "
        f"mosquitto_sub heard all of it {len(heard)} times of {len(reference)}",
    )  # fmt: skip
    yield Figure(
        "a", "the same, what is in rows at the end", 100 * min(each.share for each in ours), "%",
        targets=(Target("≥", 100),), note=f"{median([each.reread for each in ours]):g} devices read again",
    )  # fmt: skip
    yield Figure(
        "a",
        f"client {SLOW_US:g} µs slower a message: connect to complete rows",
        _seconds(slow),
        "s",
        beside,
        name,
    )
    yield Figure(
        "a", "the same, what is in rows at the end", 100 * min(each.share for each in slow), "%",
        100 * median([each.share for each in bare]), "without gap filling", (Target("≥", 100),),
        f"{median([each.reread for each in slow]):g} devices read again",
    )  # fmt: skip


def _seconds(runs: list[Cold]) -> float:
    """The median; a run that was never complete counts as endless."""
    return median([math.inf if each.seconds is None else each.seconds for each in runs])


def subscribe(port: int, messages: int) -> float:
    """Seconds that mosquitto_sub takes from its start to the last of so many messages."""
    command = [program("mosquitto_sub", "mosquitto-clients"), "-p", str(port), "-q", "0"]
    began = time.monotonic()
    done = subprocess.run(
        [*command, "-t", f"{traffic.BASE}#", "-C", str(messages), "-W", str(SUBSCRIBER_PATIENCE)],
        stdout=subprocess.DEVNULL, check=False, timeout=PATIENCE,
    )  # fmt: skip
    # It gets no second chance: when the broker drops messages it never has them all.
    return math.inf if done.returncode else time.monotonic() - began


def start(folder: Path, port: int, devices: int, *, slow_us: float = 0.0, quiet: float = 0.0) -> Cold:
    """One cold start of the whole server with an empty database.

    With `quiet` no gaps are filled, and it ends when nothing has come for so many seconds.
    """
    fill = not quiet
    folder.mkdir()
    about = {"mqtt": f"mqtt://127.0.0.1:{port}", "data": str(folder), "slow_us": slow_us, "fill": fill}
    rows = traffic.Rows(folder)
    with python("bench.engine", about, folder / "log") as server:
        connected = float(server.hear()["connected"])
        seconds = _complete(rows, devices, connected) if fill else None
        if not fill:
            _quiet(rows, quiet)
        share = rows.topics() / (devices * traffic.TOPICS_A_DEVICE)
        if seconds is not None and (wrong := rows.differences(devices)):
            raise AssertionError(f"rows are not what was announced: {wrong[:5]} ({len(wrong)} words)")
        server.stop_gently()
        said = server.hear()
    rows.close()
    return Cold(seconds, share, int(said["reread"]))


def _complete(rows: traffic.Rows, devices: int, connected: float) -> float | None:
    try:
        until(lambda: rows.complete(devices), "complete rows", PATIENCE, pause=0.02)
    except TimeoutError:
        return None
    return time.monotonic() - connected


def _quiet(rows: traffic.Rows, seconds: float) -> None:
    """Wait until nothing has come for a while."""
    before, since, began = 0, time.monotonic(), time.monotonic()
    while time.monotonic() - since < seconds or (not before and time.monotonic() - began < START_SECONDS):
        now = rows.topics()
        if now != before:
            before, since = now, time.monotonic()
        time.sleep(0.1)
