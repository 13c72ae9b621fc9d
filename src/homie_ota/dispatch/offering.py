"""One offer: asked once more whether it may go, committed, and sent, or refused with its reason.

Rule: what is about to leave is committed, on the disk, before its first byte: after a crash nobody sends it again.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from homie_ota.bus import Bus
from homie_ota.dispatch.leading import TTL
from homie_ota.errors import HomieOtaError, Unreachable
from homie_ota.homie import url, v1, v2
from homie_ota.model import Deployment, DeploymentState, Publish, Way
from homie_ota.mqtt import NotSent
from homie_ota.rollout import reasons
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.store import attempts, deployments, image_tokens, orders, transcript, waiting
from homie_ota.store.database import Connection, Database
from homie_ota.store.images import ImageFiles
from homie_ota.store.waiting import Ready

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Terms:
    """What the settings say about sending: what may be on the air, where devices fetch images, how long a URL lives.

    0 sets no limit; `lease` are the seconds after which another server may take over from one that is silent.
    """

    parallel: int = 1
    public_url: str = ""
    url_lifetime: float = 900.0
    bytes_in_flight: int = 0
    starts_per_minute: float = 0.0
    lease: float = TTL


class Sender(NamedTuple):
    """How a message leaves: `deliver` waits for the broker's confirmation and raises Unreachable without it."""

    deliver: Callable[[Publish], Awaitable[None]]
    is_open: Callable[[], bool]


class Offering:
    """Sends what a deployment needs next, and moves it when that cannot be."""

    def __init__(
        self,
        database: Database,
        images: ImageFiles,
        bus: Bus,
        sender: Sender,
        terms: Terms,
        clock: Callable[[], float],
    ) -> None:
        self._database, self._images, self._bus = database, images, bus
        self._sender, self._terms, self._clock = sender, terms, clock

    async def send(self, ready: Ready, token: int) -> bool:
        """Send the image that a device waits for after its `202`, or make the offer.

        False when it could not be moved: somebody else was quicker, or the lease of `token` is not ours any more.
        """
        if ready.deployment.state is DeploymentState.TRANSFERRING:
            return await self._send_second_step(ready, token)
        return await self._offer(ready, token)

    async def advance(self, deployment: Deployment, event: Event, reason: Reason) -> bool:
        """End a deployment, and queue what follows, and tell everybody; False when somebody else moved it first."""
        now = self._clock()
        moved = await self._database.write(
            lambda connection: _end(connection, deployment, event, reason, now), urgent=True
        )
        if moved is not None:
            self._say(moved)
        return moved is not None

    async def _offer(self, ready: Ready, token: int) -> bool:
        refusal = await self._database.read(lambda connection: _refusal(connection, ready))
        if refusal:
            return await self.advance(ready.deployment, Event.REFUSE, refusal)
        image = await self._image(ready)
        if image is None:
            return True
        offered = await self._database.write(
            lambda connection: _commit_offer(connection, ready, self._clock(), token),
            urgent=True,
            durable=True,
        )
        if offered is None:
            return False  # cancelled, held back since, or taken by another process
        self._say(offered)
        await self._send(offered, await self._message(offered, ready, image))
        return True

    async def _image(self, ready: Ready) -> bytes | None:
        try:
            return await self._images.body(ready.firmware)
        except (HomieOtaError, OSError) as error:
            reason = Reason("image-missing", f"The image could not be read from the store: {error}", False)
            await self.advance(ready.deployment, Event.REFUSE, reason)
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
            lambda connection: image_tokens.make(connection, offered, now=now, lifetime=lifetime),
            urgent=True,
        )
        return f"{self._terms.public_url.rstrip('/')}/ota/i/{word}"

    async def _send_second_step(self, ready: Ready, token: int) -> bool:
        """The image of 2.0.0-beta.1, which follows its `202`."""
        image = await self._image(ready)
        if image is None:
            return True
        number, now = ready.deployment.id, self._clock()
        mine = await self._database.write(
            lambda connection: deployments.claim_image(connection, number, now=now, token=token),
            urgent=True,
            durable=True,
        )
        if mine:
            await self._send(ready.deployment, v2.offer_after_checksum(ready.address, image))
        return mine

    async def _send(self, offered: Deployment, message: Publish | None) -> None:
        if message is None:
            reason = Reason("unnameable", "The device's firmware cannot be offered this image.", False)
            await self.advance(offered, Event.BREAK, reason)
            return
        at = self._clock()
        try:
            await self._sender.deliver(message)
        except NotSent:
            await self.advance(offered, Event.BREAK, reasons.NOT_SENT)
            return
        except Unreachable as error:
            # Whether the broker has it is not known: only news of the device, or the deadline, will tell.
            log.warning("Deployment %d: %s", offered.id, error)
        # Afterwards, so that it costs the device no time; that something was to leave is committed already.
        said = transcript.outgoing(at, message)
        await self._database.write(lambda connection: transcript.add(connection, offered.id, [said]))

    def _say(self, deployment: Deployment) -> None:
        self._bus.say("deployment", id=deployment.id, device_pk=deployment.device_pk)


def _refusal(connection: Connection, ready: Ready) -> Reason | None:
    """Asked once more just before sending: the device may have changed while the deployment waited."""
    verdict = orders.verdict(
        connection,
        ready.deployment.device_pk,
        ready.firmware,
        ready.deployment.override,
        purpose=ready.deployment.purpose,
    )
    return None if verdict.allowed else Reason(verdict.code, verdict.sentence, False)


def _commit_offer(connection: Connection, ready: Ready, now: float, token: int) -> Deployment | None:
    if not waiting.may_still_go(connection, ready.deployment, now):
        return None
    offered = deployments.advance(connection, ready.deployment, Event.OFFER, now=now, token=token)
    if offered is not None and ready.way is Way.MQTT:  # here the offer is the image
        deployments.claim_image(connection, offered.id, now=now)
    return offered


def _end(
    connection: Connection, deployment: Deployment, event: Event, reason: Reason, now: float
) -> Deployment | None:
    moved = deployments.advance(connection, deployment, event, now=now, reason=reason)
    if moved is not None:
        attempts.follow(connection, moved, now)
    return moved
