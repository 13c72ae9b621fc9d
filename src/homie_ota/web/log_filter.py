"""What a reader of the log asks for: the words in the address, and the events that they mean.

Rule: what has no meaning is answered with a sentence that says what would have; the page and its form stay.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from homie_ota.errors import Conflict, HomieOtaError, NotFound, WrongUse
from homie_ota.store import devices
from homie_ota.store import firmware as firmwares
from homie_ota.store.database import Connection
from homie_ota.store.log import Wanted
from homie_ota.web.texts import _

FIELDS = ("device", "firmware", "who", "kind", "since", "until")
"""The words of the address, and of the form."""

KINDS: dict[str, Callable[[], str]] = {
    "deployment": lambda: _("updates"),
    "rollout": lambda: _("rollouts"),
    "firmware": lambda: _("what devices run"),
    "ota": lambda: _("requests over HTTP"),
    "device": lambda: _("after an update"),
    "address": lambda: _("new addresses"),
    "alarm": lambda: _("alarms"),
    "quarantine": lambda: _("quarantine"),
    "leftover": lambda: _("leftovers on the broker"),
    "cure": lambda: _("cures"),
    "mark": lambda: _("pins, tags, notes"),
    "property": lambda: _("properties set"),
    "removal": lambda: _("deleted devices"),
    "adopted": lambda: _("adopted devices"),
    "server": lambda: _("the server itself"),
    "refused": lambda: _("refused in Home Assistant"),
    "test": lambda: _("tests of who is told"),
    "retention": lambda: _("what was pruned"),
}
"""Kinds of events that this server writes, as people read them."""


class Filter(NamedTuple):
    """What was typed, what it means, and what is wrong with it (empty: nothing)."""

    typed: dict[str, str]
    wanted: Wanted
    sentence: str = ""


def read(conn: Connection, query: Mapping[str, str], now: float) -> Filter:
    """The filter of an address."""
    typed = {name: query.get(name, "").strip()[:300] for name in FIELDS}
    try:
        return Filter(typed, _wanted(conn, typed, now))
    except (NotFound, Conflict, WrongUse) as error:
        return Filter(typed, Wanted(), _said(error))


def _said(error: HomieOtaError) -> str:
    return str(error)


def _wanted(conn: Connection, typed: Mapping[str, str], now: float) -> Wanted:
    since, until = (moment(typed[name], now) for name in ("since", "until"))
    if since is not None and until is not None and since > until:
        raise WrongUse(_("“Since” is after “until”: nothing can be in between."))
    return Wanted(
        device_pk=devices.resolve(conn, typed["device"]) if typed["device"] else None,
        sha256=_image(conn, typed["firmware"]) if typed["firmware"] else "",
        actor=typed["who"][:64],
        kind=typed["kind"][:32],
        since=since,
        until=until,
    )


_HASH = re.compile(r"[0-9a-f]{64}")


def _image(conn: Connection, text: str) -> str:
    """An image by its hash (it may be deleted by now), its file, or its name and version."""
    if _HASH.fullmatch(text.lower()):
        return text.lower()
    stored = firmwares.by_filename(conn, text)
    return stored.sha256 if stored else firmwares.resolve(conn, text).sha256


_AGO = re.compile(r"(\d{1,6})\s*(s|min|m|h|d|w)", re.IGNORECASE)
_UNITS = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}


def moment(text: str, now: float) -> float | None:
    """`2h` (ago), a day, or a time in UTC; None for no text. WrongUse for what is none of them."""
    if not text:
        return None
    ago = _AGO.fullmatch(text)
    if ago:
        return now - int(ago[1]) * _UNITS[ago[2].lower()]
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise WrongUse(
            _(
                "“%(text)s” is no time. Expected is how long ago (10m, 2h, 3d), a day (2026-11-23), or a time in UTC "
                "(2026-11-23 14:05).",
                text=text[:60],
            )
        ) from None
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
