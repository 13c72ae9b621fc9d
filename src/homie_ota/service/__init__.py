"""Builds the rooms, starts them in order, and stops them: the whole server in one process."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from homie_ota.config import Settings
from homie_ota.config.sections import LogSettings
from homie_ota.service import logs
from homie_ota.service.places import own_address
from homie_ota.service.running import Service

__all__ = ["Service", "demo", "run_loop", "say_hello", "serve", "stop_signal"]


def serve(settings: Settings, *, embedded: str | None = None) -> int:
    """Run the server until SIGINT or SIGTERM; returns the exit status."""
    logs.start(settings.log)
    return run_loop(_until_signalled(Service(settings, embedded=embedded)))


def demo(devices: int, port: int, data: Path | None = None) -> int:
    """Run broker, server and a virtual fleet on loopback until Ctrl-C; returns the exit status."""
    from homie_ota.service.demo import run_demo

    logs.start(LogSettings(level="warning"))

    async def until_signalled() -> int:
        return await run_demo(devices, port, data, stop_signal())

    return run_loop(until_signalled())


def run_loop(main: Coroutine[Any, Any, int]) -> int:
    """Run `main` on uvloop where it exists: an eighth of the memory under slow readers (design, decision 8)."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.run(main)
    # A fleet is many small objects that stay: looking through them all every 700 new ones is time lost.
    gc.set_threshold(10_000, 20, 50)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(main)


def stop_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


async def _until_signalled(service: Service) -> int:
    stop = stop_signal()
    try:
        await service.start()
        say_hello(service)
        await stop.wait()
    finally:
        await service.stop()
    return 0


def say_hello(service: Service) -> None:
    """Print what a person needs after the start: where the pages are, the broker, the first password."""
    host, port = service.address
    shown = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    lines = [f"homie-ota: {service.ports.scheme}://{f'[{shown}]' if ':' in shown else shown}:{port}/"]
    lines.append(f"devices fetch firmware from {service.public_url}{service.settings.ota.path}")
    if service.broker is not None:
        own = service.broker
        lines.append(f"broker (our own): {own.url.replace('127.0.0.1', own_address(own.host))}")
    elif service.session is not None:
        lines.append(f"broker: {service.session.broker}")
    if service.first_password:
        lines.append(f"first login: user admin, password {service.first_password}")
        where = service.settings.data_dir.resolve()
        lines.append(f"(shown only now; a new one: homie-ota user reset admin --data {where})")
    lines += service.ports.notes + service.settings.notes
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()
