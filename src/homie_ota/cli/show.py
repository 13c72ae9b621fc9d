"""How answers look on a terminal: tables, drawn or plain, or JSON.

Rule: what a device or a server said is freed of control and direction characters before a terminal sees it.
"""

from __future__ import annotations

import json
import sys
import time
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

_LONGEST = 60
_STEPS = ((172_800.0, 86400, "d"), (7200.0, 3600, "h"), (120.0, 60, "min"), (0.0, 1, "s"))


def clean(text: object, longest: int = 0) -> str:
    """One line without control or direction characters; cut to `longest` (0: whole)."""
    plain = "".join(char if unicodedata.category(char)[0] != "C" else " " for char in str(text))
    return plain if not longest or len(plain) <= longest else plain[: longest - 1] + "…"


def say(text: str) -> None:
    """A sentence on standard error; several lines stay several."""
    sys.stderr.write("\n".join(f"homie-ota: {clean(line)}" for line in text.splitlines()) + "\n")


def line(text: str = "") -> None:
    """One line on standard output."""
    sys.stdout.write(clean(text) + "\n")


def now(text: str) -> None:
    """One line on standard output, at once: somebody is watching."""
    line(text)
    sys.stdout.flush()


def as_json(value: Any) -> None:
    """A value as JSON; in ASCII, so that nothing in it can act on a terminal."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def as_json_line(value: Any) -> None:
    """A value as JSON on one line, at once."""
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Rows under their heads, aligned, numbers to the right; drawn on a terminal, plain text for a pipe or a file."""
    right = [
        bool(rows) and all(isinstance(row[at], int | float | None) for row in rows)
        for at in range(len(heads))
    ]
    if sys.stdout.isatty():
        from homie_ota.cli.drawing import draw

        draw(heads, [[clean("" if cell is None else cell) for cell in row] for row in rows], right)
        return
    texts = [[clean("" if cell is None else cell, _LONGEST) for cell in row] for row in rows]
    widths = [max(_width(row[at]) for row in (list(heads), *texts)) for at in range(len(heads))]
    for row in (list(heads), *texts):
        cells = [_padded(cell, *how) for cell, how in zip(row, zip(widths, right, strict=True), strict=True)]
        sys.stdout.write("  ".join(cells).rstrip() + "\n")


def pairs(values: Mapping[str, object]) -> None:
    """Names and values, aligned; what is not known is left out."""
    known = {name: value for name, value in values.items() if value not in (None, "")}
    width = max((len(name) for name in known), default=0)
    for name, value in known.items():
        line(f"{name:<{width}}  {value}")


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _padded(text: str, width: int, right: bool) -> str:
    space = " " * (width - _width(text))
    return space + text if right else text + space


def duration(seconds: float | None) -> str:
    """`12 s`, `5 min`, `3 h`, `9 d`; empty where it is not known."""
    if seconds is None:
        return ""
    known = max(0.0, seconds)
    return next(f"{int(known // unit)} {word}" for least, unit, word in _STEPS if known >= least)


def _seconds(moment: object) -> float | None:
    """A time of the API as Unix seconds: it comes as ISO 8601."""
    if isinstance(moment, str) and moment:
        return datetime.fromisoformat(moment).timestamp()
    return float(moment) if isinstance(moment, int | float) and moment else None


def age(moment: object) -> str:
    """How long ago a time of the API was; empty where there is none."""
    return duration(seconds_ago(moment))


def seconds_ago(moment: object) -> float | None:
    """Seconds since a time of the API, below 0 where it is to come; None where there is none."""
    at = _seconds(moment)
    return None if at is None else time.time() - at


def clock(moment: object) -> str:
    """The time of day of a time of the API, here; now where there is none."""
    return time.strftime("%H:%M:%S", time.localtime(_seconds(moment)))


def moment(at: object) -> str:
    """Day and time of a time of the API, here; empty where there is none."""
    seconds = _seconds(at)
    return "" if seconds is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def size(count: int | None) -> str:
    """`585 KB`, of 1024 bytes as on the pages; empty where it is not known."""
    if not count:
        return ""
    return f"{count / 1024:.0f} KB" if count < 10 * 1024 * 1024 else f"{count / 1024 / 1024:.1f} MB"


def percent(part: int | None, whole: int | None) -> str:
    """`45 %`; empty where it is not known."""
    return f"{100 * part // whole} %" if part and whole else ""
