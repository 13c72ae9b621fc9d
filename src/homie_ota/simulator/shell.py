"""The virtual fleet: as many devices as fit into one process, on one broker.

Rule: a fleet is started, looked at and stopped; each device lives in a task of its own (`runner`). Stopping is a
power cut: the wills are published.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator

from homie_ota.errors import NotFound
from homie_ota.mqtt import Broker, Connection
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.fleet import FleetOptions, make_device, make_fleet
from homie_ota.simulator.runner import Clock, Runner
from homie_ota.simulator.setup import Phase

_CONNECTING_AT_ONCE = 50
_LOOK_AGAIN = 0.02


class VirtualFleet:
    """Devices on a broker: `async with VirtualFleet(options) as fleet: fleet["kitchen-lamp"].firmware`.

    `devices` instead of those of the options, for tests that need a certain one.
    """

    def __init__(self, options: FleetOptions, devices: Iterable[VirtualDevice] | None = None) -> None:
        self._options = options
        self._broker = Broker.from_url(options.mqtt)
        chosen = make_fleet(options, (self._broker.host, self._broker.port)) if devices is None else devices
        self._devices = {each.identity.device_id: each for each in chosen}
        self._runners: dict[str, Runner] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._gate = asyncio.Semaphore(_CONNECTING_AT_ONCE)
        self._clock: Clock | None = None

    def __getitem__(self, device_id: str) -> VirtualDevice:
        try:
            return self._devices[device_id]
        except KeyError:
            raise NotFound(f"The virtual fleet has no device {device_id!r}.") from None

    def __iter__(self) -> Iterator[VirtualDevice]:
        return iter(list(self._devices.values()))

    def __len__(self) -> int:
        return len(self._devices)

    async def __aenter__(self) -> VirtualFleet:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Switch every device on; raises Unreachable when one needs a broker and there is none."""
        if any(each.generation.way != "asks" for each in self):
            probe = await Connection.open(
                self._broker, client_id="homie-ota-simulate", on_message=lambda *_: None
            )
            await probe.close()
        self._clock = Clock(self._options.speed)
        for device in self:
            self.power_on(device.identity.device_id)

    async def stop(self) -> None:
        """Take the power from all of them; raises what went wrong with one, if anything did."""
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    async def all_ready(self, seconds: float = 30.0) -> None:
        """Wait until every device is ready, asleep or gone; raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not all(self._is_settled(each) for each in self):  # noqa: ASYNC110 - devices know no events
                await asyncio.sleep(_LOOK_AGAIN)

    def _is_settled(self, device: VirtualDevice) -> bool:
        # Ready for itself is not enough: until the broker has its subscription, what is sent to it is lost.
        runner = self._runners.get(device.identity.device_id)
        return _is_settled(device) and (runner is None or runner.confirmed)

    # --- what a person can do to a device -------------------------------------------------------------------------

    def power_on(self, device_id: str) -> None:
        """Switch one on that is off."""
        assert self._clock is not None, "the fleet is not started"
        device = self[device_id]
        runner = Runner(device, self._broker, self._clock, self._options.rate, self._gate)
        self._runners[device_id] = runner
        self._tasks[device_id] = asyncio.create_task(self._live(runner))

    async def power_off(self, device_id: str) -> None:
        """Switch one off: the broker publishes its will."""
        task = self._tasks.pop(device_id)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self[device_id].power_off()

    def cut(self, device_id: str) -> None:
        """Break the connection of one; it connects again by itself."""
        self._runners[device_id].cut()

    async def _live(self, runner: Runner) -> None:
        await runner.run()
        if runner.device.successor:
            # It was flashed with another generation's firmware: the same chip, under another address.
            device = make_device(*runner.device.successor)
            self._devices[device.identity.device_id] = device
            self.power_on(device.identity.device_id)


def _is_settled(device: VirtualDevice) -> bool:
    return device.phase in (Phase.READY, Phase.GONE) or bool(device.timing.asleep)


async def run_fleet(
    options: FleetOptions, stop: asyncio.Event, say: Callable[[str], None] = lambda _: None
) -> None:
    """Run a fleet until `stop` is set, and `say` so; raises Unreachable when there is no broker to begin with."""
    broker = Broker.from_url(options.mqtt)
    async with VirtualFleet(options) as fleet:
        count = "1 virtual device" if len(fleet) == 1 else f"{len(fleet)} virtual devices"
        say(f"{count} switched on, broker {broker.host}:{broker.port}. Ctrl-C ends that.")
        await stop.wait()
    say(f"{count} switched off; for the broker they are lost.")
