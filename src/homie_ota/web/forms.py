"""Against forms that another site fills in: a word that only our own pages know, and where a request comes from.

Rule: whatever a browser sends that changes something must come from our own page (Origin, or what stands in for it),
and a form must carry the word. Programs like curl send nothing of a browser; no other site can make them do anything.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from homie_ota.errors import NotAllowed
from homie_ota.web.people import SESSION_COOKIE, VISIT_COOKIE
from homie_ota.web.proxies import INGRESS, prefix_of

FIELD = "word"
_BROWSER_HEADERS = ("origin", "referer", "sec-fetch-site", "sec-fetch-mode", "cookie")


def comes_from_a_browser(request: HTTPConnection) -> bool:
    """True where anything hints at a browser, which other sites can make send things."""
    if any(name in request.headers for name in _BROWSER_HEADERS):
        return True
    return "mozilla" in request.headers.get("user-agent", "").lower()


def is_same_site(request: HTTPConnection, also: set[str]) -> bool:
    """Whether a browser's request was made by a page of ours; `also` are further names we are known by."""
    told = request.headers.get("sec-fetch-site")
    if told is not None:
        return told in ("same-origin", "none")
    source = request.headers.get("origin") or request.headers.get("referer")
    if source is None:
        # Browsers that send neither are older than 2020; what they send as a form has to carry the word.
        return SESSION_COOKIE not in request.cookies and VISIT_COOKIE not in request.cookies
    try:
        host = urlsplit(source).netloc.lower()
    except ValueError:
        return False
    return bool(host) and host in {request.headers.get("host", "").lower(), *also}


def _secret(request: HTTPConnection) -> str:
    return request.cookies.get(SESSION_COOKIE) or request.cookies.get(VISIT_COOKIE) or ""


def _word(secret: str) -> str:
    return hashlib.sha256(f"homie-ota form {secret}".encode()).hexdigest()[:40]


def _masked(word: str) -> str:
    """The word as one page carries it: never the same twice, so that the size of a packed page tells nothing of it."""
    pad = secrets.token_bytes(len(word) // 2)
    return (pad + bytes(a ^ b for a, b in zip(pad, bytes.fromhex(word), strict=True))).hex()


def _unmasked(given: str) -> str:
    try:
        both = bytes.fromhex(given)
    except ValueError:
        return ""
    half = len(both) // 2
    return bytes(a ^ b for a, b in zip(both[:half], both[half:], strict=False)).hex()


class Visit:
    """The word of one page, and the cookie that it belongs to where the visitor has none yet."""

    def __init__(self, request: HTTPConnection) -> None:
        known = _secret(request)
        self._new = "" if known else secrets.token_urlsafe(24)
        self.word = _masked(_word(known or self._new))

    def remember(self, request: HTTPConnection, response: Response) -> None:
        """Set the cookie, where it is a new one."""
        if self._new:
            set_cookie(request, response, VISIT_COOKIE, self._new)


def set_cookie(
    request: HTTPConnection, response: Response, name: str, value: str, seconds: float | None = None
) -> None:
    """Set a cookie that no script and no other site gets."""
    response.set_cookie(
        name,
        value,
        max_age=None if seconds is None else int(seconds),
        path=cookie_path(request),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="lax",
    )


def cookie_path(request: HTTPConnection) -> str:
    """Where a browser sends our cookies: inside Home Assistant not to its other add-ons, which share its name."""
    return f"{prefix_of(request.scope, '')}/" if request.scope.get(INGRESS) else "/"


def check(request: Request, given: object) -> None:
    """Raise NotAllowed where a browser's form does not carry the word of our page."""
    if not comes_from_a_browser(request):
        return
    secret = _secret(request)
    if not secret or not hmac.compare_digest(_unmasked(str(given or "")), _word(secret)):
        raise NotAllowed(
            "This form is too old, or not one of ours. Load the page again and repeat what you did."
        )
