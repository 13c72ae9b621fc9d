"""`POST /upload`: for curl a line of text, for a browser the way to a page, for a page with scripts a piece of one.

Rule: what was typed stays in the form where an upload is refused; the field for a reason is there only where a reason
may lift the refusal; and what was typed and not taken is said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from homie_ota.errors import BadFirmware, HomieOtaError, WrongUse
from homie_ota.web import firmware_actions, forms
from homie_ota.web.firmware_actions import Remark, Uploaded
from homie_ota.web.people import is_browser
from homie_ota.web.render import link, page, see
from homie_ota.web.shell import shell_of
from homie_ota.web.texts import _

EMPTY_FORM: dict[str, Any] = {"typed": {}, "overridable": False, "untitled": False}
"""What the template of the form needs where nothing was typed."""

PART = "part"
"""In the query of an upload: the page stays, and wants to show what came of it in its place."""


def upload_address(request: Request) -> str:
    """Where curl sends images."""
    return str(request.url.replace(path=link(request, "/upload"), query=""))


async def upload(request: Request) -> Response:
    """`POST /upload`: `Firmware from <filename> uploaded as <path>/<name>-<version>.bin`."""
    typed: dict[str, str] = {}
    for_part = PART in request.query_params
    try:
        done = await firmware_actions.upload(request, check_form=partial(forms.check, request), fields=typed)
    except HomieOtaError as error:
        if for_part:
            return page(
                request, "upload_answer.html", status=error.status, done=None, **_refused(error, typed)
            )
        if not is_browser(request) or not isinstance(error, BadFirmware | WrongUse):
            raise
        return page(request, "refused.html", status=error.status, **_refused(error, typed))
    if for_part:
        return page(request, "upload_answer.html", **EMPTY_FORM, done=done, remarks=remarks(done.remarks))
    if is_browser(request):
        return see(request, "/firmware", uploaded=done.firmware.sha256, said=",".join(done.remarks))
    return _line(request, done)


def _line(request: Request, done: Uploaded) -> Response:
    where = shell_of(request).images.directory / done.firmware.filename
    minds = "".join(f"Mind: {each}\n" for each in (*remarks(done.remarks), *done.firmware.warnings))
    return PlainTextResponse(f"Firmware from {done.filename} uploaded as {where}\n{minds}")


def _refused(error: HomieOtaError, typed: Mapping[str, str]) -> dict[str, Any]:
    told = {
        **EMPTY_FORM,
        "typed": typed,
        "findings": (),
        "sentence": str(error),
        "filename": "",
        "remarks": (),
    }
    if isinstance(error, BadFirmware):
        return told | {
            "findings": error.findings,
            "overridable": error.overridable,
            "filename": error.filename,
        }
    # The reason was accepted, and is typed once only: without its field the next try would be refused again.
    untitled = isinstance(error, WrongUse)
    return told | {"untitled": untitled, "overridable": untitled and bool(typed.get("override", "").strip())}


_REMARKS: dict[Remark, Callable[[], str]] = {
    Remark.AGAIN: lambda: _(
        "This very image was stored already; nothing was added. A description that was typed replaced the old one."
    ),
    Remark.NAME: lambda: _(
        "The typed name or version was not taken: an image that tells its own keeps it, and so does one that is "
        "stored. Build it with another name, or delete it and upload it again."
    ),
    Remark.REASON: lambda: _(
        "The typed reason was not kept: nothing refuses this image, or it is stored already with what was said then."
    ),
}


def remarks(codes: Collection[str]) -> list[str]:
    """What is to be said about an upload that was taken; words that are no codes are left out."""
    return [say() for code, say in _REMARKS.items() if code in codes]
