"""Both halves of the engine without a loop: messages in, rows out, and a clock that is turned by hand.

`Played` takes messages as the ingest does and writes each batch in the test's own transaction; `House` puts virtual
devices before it, so that whole updates are played in a few milliseconds, the same way every time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from math import inf
from typing import Any

from homie_ota.fleet import Fleet
from homie_ota.homie import Reader, v1, v2
from homie_ota.ingest.batch import Batch, Identity, write_batch
from homie_ota.ingest.hearing import append, may_tell, news_of
from homie_ota.model import ENDED, Address, Deployment, DeploymentState, Firmware, Publish, Way
from homie_ota.rollout import proof, reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.proof import News
from homie_ota.rollout.soak import Terms
from homie_ota.simulator.device import VirtualDevice
from homie_ota.simulator.images import read_sketch
from homie_ota.simulator.segments import Stream
from homie_ota.simulator.values import Connect, Disconnect, Drop, HttpGet, HttpResponse, Output
from homie_ota.store import deployments, devices, events, orders, verifying
from homie_ota.store.database import Connection
from homie_ota.store.tables import firmware

BASES = ("homie/", "devices/")
START = 1_700_000_000.0
BY_DEFAULT = Terms()


class Played:
    """The engine: what it hears becomes rows, news and moves."""

    def __init__(self, connection: Connection, bases: Iterable[str] = BASES) -> None:
        self.connection = connection
        self.reader, self.fleet, self.identity = Reader(bases), Fleet(), Identity()
        self._news: dict[Address, list[News]] = {}
        self.now = START

    def hear(self, topic: str, payload: bytes, *, retained: bool = False) -> None:
        """Take in one message."""
        observation = self.reader.read(topic, payload, retained)
        if observation is None:
            return
        self.fleet.apply(observation, self.now)
        known = self.fleet.get(observation.device)
        if known is not None and may_tell(observation):
            news = news_of(observation, known, self.now)
            if news is not None and not isinstance(news, str):
                append(self._news.setdefault(observation.device, []), news)

    def write(self) -> list[Deployment]:
        """Write what was heard as one batch; the deployments that it moved."""
        batch = Batch(now=self.now)
        for known in self.fleet.take_dirty(10_000):
            self.identity._assign(known, self.now)
            batch.add_row(known, self.fleet, self.identity)
        news, self._news = self._news, {}
        for address, each in news.items():
            batch.add_news(self.fleet.get(address), each, self.fleet)
        return [] if batch.is_empty else write_batch(self.connection, batch)

    def look(self) -> None:
        """What the clock does: end, or put off, what is overdue."""
        for late in deployments.overdue(self.connection, self.now):
            if late.state is DeploymentState.VERIFYING:
                verifying.look(self.connection, late.id, now=self.now, listening_since=0.0)
                continue
            way = Way(str(late.before.get("way", Way.MQTT)))
            reason = reasons.expired(late.state, way, complete=proof.is_complete(late))
            deployments.advance(self.connection, late, Event.EXPIRE, now=self.now, reason=reason)

    # --- rows

    def pk(self, device_id: str) -> int:
        return devices.resolve(self.connection, device_id)

    def store(self, image: bytes, name: str = "", version: str = "") -> Firmware:
        """Put an image into the store, without its file."""
        sketch, digest = read_sketch(image), hashlib.sha256(image).hexdigest()
        made = Firmware(
            digest, hashlib.md5(image).hexdigest(), name or sketch.name, version or sketch.version,
            f"{digest[:8]}.bin", len(image),
        )  # fmt: skip
        row = {"sha256": made.sha256, "md5": made.md5, "name": made.name, "version": made.version}
        values = {**row, "filename": made.filename, "size": made.size, "uploaded_at": self.now}
        self.connection.execute(firmware.insert().values(**values))
        return made

    def offered(self, device_id: str, image: Firmware) -> Deployment:
        """An order, and its offer committed, as the dispatch does it before the first byte leaves."""
        pk = self.pk(device_id)
        made = orders.order(self.connection, device_pk=pk, sha256=image.sha256, by="me", now=self.now)
        offered = deployments.advance(self.connection, made, Event.OFFER, now=self.now)
        assert offered is not None
        deployments.claim_image(self.connection, offered.id, now=self.now)
        return offered

    def get(self, number: int) -> Deployment:
        found = deployments.get(self.connection, number)
        assert found is not None
        return found

    def story(self, number: int) -> list[str]:
        """The states that a deployment went through."""
        return [
            each["data"]["state"]
            for each in events.of_deployment(self.connection, number)
            if "state" in each["data"]
        ]

    def told(self, kind: str) -> list[dict[str, Any]]:
        """The events of this kind, oldest first."""
        found = events.recent(self.connection, limit=1000)
        return [each["data"] for each in reversed(found) if each["kind"] == kind]


class House(Played):
    """Virtual devices and the engine, in one time. `copies` says how often a message of theirs arrives."""

    def __init__(self, connection: Connection, *members: VirtualDevice) -> None:
        super().__init__(connection)
        self.members = {each.identity.device_id: each for each in members}
        self.copies: Callable[[Publish], int] = lambda _: 1
        self._wills: dict[str, Publish | None] = {}
        self._image: bytes = b""

    def start(self) -> House:
        """Power for everybody, and time for a few rounds of statistics."""
        for member in self.members.values():
            self.do(member, member.power_on(self.now))
        return self.run(300.0)

    def run(self, seconds: float) -> House:
        """Let so much time pass: every device ticks when it wants to, every deadline is looked at."""
        end = self.now + seconds
        while True:
            at = min((each.next_tick for each in self.members.values()), default=inf)
            deadline = deployments.next_deadline(self.connection)
            at = min(at, inf if deadline is None else deadline + 0.001)
            if at > end:
                self.now = end
                return self
            self.now = max(self.now, at)
            for member in self.members.values():
                if member.next_tick <= self.now:
                    self.do(member, member.tick(self.now))
            self.look()

    def end(self, number: int, within: float = 900.0) -> Deployment:
        """Let time pass until this deployment has ended, or has had enough time."""
        until = self.now + within
        while self.get(number).state not in ENDED and self.now < until:
            self.run(20.0)
        return self.get(number)

    def do(self, member: VirtualDevice, outputs: list[Output]) -> None:
        """Do what a device wants done; each time something is said, it is written at once."""
        for output in outputs:
            match output:
                case Publish():
                    self._deliver(output)
                case Connect(will=will):
                    self._wills[member.identity.device_id] = will
                    self.do(member, member.connected())
                case Disconnect():
                    self._wills[member.identity.device_id] = None
                case Drop():
                    self.leave(member)
                case HttpGet():
                    self._answer(member)
        self.write()

    def leave(self, member: VirtualDevice) -> None:
        """Its connection is gone: the broker publishes its will."""
        will = self._wills.pop(member.identity.device_id, None)
        if will is not None:
            self._deliver(will)

    def lose(self, *device_ids: str) -> None:
        """A power cut, and power again at once."""
        for device_id in device_ids:
            member = self.members[device_id]
            member.power_off()
            self.leave(member)
            self.do(member, member.power_on(self.now))

    def _deliver(self, message: Publish) -> None:
        for _ in range(self.copies(message)):
            self.hear(message.topic, message.payload)

    def update(self, device_id: str, image: bytes, name: str = "", version: str = "") -> int:
        """Order an image and send it; the number of the deployment."""
        member = self.members[device_id]
        offered = self.offered(device_id, self.store(image, name, version))
        self._image = image
        if Way(str(offered.before["way"])) is Way.HTTP:
            self._tell_version(member, name or read_sketch(image).name, version)
        else:
            digest = hashlib.md5(image).hexdigest()
            message = v2.offer(Address(member.identity.base, device_id), digest, image)
            assert message is not None
            for chunk in Stream().chunks(message.topic, image, 1):
                self.now += 0.01
                self.do(member, member.chunk(self.now, chunk))
        return offered.id

    def _tell_version(self, member: VirtualDevice, name: str, version: str) -> None:
        device, old = member.identity, member.sketch
        message = v1.offer(
            Address(device.base, device.device_id), firmware_name=name, version=version,
            running_name=old.name, running_version=old.version,
        )  # fmt: skip
        assert message is not None
        self.do(member, member.message(self.now, message.topic, message.payload))

    def _answer(self, member: VirtualDevice) -> None:
        """A 1.5 device asks for its image: it gets it, as the endpoint would do it."""
        active = deployments.active_of(self.connection, self.pk(member.identity.device_id))
        assert active is not None
        accepted = deployments.advance(self.connection, active, Event.ACCEPT, now=self.now)
        assert accepted is not None
        headers = {"content-length": str(len(self._image)), "x-md5": hashlib.md5(self._image).hexdigest()}
        deployments.advance(self.connection, accepted, Event.FLASH, now=self.now, done=len(self._image))
        self.do(member, member.http_response(self.now, HttpResponse(200, headers, self._image)))
