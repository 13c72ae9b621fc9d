"""The ESP endpoint: `GET /ota` for devices that ask with the headers of their core, `GET /ota/i/<token>` for pullers.

Rule: an answer is 200 with the image, 304 (nothing for you) or 403 (not you); why is in the log, and in the history of
the device. A refusal is cheap, for anybody may ask.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from homie_ota.errors import HomieOtaError
from homie_ota.esp import request as esp
from homie_ota.esp.request import UpdateRequest
from homie_ota.model import Deployment, DeploymentState, Firmware
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import asking, deployments, events, image_tokens
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.web import asked, plain, transfer
from homie_ota.web.asked import Told
from homie_ota.web.crowd import Crowd
from homie_ota.web.people import address, network
from homie_ota.web.recent import Recent
from homie_ota.web.sending import part
from homie_ota.web.shell import Shell
from homie_ota.web.spelling import spelled
from homie_ota.web.strangers import Networks, Rate, Strangers
from homie_ota.web.words import clean

log = logging.getLogger(__name__)

REPEATED = 600.0
"""Seconds until the same refusal of the same device is written down again: some ask every few seconds, for ever."""
PULLED = "/ota/i/"
"""How the path of an address for one device begins."""
A_MOMENT = 1.0
"""Seconds that an answer which moved nothing is good for whoever asks the same."""
OFTEN = 120
"""Requests a minute of one adopted device, from one address, that are looked at."""
NOT_FROM_THERE = "Not permitted: devices may not ask from this address ([ota] http_networks)."
KNOCKS = "it is not known here; adopt it on the page “Knocking”"
PROBE, PROBE_MD5 = "homie-ota-doctor", "0" * 32
"""The device id with which the doctor asks, and what it has to hear: so it sees which headers a proxy takes away."""
NOT_FOR_PEOPLE = "Not permitted: this address is for ESP8266 and ESP32 devices that look for an update."


class Endpoint:
    """Both addresses of one server, with what they answered a moment ago."""

    def __init__(self, shell: Shell) -> None:
        self._shell = shell
        self.crowd = Crowd(shell.database)
        self._answered: Recent[bool] = Recent(seconds=A_MOMENT)
        self._rate = Rate(most=OFTEN)
        self._networks, self._strangers = Networks(shell.settings.ota.http_networks), Strangers(shell)
        self._images: Recent[list[Firmware]] = Recent(seconds=A_MOMENT)
        self._opened: Recent[tuple[Deployment, Firmware]] = Recent(seconds=A_MOMENT)
        self._written: Recent[str] = Recent(seconds=REPEATED, most=10_000)

    async def by_headers(self, request: Request) -> ASGIApp:
        """`GET /ota`."""
        if not self._networks.has(address(request)):
            return _refuse(403, NOT_FROM_THERE)
        pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in request.headers.raw]
        device = esp.read(pairs)
        if device is None:
            return _refuse(403, NOT_FOR_PEOPLE)
        told = await self._decide(device, address(request))
        who = clean(device.device_id or device.mac or "A device", 64)
        log.info("%s at %s asked: %d, %s", who, address(request), told.status, clean(told.sentence))
        await self._tell(told)
        if told.status != 200 or told.firmware is None:
            heard = {"x-MD5": PROBE_MD5} if device.device_id == PROBE else {}
            return _refuse(told.status, told.sentence, **heard)
        if device.mode == "version":
            firmware = told.firmware
            return _refuse(200, firmware.version, **{"x-version": firmware.version, "x-MD5": firmware.md5})
        return await transfer.image(self._shell, told.firmware, told.deployment)

    async def _decide(self, device: UpdateRequest, host: str) -> Told:
        now, database = self._shell.clock(), self._shell.database
        open_mode = self._shell.settings.ota.open_mode
        if device.is_plain and not await self._knows(device, now):
            await self._strangers.note(device, host)
            return Told(304, KNOCKS)
        adopted = await database.read(lambda conn: _adopted(conn, device)) if device.is_plain else None
        if adopted is not None:
            return await self._of_adopted(adopted, device, host)
        if device.mode == "version":
            return await database.read(lambda conn: asked.version_for(conn, device))
        if open_mode and not await self.crowd.has(device, now):
            return asked.openly(device, await self._stored(device, now))
        if not await self._knows(device, now):
            return Told(403, "this device is not known here")
        return await database.write(
            lambda conn: asked.answer(conn, device, open_mode=open_mode, now=now), urgent=True
        )

    async def _of_adopted(self, adopted: Adopted, device: UpdateRequest, host: str) -> Told:
        look = plain.look_at(self._shell.settings, self._shell.clock())
        who = (adopted.pk, network(host))
        if self._answered.get((*who, device), look.now) or not self._rate.allows(str(who), look.now):
            return plain.NOTHING  # who asks faster than any sketch is no reason to write anything
        told = await self._shell.database.write(
            lambda conn: plain.answer(conn, adopted.pk, device, look, address=host),
            urgent=True,
            durable=adopted.waits,  # an offer is on the disk before its first byte leaves
        )
        if told.status != 200:
            self._answered.put((*who, device), True, look.now)
        self._shell.bus.say("device", device_pk=adopted.pk, state="sleeping")
        return told

    async def _knows(self, device: UpdateRequest, now: float) -> bool:
        if await self.crowd.has(device, now):
            return True
        return await self._shell.database.read(lambda conn: asked.device_of(conn, device)) is not None

    async def _stored(self, device: UpdateRequest, now: float) -> list[Firmware]:
        """The images that a wish could mean, as they were a moment ago."""
        wish = (device.fw_name, device.wanted)
        found = self._images.get(wish, now)
        if found is None:
            found = await self._shell.database.read(lambda conn: asked.stored(conn, device))
            self._images.put(wish, found, now)
        return found

    async def _tell(self, told: Told) -> None:
        """Tell the pages what a known device was answered, and write a refusal into its history."""
        pk, now, shell = told.device_pk, self._shell.clock(), self._shell
        if pk is None:
            return
        number = told.deployment.id if told.deployment else None
        if number is not None:
            shell.bus.say("deployment", id=number, device_pk=pk)
            if told.status != 200:  # the attempt may have ended: the next device's turn
                shell.bus.say("order", device_pk=pk)
        if told.status == 200 or told.quiet or self._written.get(pk, now) == told.sentence:
            return
        self._written.put(pk, told.sentence, now)
        data = {"answer": told.status, "why": clean(told.sentence, 500)}
        await shell.database.write(
            lambda conn: events.add(
                conn, "ota", at=now, device_pk=pk, deployment_id=number, actor="device", data=data
            )
        )

    async def by_token(self, request: Request) -> ASGIApp:
        """`GET /ota/i/<token>`: one image for one device, for a short time; with Range."""
        if not self._networks.has(address(request)):
            return _refuse(403, NOT_FROM_THERE)
        word, now = request.url.path.rpartition("/")[2], self._shell.clock()
        found = await self._lookup(word, now)
        if found is None:
            return _refuse(403, "This address is not good any more: it is for one device and one attempt.")
        attempt, firmware = found
        tag = f'"{firmware.sha256}"'
        # Who goes on with what began as another image gets this one from its start.
        same = request.headers.get("if-range", tag).strip() == tag
        wanted = part(request.headers.get("range") if same else None, firmware.size)
        if wanted is None:
            outside = {"Content-Range": f"bytes */{firmware.size}"}
            return _refuse(416, "There are fewer bytes than that.", **outside)
        if request.method == "GET" and attempt.state is DeploymentState.OFFERED:
            attempt = await self._accept(attempt)
        return await transfer.image(
            self._shell, firmware, attempt, wanted, headers={"Accept-Ranges": "bytes", "ETag": tag}
        )

    async def _lookup(self, word: str, now: float) -> tuple[Deployment, Firmware] | None:
        """What an address opens; never older than a moment, or one who keeps asking would keep it alive."""
        found = self._opened.get(word, now)
        if found is None:
            found = await self._shell.database.read(lambda conn: _open(conn, word, now))
            if (
                found and found[0].state is DeploymentState.REBOOTING
            ):  # it has left once: nothing moves any more
                self._opened.put(word, found, now)
        return found

    async def _accept(self, attempt: Deployment) -> Deployment:
        """Note that the device has come for its image; it may come for further parts."""
        now, shell = self._shell.clock(), self._shell

        def write(conn: Connection) -> Deployment | None:
            deployments.claim_image(conn, attempt.id, now=now)
            return deployments.advance(conn, attempt, Event.ACCEPT, now=now)

        moved = await shell.database.write(write, urgent=True)
        shell.bus.say("deployment", id=attempt.id, device_pk=attempt.device_pk)
        return moved or attempt


class Adopted(NamedTuple):
    """A plain Arduino device that was adopted, and whether something is queued for it."""

    pk: int
    waits: bool


def _adopted(conn: Connection, device: UpdateRequest) -> Adopted | None:
    """The adopted device that asks; None for any other."""
    pk = asked.device_of(conn, device)
    if pk is None or not asking.is_adopted(conn, pk):
        return None
    return Adopted(pk, asking.waits(conn, pk))


def _open(conn: Connection, word: str, now: float) -> tuple[Deployment, Firmware] | None:
    """What a one-device address opens, as long as its attempt waits for the device."""
    attempt = image_tokens.find(conn, word, now=now)
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


class Answering:
    """A method of the endpoint as an ASGI application, so that it may answer with an application of its own.

    It needs nothing around it: a thousand slow readers should not each hold the layers that pages go through.
    """

    def __init__(self, answer: Callable[[Request], Awaitable[ASGIApp]], *methods: str) -> None:
        self._answer, self._methods = answer, methods

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self._choose(Request(scope, receive)))(scope, receive, send)

    async def _choose(self, request: Request) -> ASGIApp:
        if request.method not in self._methods:
            return _refuse(405, "Only GET.", Allow="GET")
        try:
            return await self._answer(request)
        except HomieOtaError as error:
            log.error("A device at %s could not be answered: %s", address(request), error)
            return _refuse(503, "Try again later.")
