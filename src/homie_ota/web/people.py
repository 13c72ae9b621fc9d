"""Who asks: the account, token or openness behind a request, and what they may do.

Rule: a right is asked for by method and path, in the one table NEEDED; what is not in it needs the most.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from starlette.requests import HTTPConnection

from homie_ota.store.accounts import Right

SESSION_COOKIE = "homie_ota_session"
VISIT_COOKIE = "homie_ota_visit"


class Person(NamedTuple):
    """Who asks; `via` is session, token, basic, or open (nobody has to log in)."""

    name: str
    rights: frozenset[Right]
    via: str

    @property
    def may_operate(self) -> bool:
        """Whether they may update, roll out, pin, tag and delete: for what a page offers, never instead of the gate."""
        return Right.DEPLOY in self.rights

    @property
    def may_upload(self) -> bool:
        """Whether they may add firmware."""
        return Right.UPLOAD in self.rights

    @property
    def may_admin(self) -> bool:
        """Whether they may change people, everybody's tokens and settings."""
        return Right.ADMIN in self.rights


ANYONE = Person("anyone", frozenset({Right.READ, Right.UPLOAD, Right.DEPLOY}), "open")
"""Somebody where no login is asked for; accounts and tokens are nobody's then."""

READING = frozenset({"GET", "HEAD", "OPTIONS"})

# The first row that fits counts. None: open to all (the login itself).
NEEDED: tuple[tuple[str, re.Pattern[str], Right | None], ...] = (
    ("*", re.compile(r"/(login|static/.*|healthz|favicon\.ico)|/api/v1/healthz"), None),
    ("*", re.compile(r"/(logout|account)|/api/v1/tokens(/.*)?"), Right.READ),
    ("*", re.compile(r"/people|/api/v1/(people|audit)(/.*)?"), Right.ADMIN),
    ("POST", re.compile(r"/(upload|api/v1/firmware)"), Right.UPLOAD),
    ("POST", re.compile(r"/api/v1/rollouts/preview"), Right.READ),
    ("GET", re.compile(r".*"), Right.READ),
)


def needed(method: str, path: str) -> Right | None:
    """The right that a request needs, None where nobody has to be known."""
    method = "GET" if method in READING else method
    for row_method, pattern, right in NEEDED:
        if row_method in ("*", method) and pattern.fullmatch(path):
            return right
    return Right.DEPLOY


def address(request: HTTPConnection) -> str:
    """Where a request comes from, for logs and limits; uvicorn has looked at the headers of a trusted proxy."""
    return request.client.host if request.client else ""


def network(host: str) -> str:
    """What counts as one guesser: an IPv4 address, or the /64 that a household gets of IPv6."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else host


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    found = _address(host)
    return found is not None and found.is_loopback


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return None
    return found.ipv4_mapped or found if isinstance(found, ipaddress.IPv6Address) else found


def is_near(host: str) -> bool:
    """Whether an address is this machine, or private as home networks are."""
    found = _address(host)
    return found is not None and (found.is_loopback or found.is_private or found.is_link_local)


def is_browser(request: HTTPConnection) -> bool:
    """Whether a person looks at the answer: browsers ask for HTML, curl for anything."""
    return "text/html" in request.headers.get("accept", "")
