"""How values are said on pages: ages, times, sizes; and texts of devices, cleaned.

Rule: what a device or a file says is cut and freed of control characters here, and escaped by the templates.
"""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime

LONGEST_TEXT = 200
_STEPS = ((86400.0 * 2, 86400, "d"), (3600.0 * 2, 3600, "h"), (60.0 * 2, 60, "min"), (0.0, 1, "s"))


def clean(text: object, longest: int = LONGEST_TEXT) -> str:
    """A text in one line without control or direction characters, cut with an ellipsis."""
    found = str(text)[: longest + 1]
    if found.isascii() and found.isprintable():  # nearly always
        plain = found
    else:
        plain = "".join(c if unicodedata.category(c)[0] != "C" else "�" for c in found)
    return plain if len(plain) <= longest else plain[: longest - 1] + "…"


def duration(seconds: float | None) -> str:
    """`12 s`, `5 min`, `3 h`, `9 d`; empty where it is not known."""
    if seconds is None:
        return ""
    seconds = max(0.0, seconds)
    return next(f"{int(seconds // unit)} {word}" for least, unit, word in _STEPS if seconds >= least)


def age(at: float | None, now: float) -> str:
    """How long ago, `now` under two seconds; empty where it is not known."""
    if not at:
        return ""
    return "now" if now - at < 2 else duration(now - at)


def moment(at: float | None) -> str:
    """`2026-03-01 12:34:56` in UTC; empty where it is not known."""
    if not at:
        return ""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def size(count: int | float | None) -> str:
    """`585 KB`; empty where it is not known."""
    if not count:
        return ""
    if count < 1024:
        return f"{int(count)} B"
    return f"{count / 1024:.0f} KB" if count < 10 * 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"


def flash(count: int | None) -> str:
    """A flash size as people say it, `4 MB`, `512 KB`."""
    if not count:
        return ""
    return f"{count // 1024 // 1024} MB" if count >= 1024 * 1024 else f"{count // 1024} KB"
