"""Answers to what went wrong: a problem document for the API, a page for browsers, one sentence for curl.

Rule: the sentence is that of the error; what nobody foresaw is logged here and told without details.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from homie_ota.errors import HomieOtaError
from homie_ota.web.people import is_browser
from homie_ota.web.render import page

log = logging.getLogger(__name__)

_TITLES = {
    400: "That cannot be done",
    401: "Who are you?",
    403: "Not allowed",
    404: "Not found",
    405: "Not here",
    408: "Too slow",
    409: "Not now",
    413: "Too large",
    415: "Not this type",
    421: "Wrong name",
    422: "That cannot be read",
    429: "Slow down",
    503: "Not reachable",
    507: "The disk is full",
}
_CODES = {400: "wrong-use", 404: "not-found", 405: "wrong-method", 422: "wrong-use"}
WITHOUT_CLASS = {
    "cut-off": (400, "The upload was cut off half-way; nothing was kept."),
    "wrong-method": (405, "This address does not take that method; `Allow` names those that it takes."),
    "failed": (500, "Something went wrong that should not; the log of the server has the details."),
}
"""Codes that no error of ours has: their status, and what they mean."""
UNFORESEEN = "Something went wrong that should not. The log of the server has the details."


def sort(error: Exception) -> tuple[int, str, str]:
    """HTTP status, stable code and sentence of an error."""
    if isinstance(error, HomieOtaError):
        return error.status, error.code, str(error)
    if isinstance(error, HTTPException):
        code = _CODES.get(error.status_code, "failed")
        sentences = {404: "There is nothing at this address.", 405: "This address does not take that method."}
        return error.status_code, code, sentences.get(error.status_code, str(error.detail))
    if isinstance(error, ClientDisconnect):
        return 400, "cut-off", "The upload was cut off half-way. Nothing was kept; send it again."
    return 500, "failed", UNFORESEEN


async def fail(request: Request, error: Exception) -> Response:
    """The answer to an error, in the form that the asker reads."""
    status, code, sentence = sort(error)
    if status == 500:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    title = _TITLES.get(status, "Failed")
    if f"{request.url.path}/".startswith("/api/"):
        more = error.more() if isinstance(error, HomieOtaError) else {}
        answer: Response = problem(status, code, title, sentence, more)
    elif is_browser(request):
        answer = page(request, "error.html", status=status, title=title, sentence=sentence)
    else:
        answer = PlainTextResponse(sentence + "\n", status)
    if (wait := getattr(error, "retry_after", None)) is not None:
        answer.headers["Retry-After"] = str(wait)
    for name, value in (getattr(error, "headers", None) or {}).items():
        answer.headers[name] = value
    return answer


def problem(
    status: int, code: str, title: str, detail: str, more: Mapping[str, object] | None = None
) -> Response:
    """A problem document (RFC 9457), with `more` members of its own."""
    said = {"type": "about:blank", "title": title, "status": status, "detail": detail, "code": code}
    body = {**(more or {}), **said}
    return JSONResponse(body, status, media_type="application/problem+json")
