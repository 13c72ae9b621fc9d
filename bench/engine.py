"""The server as a process of its own that says when it was connected, and may be made slower: `python -m bench.engine`.

It is the whole server (`service.Service`); nothing of it is replaced. Arguments as JSON: `mqtt`, `data`, `slow_us`
(microseconds that every message costs more), `fill` (false: gaps are not filled).
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from homie_ota.config import load
from homie_ota.fleet import KnownDevice
from homie_ota.ingest import Ingest, reread
from homie_ota.mqtt import OnMessage
from homie_ota.service import Service, run_loop, stop_signal


def _slower(receive: OnMessage, microseconds: float) -> OnMessage:
    nanoseconds = int(microseconds * 1000)

    def call(topic: str, payload: bytes, qos: int, retain: bool) -> None:
        receive(topic, payload, qos, retain)
        end = time.perf_counter_ns() + nanoseconds
        while time.perf_counter_ns() < end:
            pass

    return call


def _say(**about: Any) -> None:
    sys.stdout.write(json.dumps(about) + "\n")
    sys.stdout.flush()


async def _nothing() -> list[KnownDevice]:
    return []


def _fill_no_gaps(ingest: Ingest) -> None:
    """Take what the subscriptions bring, and read nothing again."""
    reread.DISCOVERY = ()  # type: ignore[assignment]
    ingest.reread._worth_reading = _nothing  # type: ignore[method-assign]  # noqa: SLF001 - only to see what it is worth


async def _main(about: dict[str, Any]) -> int:
    overrides = {
        "http": {"host": "127.0.0.1", "port": 0},
        "mqtt": {"url": about["mqtt"]},
        "storage": {"data_dir": Path(about["data"])},
        "auth": {"mode": "none"},
    }
    stop = stop_signal()
    service = Service(load(None, {}, overrides))
    ingest = service.ingest
    if about.get("slow_us"):
        ingest.receive = _slower(ingest.receive, about["slow_us"])  # type: ignore[method-assign, assignment]
    if not about.get("fill", True):
        _fill_no_gaps(ingest)
    connected = service._connected  # noqa: SLF001 - the one moment that only the server itself knows

    def note() -> None:
        _say(connected=time.monotonic())
        connected()

    service._connected = note  # type: ignore[method-assign]  # noqa: SLF001
    await service.start()
    try:
        await stop.wait()
    finally:
        _say(messages=ingest.messages, reread=ingest.reread.reread_devices)
        await service.stop()
    return 0


def main(argument: str) -> int:
    """Run until SIGTERM."""
    about = json.loads(argument)
    if not about.get("profile"):
        return run_loop(_main(about))
    import cProfile

    profile = cProfile.Profile()
    try:
        return profile.runcall(run_loop, _main(about))
    finally:
        profile.dump_stats(about["profile"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
