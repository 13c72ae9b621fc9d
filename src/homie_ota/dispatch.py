"""Clock + rows → offers and ended deadlines: the only starter of updates.

Rule: what is about to leave is committed, on the disk, before its first byte: after a crash nobody sends it again. One
image after another, to devices that are ready, as many at a time as the settings allow.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from homie_ota.bus import Bus, Listener
from homie_ota.errors import HomieOtaError, Unreachable
from homie_ota.homie import url, v1, v2
from homie_ota.model import Deployment, DeploymentState, Publish, Way
from homie_ota.mqtt import NotSent
from homie_ota.rollout import proof, reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.store import deployments, orders, waiting
from homie_ota.store.database import Connection, Database
from homie_ota.store.images import ImageFiles
from homie_ota.store.waiting import Ready

log = logging.getLogger(__name__)

TICK = 5.0
"""Seconds after which the rows are looked at even when nobody said anything."""


CONCERNS = frozenset({"order", "awake", "deployment", "broker"})
"""Kinds of notices after which something may be sent that could not be before."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings say about sending: transfers at a time, where devices fetch images, how long a URL lives."""

    parallel: int = 1
    public_url: str = ""
    url_lifetime: float = 900.0


class Sender(NamedTuple):
    """How a message leaves: `deliver` waits for the broker's confirmation and raises Unreachable without it."""

    deliver: Callable[[Publish], Awaitable[None]]
    is_open: Callable[[], bool]


class Dispatch:
    """Offers queued deployments and ends those of which nothing is heard."""

    def __init__(
        self,
        database: Database,
        images: ImageFiles,
        bus: Bus,
        sender: Sender,
        terms: Terms,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database, self._images, self._bus = database, images, bus
        self._sender, self._terms, self._clock = sender, terms, clock

    async def run(self) -> None:
        """Work until cancelled; woken by the bus, by the next deadline, or every few seconds."""
        with self._bus.listen() as listener:
            while True:
                try:
                    pause = await self.step()
                except HomieOtaError as error:
                    log.error("The dispatch could not go on: %s", error)
                    pause = TICK
                await _until_concerned(listener, pause)

    async def step(self) -> float:
        """Do what is due; returns the seconds until the next look."""
        await self._end_overdue()
        if self._sender.is_open():
            while await self._offer_next():
                pass
        deadline = await self._database.read(deployments.next_deadline)
        return TICK if deadline is None else min(TICK, max(0.05, deadline - self._clock()))

    async def _end_overdue(self) -> None:
        now = self._clock()
        for late in await self._database.read(lambda connection: deployments.overdue(connection, now)):
            way = Way(str(late.before.get("way", Way.MQTT)))
            reason = reasons.expired(late.state, way, complete=proof.is_complete(late))
            await self._advance(late, Event.EXPIRE, reason)

    async def _offer_next(self) -> bool:
        """Offer one deployment; False when none can be offered now."""
        limit = self._terms.parallel
        ready = await self._database.read(
            lambda connection: waiting.next_ready(connection, limit, self._clock())
        )
        if ready is None:
            return False
        if ready.deployment.state is DeploymentState.TRANSFERRING:
            await self._send_second_step(ready)
            return True
        await self._offer(ready)
        return True

    async def _offer(self, ready: Ready) -> None:
        refusal = await self._database.read(lambda connection: _refusal(connection, ready))
        if refusal:
            await self._advance(ready.deployment, Event.REFUSE, refusal)
            return
        image = await self._image(ready)
        if image is None:
            return
        carries_image = ready.way is Way.MQTT
        offered = await self._database.write(
            lambda connection: _commit_offer(connection, ready, self._clock(), carries_image),
            urgent=True,
            durable=True,
        )
        if offered is None:
            return  # cancelled, or taken by another process
        self._say(offered)
        await self._send(offered, await self._message(offered, ready, image))

    async def _image(self, ready: Ready) -> bytes | None:
        try:
            return await self._images.body(ready.firmware)
        except (HomieOtaError, OSError) as error:
            reason = Reason("image-missing", f"The image could not be read from the store: {error}", False)
            await self._advance(ready.deployment, Event.REFUSE, reason)
            return None

    async def _message(self, offered: Deployment, ready: Ready, image: bytes) -> Publish | None:
        address, firmware = ready.address, ready.firmware
        if ready.way is Way.HTTP:
            return v1.offer(
                address,
                firmware_name=firmware.name,
                version=firmware.version,
                running_name=ready.fw_name,
                running_version=ready.fw_version,
            )
        if ready.way is Way.TWO_STEP:
            return v2.announce_checksum(address, firmware.md5)
        if ready.way is Way.URL:
            return url.offer(address, await self._image_url(offered))
        return v2.offer(address, firmware.md5, image)

    async def _image_url(self, offered: Deployment) -> str:
        now, lifetime = self._clock(), self._terms.url_lifetime
        word = await self._database.write(
            lambda connection: deployments.image_token(connection, offered, now=now, lifetime=lifetime),
            urgent=True,
        )
        return f"{self._terms.public_url.rstrip('/')}/ota/i/{word}"

    async def _send_second_step(self, ready: Ready) -> None:
        """The image of 2.0.0-beta.1, which follows its `202`."""
        image = await self._image(ready)
        if image is None:
            return
        number, now = ready.deployment.id, self._clock()
        mine = await self._database.write(
            lambda connection: deployments.claim_image(connection, number, now=now), urgent=True, durable=True
        )
        if mine:
            await self._send(ready.deployment, v2.offer_after_checksum(ready.address, image))

    async def _send(self, offered: Deployment, message: Publish | None) -> None:
        if message is None:
            reason = Reason("unnameable", "The device's firmware cannot be offered this image.", False)
            await self._advance(offered, Event.BREAK, reason)
            return
        try:
            await self._sender.deliver(message)
        except NotSent:
            await self._advance(offered, Event.BREAK, reasons.NOT_SENT)
        except Unreachable as error:
            # Whether the broker has it is not known: only news of the device, or the deadline, will tell.
            log.warning("Deployment %d: %s", offered.id, error)

    async def _advance(self, deployment: Deployment, event: Event, reason: Reason) -> None:
        now = self._clock()
        moved = await self._database.write(
            lambda connection: deployments.advance(connection, deployment, event, now=now, reason=reason),
            urgent=True,
        )
        if moved is not None:
            self._say(moved)

    def _say(self, deployment: Deployment) -> None:
        self._bus.say("deployment", id=deployment.id, device_pk=deployment.device_pk)


async def _until_concerned(listener: Listener, pause: float) -> None:
    """Wait for something that may let an offer out, `pause` seconds at most; most notices are about readings."""
    end = time.monotonic() + pause
    while (left := end - time.monotonic()) > 0:
        if any(notice.kind in CONCERNS for notice in await listener.wait(left)) or listener.missed:
            listener.missed = False
            return


def _refusal(connection: Connection, ready: Ready) -> Reason | None:
    """Asked once more just before sending: the device may have changed while the deployment waited."""
    verdict = orders.verdict(
        connection, ready.deployment.device_pk, ready.firmware, ready.deployment.override
    )
    return None if verdict.allowed else Reason(verdict.code, " ".join(verdict.reasons), False)


def _commit_offer(connection: Connection, ready: Ready, now: float, carries_image: bool) -> Deployment | None:
    offered = deployments.advance(connection, ready.deployment, Event.OFFER, now=now)
    if offered is not None and carries_image:
        deployments.claim_image(connection, offered.id, now=now)
    return offered
