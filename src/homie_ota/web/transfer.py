"""One image on its way to a device, and what becomes of the deployment that it belongs to.

Rule: a deployment is flashed when the socket has taken the last byte, and broken when it did not; how far it is, is
noted about once a second.
"""

from __future__ import annotations

import logging

from starlette.types import ASGIApp, Receive, Scope, Send

from homie_ota.errors import HomieOtaError
from homie_ota.model import Deployment, DeploymentState, Firmware
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.store import deployments
from homie_ota.store.database import Connection
from homie_ota.web.sending import Part, Sending
from homie_ota.web.shell import Shell

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two notes of how far a transfer is."""


def _broken(done: int, total: int) -> Reason:
    text = f"The device stopped reading after about {done} of {total} bytes. It still runs the old firmware."
    return Reason("transfer-broken", f"{text} Look at its Wi-Fi signal and try again.", False)


async def image(
    shell: Shell,
    firmware: Firmware,
    attempt: Deployment | None,
    wanted: Part | None = None,
    headers: dict[str, str] | None = None,
) -> ASGIApp:
    """The answer with an image, or with a part of it; ends the attempt and raises when the image cannot be read."""
    try:
        body = await shell.images.body(firmware)
    except (HomieOtaError, OSError) as error:
        if attempt is not None:
            reason = Reason("image-missing", f"The image could not be read from the store: {error}", False)
            await move(shell, attempt, Event.BREAK, reason=reason)
        raise HomieOtaError(f"The image {firmware.filename} cannot be read: {error}") from None
    of = wanted or Part(0, len(body), len(body))
    told = {"x-MD5": firmware.md5, "Connection": "close", "Cache-Control": "no-store", **(headers or {})}
    sending = Sending(body, of, told, longest=shell.settings.ota.transfer_timeout)
    if attempt is None or attempt.state is DeploymentState.REBOOTING:
        return sending  # who comes for an image that has left already gets it, and moves nothing
    return Transfer(shell, attempt, of, sending)


class Transfer:
    """The sending of the image of one attempt, as an ASGI application."""

    def __init__(self, shell: Shell, attempt: Deployment, of: Part, sending: Sending) -> None:
        self._shell, self._attempt, self._of = shell, attempt, of
        self._noted = shell.clock()
        self._sending = sending
        sending.progress = self._progress

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._sending(scope, receive, send)
        finally:
            if scope["method"] == "GET":
                await self._end(self._attempt)

    async def _progress(self, done: int) -> None:
        now = self._shell.clock()
        if now - self._noted < EVERY:
            return
        self._noted, number = now, self._attempt.id
        at = self._of.start + done
        await self._shell.database.write(lambda conn: deployments.progress(conn, number, done=at, now=now))
        self._shell.bus.say("deployment", id=number, device_pk=self._attempt.device_pk)

    async def _end(self, attempt: Deployment) -> None:
        if not self._sending.complete:
            reason = _broken(self._of.start + self._sending.handed, self._of.total)
            if self._of.whole:  # who asks for parts may ask for the missing ones again
                await move(self._shell, attempt, Event.BREAK, reason=reason)
        elif self._of.stop == self._of.total:
            await move(self._shell, attempt, Event.FLASH, done=self._of.total)


async def move(
    shell: Shell,
    attempt: Deployment,
    event: Event,
    *,
    reason: Reason | None = None,
    done: int | None = None,
) -> None:
    """Move a deployment from whatever state it has reached by now."""
    now = shell.clock()

    def write(conn: Connection) -> Deployment | None:
        current = deployments.get(conn, attempt.id)
        return current and deployments.advance(conn, current, event, now=now, reason=reason, done=done)

    await shell.database.write(write, urgent=True)
    shell.bus.say("deployment", id=attempt.id, device_pk=attempt.device_pk)
    if event is Event.BREAK:  # the next device's turn; one that restarts still has the air for itself
        shell.bus.say("order", device_pk=attempt.device_pk)
