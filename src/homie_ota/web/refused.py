"""The page after an upload that was not taken: what the file is, what to upload instead, and the form once more.

Rule: what was typed stays in the form; the field for a reason is there only where a reason may lift the refusal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from homie_ota.errors import BadFirmware, WrongUse
from homie_ota.web.render import link, page

EMPTY_FORM: dict[str, Any] = {"typed": {}, "overridable": False, "untitled": False}
"""What the template of the form needs where nothing was typed."""


def upload_address(request: Request) -> str:
    """Where curl sends images."""
    return str(request.url.replace(path=link(request, "/upload"), query=""))


def show(request: Request, error: BadFirmware | WrongUse, typed: Mapping[str, str]) -> Response:
    """The page with the form; `typed` are its fields as they came."""
    told = {**EMPTY_FORM, "typed": typed, "findings": (), "sentence": str(error), "filename": ""}
    if isinstance(error, BadFirmware):
        told |= {"findings": error.findings, "overridable": error.overridable, "filename": error.filename}
    else:
        # The reason was accepted, and is typed once only: without its field the next try would be refused again.
        told |= {"untitled": True, "overridable": bool(typed.get("override", "").strip())}
    return page(request, "refused.html", status=error.status, **told)
