"""What people do with firmware: upload, write about it, delete, prune; one function each for pages, API, old routes.

Rule: as in `actions`: each leaves a row in the audit log and tells the bus.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

from starlette.requests import Request

from homie_ota.errors import HomieOtaError, NotFound, WrongUse
from homie_ota.esp.image import clean
from homie_ota.model import Firmware
from homie_ota.store import firmware as firmwares
from homie_ota.store import intake, retention
from homie_ota.store.database import Connection
from homie_ota.store.receiving import Received
from homie_ota.web import forms, multipart, signing
from homie_ota.web.actions import Actor, actor_of, note
from homie_ota.web.shell import Shell, shell_of

log = logging.getLogger(__name__)

MOST_VERSIONS = 100_000
"""More than anybody keeps of one name; what is asked for has to end somewhere."""


class Remark(StrEnum):
    """What was typed and not taken: nothing of it is dropped without a word."""

    AGAIN = "again"
    NAME = "name"
    REASON = "reason"


class Uploaded(NamedTuple):
    """What came of an upload: the name it had at home, the firmware it became, and what is to be said about that."""

    filename: str
    firmware: Firmware
    remarks: tuple[Remark, ...] = ()


def remarks_on(stored: Firmware, typed: Mapping[str, str], *, again: bool) -> tuple[Remark, ...]:
    """Name and version that an image tells itself are not those that were typed; a reason may not have been needed."""
    name, version, reason = (
        clean(typed.get(word, "").strip(), 400) for word in ("name", "version", "override")
    )
    other_name = (name and name != stored.name) or (version and version != stored.version)
    found = {
        Remark.AGAIN: again,
        Remark.NAME: bool(other_name),
        Remark.REASON: bool(reason and reason != stored.override),
    }
    return tuple(remark for remark, is_so in found.items() if is_so)


async def upload(
    request: Request,
    *,
    check_form: Callable[[object], None] | None = None,
    fields: dict[str, str] | None = None,
) -> Uploaded:
    """Take a multipart form with the file `upload` and the fields description, name, version, override and signature.

    `check_form` sees the field that pages carry before the file is read; `fields` takes what was typed, also where the
    upload is refused. Raises BadFirmware, TooLarge, WrongUse….
    """
    shell, actor = shell_of(request), actor_of(request)
    fields = {} if fields is None else fields
    received = await _receive(request, shell, check_form, fields)
    if received is None:
        raise WrongUse("There is no file. Send one as the field “upload”: curl -F upload=@firmware.bin.")
    try:
        signer = await signing.check(shell.settings.ota.trusted_keys, received, fields.get(signing.FIELD, ""))
    except BaseException:
        await shell.images.discard(received)
        raise
    now, sha256 = shell.clock(), received.sha256
    again = await shell.database.read(lambda conn: firmwares.get(conn, sha256)) is not None
    stored = await intake.accept(
        shell.database,
        shell.images,
        received,
        now=now,
        by=actor.name,
        **{word: fields.get(word, "").strip() for word in ("name", "version", "description", "override")},
        then=lambda conn, kept: note(conn, actor, now, "uploaded firmware", _what(received, kept, signer)),
    )
    await _uploaded(shell, now, stored)
    return Uploaded(clean(received.filename), stored, remarks_on(stored, fields, again=again))


def _what(received: Received, stored: Firmware, signer: str) -> str:
    what = f"{stored.filename}, SHA-256 {stored.sha256[:12]}, from {clean(received.filename)}"
    what = f"{what}, signed by {signer}" if signer else what
    return f"{what}, although: {stored.override}" if stored.override else what


async def _uploaded(shell: Shell, now: float, stored: Firmware) -> None:
    shell.bus.say("firmware", sha256=stored.sha256)
    try:
        gone = await retention.apply(
            shell.database, shell.images, shell.settings.ota.keep_newest, now, spare=[stored.sha256]
        )
    except HomieOtaError as error:  # the upload is done; what is too much goes the next time
        log.warning("The old images stay for now: %s", error)
        return
    for each in gone:
        shell.bus.say("firmware", sha256=each.sha256)


async def _receive(
    request: Request, shell: Shell, check_form: Callable[[object], None] | None, fields: dict[str, str]
) -> Received | None:
    received: Received | None = None
    ota = shell.settings.ota
    try:
        async for part in multipart.parts(request, largest=ota.max_upload, longest=ota.upload_timeout):
            if part.filename is None or part.name == signing.FIELD:
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
    return received


def firmware_of(conn: Connection, filename: str) -> Firmware:
    """The firmware whose stored file has this name: the name is looked up, never taken apart. NotFound."""
    found = firmwares.by_filename(conn, filename)
    if found is None:
        raise NotFound(f"There is no firmware {clean(filename)}.")
    return found


async def delete(shell: Shell, actor: Actor, sha256: str) -> Firmware:
    """Remove an image from the store; NotFound, or Conflict while somebody needs it."""
    now = shell.clock()

    def then(conn: Connection, gone: Firmware) -> None:
        note(conn, actor, now, "deleted firmware", f"{gone.filename}, SHA-256 {gone.sha256[:12]}")

    gone = await intake.remove(shell.database, shell.images, sha256, then=then)
    shell.bus.say("firmware", sha256=sha256)
    return gone


async def change(
    shell: Shell,
    actor: Actor,
    stored: Firmware,
    *,
    description: str | None = None,
    changelog: str | None = None,
    requires: str | None = None,
) -> Firmware:
    """Change what people write about an image, None stays; WrongUse when `requires` names no versions."""
    now = shell.clock()

    def then(conn: Connection, changed: Firmware) -> None:
        what = stored.filename
        if changed.requires != stored.requires:
            what = f"{what}: requires {changed.requires or 'nothing'}, was {stored.requires or 'nothing'}"
        note(conn, actor, now, "described firmware", what)

    changed = await intake.change(
        shell.database,
        shell.images,
        stored,
        description=description,
        changelog=changelog,
        requires=requires,
        then=then,
    )
    shell.bus.say("firmware", sha256=stored.sha256)
    return changed


# --- Retention ----------------------------------------------------------------------------------------------------


def versions_to_keep(shell: Shell, asked: int | None) -> int:
    """How many versions of each name are to be kept: as asked, else as in the settings. WrongUse where neither says."""
    keep = shell.settings.ota.keep_newest if asked is None else asked
    if not 1 <= keep <= MOST_VERSIONS:
        raise WrongUse(
            "Say how many versions of each name to keep, 1 or more: keep_newest in [ota] of the settings does not."
        )
    return keep


async def prune(shell: Shell, actor: Actor, keep: int) -> list[Firmware]:
    """Delete all but the newest `keep` versions of each name and what somebody needs; what went."""
    gone = await retention.prune(
        shell.database, shell.images, keep, shell.clock(), by=actor.name, where=actor.where
    )
    for each in gone:
        shell.bus.say("firmware", sha256=each.sha256)
    return gone
