"""What people do here: upload, update, cancel, describe, delete; the same for pages, API and the old routes.

Rule: each action is one function that leaves a row in the audit log in the same transaction and tells the bus; how it
was asked for, and how the answer looks, is the business of the routes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from starlette.requests import Request

from homie_ota.errors import NotFound, WrongUse
from homie_ota.esp.image import clean
from homie_ota.model import Deployment, Firmware
from homie_ota.store import audit, deployments, devices, intake, orders
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.store.receiving import Received
from homie_ota.web import forms, multipart
from homie_ota.web.gate import person_of
from homie_ota.web.people import address
from homie_ota.web.shell import Shell, shell_of


class Actor(NamedTuple):
    """Who acts, and from where, as the audit log has it."""

    name: str
    where: str


def actor_of(request: Request) -> Actor:
    """Who asks for an action."""
    return Actor(person_of(request).name, address(request))


def _note(conn: Connection, actor: Actor, now: float, what: str, why: str = "") -> None:
    audit.add(conn, at=now, who=actor.name, what=what, why=why, from_where=actor.where)


# --- Firmware -----------------------------------------------------------------------------------------------------


class Uploaded(NamedTuple):
    """What came of an upload: the name it had at home, and the firmware it became."""

    filename: str
    firmware: Firmware


async def upload(request: Request, *, check_form: Callable[[object], None] | None = None) -> Uploaded:
    """Take a multipart form with the file `upload` and the fields description, name and version.

    `check_form` sees the field that pages carry before the file is read. Raises BadFirmware, TooLarge, WrongUse….
    """
    shell, actor = shell_of(request), actor_of(request)
    received, fields = await _receive(request, shell, check_form)
    if received is None:
        raise WrongUse("There is no file. Send one as the field “upload”: curl -F upload=@firmware.bin.")
    now = shell.clock()
    stored = await intake.accept(
        shell.database,
        shell.images,
        received,
        now=now,
        by=actor.name,
        name=fields.get("name", ""),
        version=fields.get("version", ""),
        description=fields.get("description", "").strip(),
    )
    what = f"{stored.filename}, SHA-256 {stored.sha256[:12]}, from {clean(received.filename)}"
    await shell.database.write(lambda conn: _note(conn, actor, now, "uploaded firmware", what))
    shell.bus.say("firmware", sha256=stored.sha256)
    return Uploaded(clean(received.filename), stored)


async def _receive(
    request: Request, shell: Shell, check_form: Callable[[object], None] | None
) -> tuple[Received | None, dict[str, str]]:
    fields: dict[str, str] = {}
    received: Received | None = None
    ota = shell.settings.ota
    try:
        async for part in multipart.parts(request, largest=ota.max_upload, longest=ota.upload_timeout):
            if part.filename is None:
                fields[part.name] = await part.text()
            elif part.name == "upload" and part.filename and received is None:
                if check_form is not None:
                    check_form(fields.get(forms.FIELD))
                received = await shell.images.receive(
                    part.chunks, filename=part.filename, max_size=ota.max_upload
                )
    except BaseException:
        if received is not None:
            await shell.images.discard(received)
        raise
    return received, fields


def firmware_of(conn: Connection, filename: str) -> Firmware:
    """The firmware whose stored file has this name: the name is looked up, never taken apart. NotFound."""
    found = firmwares.by_filename(conn, filename)
    if found is None:
        raise NotFound(f"There is no firmware {clean(filename)}.")
    return found


async def delete_firmware(shell: Shell, actor: Actor, sha256: str) -> Firmware:
    """Remove an image from the store; NotFound, or Conflict while in use."""
    gone = await intake.remove(shell.database, shell.images, sha256)
    now, what = shell.clock(), f"{gone.filename}, SHA-256 {gone.sha256[:12]}"
    await shell.database.write(lambda conn: _note(conn, actor, now, "deleted firmware", what))
    shell.bus.say("firmware", sha256=sha256)
    return gone


async def describe_firmware(shell: Shell, actor: Actor, stored: Firmware, text: str) -> Firmware:
    """Change the description of an image."""
    changed = await intake.describe(shell.database, shell.images, stored, text.strip())
    now = shell.clock()
    await shell.database.write(lambda conn: _note(conn, actor, now, "described firmware", stored.filename))
    shell.bus.say("firmware", sha256=stored.sha256)
    return changed


# --- Deployments --------------------------------------------------------------------------------------------------


def meant(conn: Connection, device_pk: int, text: str) -> Firmware:
    """The firmware that `NAME@VERSION` or a SHA-256 means for a device: of several images the one that fits it."""
    name, at, version = text.strip().rpartition("@")
    several = firmwares.named(conn, name, version) if at else []
    if len(several) > 1:
        return orders.choose(conn, device_pk, several)
    return firmwares.resolve(conn, text)


async def order(shell: Shell, actor: Actor, device: str, firmware: str, override: str = "") -> Deployment:
    """Queue a firmware for a device; both as a person names them. NotFound, Conflict, NotEligible."""
    now = shell.clock()

    def write(conn: Connection) -> Deployment:
        pk = devices.resolve(conn, device)
        image = meant(conn, pk, firmware)
        made = orders.order(
            conn, device_pk=pk, sha256=image.sha256, by=actor.name, now=now, override=override.strip()
        )
        what = f"{device} to {image.name} {image.version} ({image.sha256[:12]}), deployment {made.id}"
        _note(conn, actor, now, "ordered an update", f"{what} {override}".strip())
        return made

    made = await shell.database.write(write, urgent=True, durable=True)
    _say(shell, made)
    return made


async def order_all(
    shell: Shell, actor: Actor, firmware: str
) -> tuple[Firmware, list[Deployment], list[tuple[str, str]]]:
    """Queue a firmware for all devices that run one of its name; also says who was skipped, and why."""
    now = shell.clock()

    def write(conn: Connection) -> tuple[Firmware, list[Deployment], list[tuple[str, str]]]:
        image = firmwares.resolve(conn, firmware)
        made, skipped = orders.order_all(conn, name=image.name, sha256=image.sha256, by=actor.name, now=now)
        what = (
            f"all {image.name} to {image.version} ({image.sha256[:12]}): {len(made)}, {len(skipped)} skipped"
        )
        _note(conn, actor, now, "ordered updates", what)
        return image, made, skipped

    image, made, skipped = await shell.database.write(write, urgent=True, durable=True)
    for each in made:
        _say(shell, each)
    return image, made, skipped


async def cancel(shell: Shell, actor: Actor, number: int) -> Deployment:
    """Take back a queued deployment; NotFound, Conflict."""
    now = shell.clock()

    def write(conn: Connection) -> Deployment:
        _note(conn, actor, now, "cancelled an update", f"deployment {number}")
        return deployments.cancel(conn, number, by=actor.name, now=now)

    cancelled = await shell.database.write(write, urgent=True)
    _say(shell, cancelled)
    return cancelled


def _say(shell: Shell, deployment: Deployment) -> None:
    shell.bus.say("deployment", id=deployment.id, device_pk=deployment.device_pk)
    shell.bus.say("order", device_pk=deployment.device_pk)


# --- Devices ------------------------------------------------------------------------------------------------------


async def delete_device(shell: Shell, actor: Actor, device: str) -> str:
    """Forget a device and clear its retained topics; the sentence that says so. NotFound, Conflict, Unreachable."""
    now = shell.clock()
    pk = await shell.database.read(lambda conn: devices.resolve(conn, device))
    cleared = 0
    if shell.forget is not None:
        cleared = await shell.forget(pk)
    else:
        await shell.database.write(lambda conn: devices.remove(conn, pk), urgent=True)
    what = f"{clean(device)}, {cleared} retained topics cleared"
    await shell.database.write(lambda conn: _note(conn, actor, now, "deleted a device", what))
    shell.bus.say("device", device_pk=pk)
    return f"{clean(device)} is forgotten here; {cleared} retained topics were cleared on the broker."
