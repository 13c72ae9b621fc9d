"""The engine without its pages: a database, the ingest, the dispatch and one MQTT session, on a real broker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

from homie_ota import homie
from homie_ota.bus import Bus
from homie_ota.dispatch import Dispatch, Sender
from homie_ota.dispatch import Terms as DispatchTerms
from homie_ota.dispatch.rollouts import Rollouts
from homie_ota.health import Thresholds
from homie_ota.ingest import Ingest
from homie_ota.model import Deployment, DeploymentState, Firmware, Publish
from homie_ota.mqtt import Broker, Session
from homie_ota.rollout.soak import Terms
from homie_ota.simulator.fleet import sample_image
from homie_ota.store import deployments, devices, events, intake, orders, verifying
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles

NO_SOAK = Terms(soak=0.0, intervals=0, wakes=0)
"""The first `ready` with the target is the end: what comes after it is looked at in test_verification.py."""

SUCCEEDED, FAILED = DeploymentState.SUCCEEDED, DeploymentState.FAILED


class Engine:
    """What a test drives; `sent` are the messages that left through the dispatch, in order."""

    def __init__(
        self,
        folder: Path,
        broker: Broker,
        bases: Sequence[str] = ("homie/", "devices/"),
        speed: float = 1.0,
        soak: Terms = NO_SOAK,
        began: float | None = None,
        parallel: int = 3,
        database: str = "",
        client_id: str = "engine",
    ) -> None:
        verifying.use_terms(soak, Thresholds())
        folder.mkdir(parents=True, exist_ok=True)
        # A second engine that shares the first one's beginning has its time, too, however fast that goes.
        self.began = began = time.time() if began is None else began
        self.clock: Callable[[], float] = lambda: began + (time.time() - began) * speed
        self.database = Database(database or str(folder / "homie-ota.sqlite3"))
        self.database.migrate()
        (folder / "firmwares").mkdir(exist_ok=True)
        self.images = ImageFiles(folder / "firmwares")
        self.bus = Bus()
        self.ingest = Ingest(self.database, self.bus, bases, clock=self.clock)
        self.sent: list[Publish] = []
        self.gate: Callable[[Publish], None] = lambda _: None
        self.session = Session(
            broker,
            client_id=client_id,
            on_message=self.ingest.receive,
            on_connect=self._connected,
            on_lost=self.ingest.forget_presence,
        )
        self.dispatch = Dispatch(
            self.database,
            self.images,
            self.bus,
            Sender(self._deliver, lambda: self.session.connected and self.ingest.reread.settled),
            DispatchTerms(parallel=parallel, public_url="http://127.0.0.1:9", url_lifetime=60),
            clock=self.clock,
        )
        self.rollouts = Rollouts(self.database, self.bus, clock=self.clock, may=self.dispatch.leads)
        self._tasks: list[asyncio.Task[Any]] = []

    async def __aenter__(self) -> Engine:
        await self.ingest.restore()
        self._tasks = [
            asyncio.create_task(each)
            for each in (self.session.run(), self.ingest.run(), self.dispatch.run(), self.rollouts.run())
        ]
        await self.until(lambda: self.ingest.reread.complete, "the first inventory", 90.0)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.kill()
        await asyncio.to_thread(self.database.close)

    async def kill(self) -> None:
        """Stop in the middle of everything, as a crash does, but for what is on its way to the disk."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _connected(self) -> None:
        self.ingest.reread.bursting = True
        self.ingest.reread.subscribe(self.session)
        self.session.subscribe(homie.subscriptions(self.ingest.reader.bases))
        self._tasks.append(asyncio.create_task(self._fill()))

    async def _fill(self) -> None:
        await self.ingest.fill_gaps(self.session)
        self.bus.say("order")

    async def _deliver(self, message: Publish) -> None:
        self.gate(message)
        self.sent.append(message)
        await self.session.deliver(message)

    async def until(self, true: Callable[[], bool], word: str, seconds: float = 20.0) -> None:
        """Wait until something is so; fails with `word`."""
        try:
            async with asyncio.timeout(seconds):
                while not true():
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise AssertionError(f"not within {seconds:g} s: {word}") from None

    async def devices_are(self, state: str, count: int) -> None:
        """Wait until so many devices, and no others, are known, in this state, and written as rows."""

        def so() -> bool:
            found = self.ingest.fleet.devices
            return len(found) == count and all(each.pk is not None and each.state == state for each in found)

        await self.until(so, f"{count} devices are {state}")
        await self.written()

    async def written(self) -> None:
        """Wait until what the fleet knows has become rows."""
        await self.until(lambda: self.ingest.is_written, "nothing waits to be written")

    async def upload(self, image: bytes, name: str = "", version: str = "") -> Firmware:
        """Put an image into the store, with name and version for one without magic."""

        async def chunks() -> AsyncIterator[bytes]:
            yield image

        received = await self.images.receive(chunks(), filename="upload.bin", max_size=1 << 24)
        return await intake.accept(
            self.database, self.images, received, now=time.time(), name=name, version=version
        )

    async def pk(self, device_id: str) -> int:
        return await self.database.read(lambda c: devices.resolve(c, device_id))

    async def row(self, device_id: str) -> dict[str, Any]:
        pk = await self.pk(device_id)
        found = await self.database.read(lambda c: devices.row(c, pk))
        assert found is not None
        return found

    async def order(self, device_id: str, firmware: Firmware, override: str = "") -> Deployment:
        """What the page's button does."""
        pk = await self.pk(device_id)
        made = await self.database.write(
            lambda c: orders.order(
                c, device_pk=pk, sha256=firmware.sha256, by="test", now=self.clock(), override=override
            ),
            urgent=True,
        )
        self.bus.say("order", device_pk=pk)
        return made

    async def deployment(self, number: int) -> Deployment:
        found = await self.database.read(lambda c: deployments.get(c, number))
        assert found is not None
        return found

    async def reach(self, number: int, *states: DeploymentState, seconds: float = 20.0) -> Deployment:
        """Wait until the deployment is in one of these states."""
        deadline = time.monotonic() + seconds
        while (found := await self.deployment(number)).state not in states:
            assert time.monotonic() < deadline, f"{found.state} after {seconds} s: {await self.story(number)}"
            await asyncio.sleep(0.02)
        return found

    async def story(self, number: int) -> list[str]:
        """The states that a deployment went through."""
        found = await self.database.read(lambda c: events.of_deployment(c, number))
        return [each["data"]["state"] for each in found]


def next_image(kind: str, generation: str, version: str = "2.0.0") -> bytes:
    """A newer build of what virtual devices of this kind run."""
    return sample_image(kind, version, generation)
