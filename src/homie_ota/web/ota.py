"""The ESP endpoint: `GET /ota` for devices that ask with the headers of their core, `GET /ota/i/<token>` for pullers.

Rule: an answer is 200 with the image, 304 (nothing for you) or 403 (not you); why is in the log, and in the history of
the deployment. A deployment is flashed when the socket has taken the last byte, and broken when it did not.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from homie_ota.errors import HomieOtaError
from homie_ota.esp import request as esp
from homie_ota.model import Deployment, DeploymentState, Firmware
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.store import deployments, events
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.web import asked
from homie_ota.web.asked import Told
from homie_ota.web.people import address
from homie_ota.web.sending import Part, Sending, part
from homie_ota.web.shell import Shell, shell_of
from homie_ota.web.spelling import spelled
from homie_ota.web.words import clean

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two notes of how far a transfer is."""
REPEATED = 600.0
"""Seconds until the same refusal of the same device is written down again: some ask every few seconds, for ever."""


def broken(done: int, total: int) -> Reason:
    """The reason when a device stopped reading."""
    text = f"The device stopped reading after about {done} of {total} bytes. It still runs the old firmware."
    return Reason("transfer-broken", f"{text} Look at its Wi-Fi signal and try again.", False)


async def endpoint(request: Request) -> ASGIApp:
    """`GET /ota`."""
    shell = shell_of(request)
    told_by_device = esp.read([(n.decode("latin-1"), v.decode("latin-1")) for n, v in request.headers.raw])
    if told_by_device is None:
        return _refuse(
            403, "Not permitted: this address is for ESP8266 and ESP32 devices that look for an update."
        )
    now, mode = shell.clock(), shell.settings.ota.open_mode
    try:
        if told_by_device.mode == "version":
            told = await shell.database.read(lambda conn: asked.version_for(conn, told_by_device))
            return _version(told)
        told = await shell.database.write(
            lambda conn: asked.answer(conn, told_by_device, open_mode=mode, now=now),
            urgent=True,
            durable=True,
        )
    except HomieOtaError as error:
        log.error("The request of a device at %s could not be decided: %s", address(request), error)
        return _refuse(503, "Try again later.")
    await _tell(shell, request, clean(told_by_device.device_id or told_by_device.mac, 64), told)
    if told.status != 200 or told.firmware is None:
        return _refuse(told.status, told.sentence)
    return await _image(shell, told.firmware, told.deployment)


async def by_token(request: Request) -> ASGIApp:
    """`GET /ota/i/<token>`: one image for one device, for a short time; with Range."""
    shell, word = shell_of(request), str(request.path_params["token"])
    now = shell.clock()
    found = await shell.database.read(lambda conn: _opened(conn, word, now))
    if found is None:
        return _refuse(403, "This address is not good any more: it is for one device and one attempt.")
    attempt, firmware = found
    wanted = part(request.headers.get("range"), firmware.size)
    if wanted is None:
        return _refuse(
            416, "There are fewer bytes than that.", **{"Content-Range": f"bytes */{firmware.size}"}
        )
    if request.method == "GET":
        attempt = await _accept(shell, attempt)
    return await _image(shell, firmware, attempt, wanted, headers={"Accept-Ranges": "bytes"})


def _opened(conn: Connection, word: str, now: float) -> tuple[Deployment, Firmware] | None:
    """What a one-device address opens, as long as its attempt waits for the device."""
    attempt = deployments.by_image_token(conn, word, now=now)
    firmware = firmwares.get(conn, attempt.sha256) if attempt else None
    if attempt is None or firmware is None or attempt.state not in asked.WAITS_FOR_REQUEST:
        return None
    return attempt, firmware


def _refuse(status: int, sentence: str, **headers: str) -> ASGIApp:
    """A cheap answer without an image. A 304 has no body, whatever the old server sent."""
    body = b"" if status == 304 else clean(sentence, 500).encode() + b"\n"
    told = {"Content-Type": "text/plain; charset=utf-8", "Connection": "close", **headers}
    if status != 304:
        told["Content-Length"] = str(len(body))

    async def respond(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": status, "headers": spelled(told)})
        await send({"type": "http.response.body", "body": body})

    return respond


def _version(told: Told) -> ASGIApp:
    if told.status != 200 or told.firmware is None:
        return _refuse(told.status, told.sentence)
    return _refuse(
        200, told.firmware.version, **{"x-version": told.firmware.version, "x-MD5": told.firmware.md5}
    )


async def _tell(shell: Shell, request: Request, who: str, told: Told) -> None:
    """Say what was answered: to the log, to the pages, and to the history of the device."""
    log.info("%s at %s asked: %d, %s", who or "A device", address(request), told.status, clean(told.sentence))
    pk, now = told.device_pk, shell.clock()
    if pk is None:
        return
    if told.deployment is not None:
        shell.bus.say("deployment", id=told.deployment.id, device_pk=pk)
        shell.bus.say("order", device_pk=pk)
    if told.status == 200 or not _is_new(shell, pk, told, now):
        return
    data = {"answer": told.status, "why": clean(told.sentence, 500)}
    number = told.deployment.id if told.deployment else None
    await shell.database.write(
        lambda conn: events.add(
            conn, "ota", at=now, device_pk=pk, deployment_id=number, actor="device", data=data
        )
    )


_said: dict[tuple[int, int], tuple[str, float]] = {}


def _is_new(shell: Shell, pk: int, told: Told, now: float) -> bool:
    sentence, at = _said.get((id(shell), pk), ("", 0.0))
    if sentence == told.sentence and now - at < REPEATED:
        return False
    if len(_said) > 10_000:
        _said.clear()
    _said[id(shell), pk] = (told.sentence, now)
    return True


async def _accept(shell: Shell, attempt: Deployment) -> Deployment:
    """Note that the device of a one-device address has come for its image; it may come for further parts."""
    now = shell.clock()

    def write(conn: Connection) -> Deployment | None:
        deployments.claim_image(conn, attempt.id, now=now)
        return deployments.advance(conn, attempt, Event.ACCEPT, now=now)

    if attempt.state is not DeploymentState.OFFERED:
        return attempt
    moved = await shell.database.write(write, urgent=True)
    shell.bus.say("deployment", id=attempt.id, device_pk=attempt.device_pk)
    return moved or attempt


async def _image(
    shell: Shell,
    firmware: Firmware,
    attempt: Deployment | None,
    wanted: Part | None = None,
    headers: dict[str, str] | None = None,
) -> ASGIApp:
    try:
        body = await shell.images.body(firmware)
    except (HomieOtaError, OSError) as error:
        log.error("The image %s cannot be read: %s", firmware.filename, error)
        if attempt is not None:
            reason = Reason("image-missing", f"The image could not be read from the store: {error}", False)
            await _move(shell, attempt, Event.BREAK, reason=reason)
        raise HTTPException(503, "Try again later.") from None
    of = wanted or Part(0, len(body), len(body))
    told = {"x-MD5": firmware.md5, "Connection": "close", "Cache-Control": "no-store", **(headers or {})}
    return Transfer(shell, firmware, attempt, of, body, told)


class Transfer:
    """One image on its way, and what becomes of the deployment that it belongs to."""

    def __init__(
        self,
        shell: Shell,
        firmware: Firmware,
        attempt: Deployment | None,
        of: Part,
        body: bytes,
        headers: dict[str, str],
    ) -> None:
        self._shell, self._attempt, self._of, self._total = shell, attempt, of, firmware.size
        self._noted = shell.clock()
        longest = shell.settings.ota.transfer_timeout
        self._sending = Sending(
            body, of, headers, longest=longest, progress=self._progress if attempt else None
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._sending(scope, receive, send)
        finally:
            if self._attempt is not None and scope["method"] == "GET":
                await self._end(self._attempt)

    async def _progress(self, done: int) -> None:
        now = self._shell.clock()
        if self._attempt is None or now - self._noted < EVERY:
            return
        self._noted, number = now, self._attempt.id
        at = self._of.start + done
        await self._shell.database.write(lambda conn: deployments.progress(conn, number, done=at, now=now))
        self._shell.bus.say("deployment", id=number, device_pk=self._attempt.device_pk)

    async def _end(self, attempt: Deployment) -> None:
        if not self._sending.complete:
            reason = broken(self._of.start + self._sending.handed, self._total)
            if self._of.whole:  # who asks for parts may ask for the missing ones again
                await _move(self._shell, attempt, Event.BREAK, reason=reason)
        elif self._of.stop == self._total:
            await _move(self._shell, attempt, Event.FLASH, done=self._total)


async def _move(
    shell: Shell, attempt: Deployment, event: Event, *, reason: Reason | None = None, done: int | None = None
) -> None:
    """Move a deployment from whatever state it has reached by now."""
    now = shell.clock()

    def write(conn: Connection) -> Deployment | None:
        current = deployments.get(conn, attempt.id)
        return current and deployments.advance(conn, current, event, now=now, reason=reason, done=done)

    await shell.database.write(write, urgent=True)
    shell.bus.say("deployment", id=attempt.id, device_pk=attempt.device_pk)
    shell.bus.say("order", device_pk=attempt.device_pk)


Endpoint = Callable[[Request], Awaitable[ASGIApp]]


class Answering:
    """An endpoint as an ASGI application, so that it may answer with an application of its own."""

    def __init__(self, endpoint: Endpoint, *methods: str) -> None:
        self._endpoint, self._methods = endpoint, methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        if request.method in self._methods:
            answer = await self._endpoint(request)
        else:
            answer = _refuse(405, "Only GET.", Allow="GET")
        await answer(scope, receive, send)
