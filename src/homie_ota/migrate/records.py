"""What stands in the `inventory.json` and `sensors.json` of the old server: device id → key → text.

Rule: what Python 3 wrote into them (`"b'ready'"` for `ready`), and a file that was cut off while it was written, are
read for what they meant; nothing raises, and what could not be read is told.
"""

from __future__ import annotations

import ast
import json
import re
from typing import NamedTuple

Record = dict[str, str]

_BYTES = re.compile(r"""b(?P<quote>['"]).*(?P=quote)""", re.DOTALL)
_DEEPEST = 3
"""How often a text may have been put in quotes: a value that was read and written again by Python 3 has two."""

_decoder = json.JSONDecoder()


class Records(NamedTuple):
    """Records by device id; `repaired` values that Python 3 had put in quotes; `problem`: what was wrong, or empty."""

    by_device: dict[str, Record]
    repaired: int = 0
    problem: str = ""


def read(text: str) -> Records:
    """The records of one file; of a file that is no whole JSON those before the damage."""
    try:
        found = json.loads(text)
        problem = "" if isinstance(found, dict) else "it is no list of devices"
    except (ValueError, RecursionError):
        found = _salvaged(text)
        problem = f"it was cut off or damaged; {len(found)} devices before that place could be read"
    records: dict[str, Record] = {}
    repaired = 0
    for device_id, values in found.items() if isinstance(found, dict) else ():
        if isinstance(values, dict):
            records[device_id], fixed = _record(values)
            repaired += fixed
        else:
            problem = problem or f"what stands at {device_id[:60]!r} is no device"
    return Records(records, repaired, problem)


def _record(values: dict[str, object]) -> tuple[Record, int]:
    told = {key: plain(value) for key, value in values.items() if value is not None}
    repaired = sum(1 for key, text in told.items() if text != _as_text(values[key]))
    return told, repaired


def plain(value: object) -> str:
    """The text that a device had sent: without what Python 3 put around it."""
    text = _as_text(value)
    for _ in range(_DEEPEST):
        if not _BYTES.fullmatch(text):
            break
        try:
            inner = ast.literal_eval(text)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            break
        if not isinstance(inner, bytes):
            break
        text = inner.decode(errors="replace")
    return text


def _as_text(value: object) -> str:
    """JSON's other values as the devices send them: `true`, `21.5`."""
    return value if isinstance(value, str) else json.dumps(value)


def _salvaged(text: str, at: int = 0, depth: int = 2) -> dict[str, object]:
    """The members before the damage, with what can be read of the last one."""
    found: dict[str, object] = {}
    here = _after(text, at, "{")
    while here is not None:
        key, here = _value(text, here)
        here = None if here is None else _after(text, here, ":")
        if here is None or not isinstance(key, str):
            break
        value, end = _value(text, here)
        if end is None:
            inside = _salvaged(text, here, depth - 1) if depth > 1 else {}
            found.update({key: inside} if inside else {})
            break
        found[key] = value
        here = _after(text, end, ",")
    return found


def _value(text: str, at: int) -> tuple[object, int | None]:
    """The value that begins here and where it ends; no end where there is no whole one."""
    try:
        return _decoder.raw_decode(text, _skip(text, at))
    except (ValueError, RecursionError):
        return None, None


def _after(text: str, at: int, sign: str) -> int | None:
    """The place behind `sign`, when that is what comes next."""
    at = _skip(text, at)
    return at + 1 if text[at : at + 1] == sign else None


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
