"""The inventory as lines of a sheet (CSV, RFC 4180): which columns there are, and how a cell is written.

Rule: a text that a spreadsheet would take for a formula gets an apostrophe in front, for names come from devices.
Numbers are written as numbers, moments in UTC, and what is not known is empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from homie_ota.model import Address
from homie_ota.rollout.next import Next

Row = Mapping[str, Any]
Cell = str | int | float | None

_BEGINS_A_FORMULA = frozenset("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
"""What OWASP names, and the same signs in full width, which some spreadsheets read alike."""

MARK = "\ufeff"
"""What a spreadsheet wants to see before it takes a file for UTF-8; programs do not want it."""


def _of(name: str) -> Callable[[Row], Cell]:
    return lambda row: row[name]


def _moment(name: str) -> Callable[[Row], Cell]:
    return lambda row: "" if row[name] is None else _written(row[name])


def _written(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _next(row: Row) -> str:
    sentence: Next = row["next"]
    return "".join(each.text if each.at is None else _written(each.at) for each in sentence.pieces)


def _key(row: Row) -> str:
    return Address(row["base"], row["device_id"]).key


def _target(name: str) -> Callable[[Row], Cell]:
    return lambda row: (row["target"] or {}).get(name, "")


def _back(row: Row) -> str:
    """Whether the image that it runs is kept here."""
    return "held" if row["sha256"] else "missing"


COLUMNS: dict[str, Callable[[Row], Cell]] = {
    "id": _key,
    "base": _of("base"),
    "device_id": _of("device_id"),
    "name": _of("name"),
    "state": _of("state"),
    "firmware": _of("fw_name"),
    "version": _of("fw_version"),
    "md5": _of("md5"),
    "sha256": _of("sha256"),
    "target": _target("name"),
    "target_version": _target("version"),
    "target_sha256": _target("sha256"),
    "deployment": lambda row: (row["deployment"] or {}).get("state", ""),
    "next": _next,
    "needs_you": _of("needs"),
    "back": _back,
    "signal": _of("signal"),
    "uptime_s": _of("uptime"),
    "heap": _of("heap"),
    "first_seen": _moment("first_seen"),
    "last_seen": _moment("last_seen"),
    "tags": lambda row: " ".join(row["tags"]),
    "ip": _of("ip"),
    "mac": _of("mac"),
    "homie": _of("homie"),
    "implementation": _of("implementation"),
    "ota": _of("way"),
    "pinned_until": _moment("pinned_until"),
    "pin_reason": _of("pin_reason"),
}
"""Column → what stands in it, from a row as `search` completes it, with `next`: what comes next."""


def head() -> str:
    """The first line: the names of the columns."""
    return _lines([list(COLUMNS)])


def lines(rows: Iterable[Row]) -> str:
    """A line for each row."""
    return _lines([[safe(tell(row)) for tell in COLUMNS.values()] for row in rows])


def safe(cell: Cell) -> Cell:
    """The cell as no spreadsheet runs it."""
    if isinstance(cell, str) and cell.lstrip(" ")[:1] in _BEGINS_A_FORMULA and cell.strip():
        return f"'{cell}"
    return cell


def _lines(rows: Iterable[Iterable[Cell]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()
