"""The whole thing on one machine: embedded broker, server, a small virtual fleet that lives, and sample images.

Rule: everything is on loopback, without login, in a directory that is gone afterwards; Ctrl-C ends all of it.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack
from pathlib import Path

from homie_ota import config
from homie_ota.broker import EmbeddedBroker
from homie_ota.errors import WrongUse
from homie_ota.service.places import listen
from homie_ota.service.running import Service
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.fleet import FleetOptions, sample_image
from homie_ota.simulator.shell import VirtualFleet
from homie_ota.simulator.values import OtaServer, Timing
from homie_ota.store import intake

HOST = "127.0.0.1"
IMAGE_BYTES, RATE = 400_000, 50_000.0
"""A transfer of eight seconds: long enough to watch, short enough to wait for."""

FAULTS = {"sleeping": 1, "drops": 1}
TIMING = Timing(reboot=2.0, interval=3.0, awake=20.0, asleep=0.0)
SOAK = 3.0
"""Seconds that an updated device has to stay well here; at home it is minutes."""


async def run_demo(devices: int, port: int, data: Path | None, stop: asyncio.Event) -> int:
    """Run it until `stop` is set."""
    with ExitStack() as stack:
        folder = data or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="homie-ota-demo-")))
        settings = config.load(None, {}, _overrides(folder, port))
        service = Service(settings, embedded=f"{HOST}:{_free_port()}")
        try:
            await service.start()
            await _live(service, devices, stop)
        finally:
            await service.stop()
    return 0


def _overrides(folder: Path, port: int) -> dict[str, dict[str, object]]:
    return {
        "http": {"host": HOST, "port": port},
        "storage": {"data_dir": folder},
        "auth": {"mode": "none"},
        "rollout": {"parallel": 2, "soak": SOAK, "soak_intervals": 1, "soak_wakes": 1},
    }


def _free_port() -> int:
    with listen(HOST, 0) as sock:
        return int(sock.getsockname()[1])


async def _live(service: Service, devices: int, stop: asyncio.Event) -> None:
    broker = service.broker
    if broker is None:
        raise WrongUse("The demo has no broker.")
    async with VirtualFleet(_options(broker, devices, service.address[1])) as fleet:
        await _store_samples(service, fleet)
        _say_hello(service, broker, len(fleet))
        await stop.wait()


def _options(broker: EmbeddedBroker, devices: int, port: int) -> FleetOptions:
    return FleetOptions(
        mqtt=broker.url,
        devices=devices,
        faults=FAULTS if devices > len(FAULTS) else {},
        timing=TIMING,
        server=OtaServer(HOST, port, "/ota"),
        rate=RATE,
        readings_every=10.0,
        image_bytes=IMAGE_BYTES,
    )


async def _store_samples(service: Service, fleet: Iterable[VirtualDevice]) -> None:
    """For each kind of thing what it runs now, which is the way back, and a newer build."""
    wanted = {(each.identity.device_id.split("-")[1], each.generation.key) for each in fleet}
    for kind, generation in sorted(wanted):
        is_magic = "2.0.0" if generation != "v1" else "1.1.0"
        for version, text in (("1.0.0", "What the demo's devices run."), (is_magic, "A newer build to try.")):
            await _store(service, kind, version, generation, text)


async def _store(service: Service, kind: str, version: str, generation: str, text: str) -> None:
    image = sample_image(kind, version, generation, IMAGE_BYTES)

    async def chunks() -> AsyncIterator[bytes]:
        yield image

    received = await service.images.receive(chunks(), filename=f"{kind}.bin", max_size=len(image))
    await intake.accept(
        service.database,
        service.images,
        received,
        now=time.time(),
        by="demo",
        name=kind,
        version=version,
        description=text,
    )


def _say_hello(service: Service, broker: EmbeddedBroker, count: int) -> None:
    address = f"http://{HOST}:{service.address[1]}/"
    sys.stdout.write(
        f"homie-ota demo: {address}\n"
        f"{count} virtual devices on {broker.url}; one sleeps now and then, one loses its first image half-way.\n"
        f"Try: open {address}firmware, choose a newer build, update a device and watch. Ctrl-C ends everything.\n"
    )
    sys.stdout.flush()
