"""The partition table of the ESP32 family: what lies where in the flash memory.

Rule: a table is one only with a plausible first row; rows that follow are read until one is none. Facts: ESP-IDF
programming guide, partition tables (rows of 32 bytes: AA 50, type, subtype, offset, size, name, flags; MD5 row EB EB).
"""

from __future__ import annotations

import hashlib
from struct import unpack_from
from typing import NamedTuple

from homie_ota.esp.image.nouns import Check, CheckResult
from homie_ota.esp.image.text import c_string

ROW = 32
_MOST_ROWS = 95
_APP = 0
_LAST_KNOWN_TYPE = 3  # app, data; since ESP-IDF 5.4 boot loader and partition table
_PAGE = 0x1000


class Partition(NamedTuple):
    """One row; offset and size in bytes."""

    type: int
    subtype: int
    offset: int
    size: int
    label: str

    @property
    def holds_app(self) -> bool:
        """Whether it is for an application: factory, one of the OTA slots, test."""
        return self.type == _APP


class Table(NamedTuple):
    """The partitions, and whether the MD5 behind them is right (ABSENT where there is none)."""

    partitions: tuple[Partition, ...]
    md5: CheckResult
    ended: bool

    def check(self) -> Check:
        """What was verified of the table."""
        if self.md5 is not CheckResult.ABSENT:
            return Check("md5", "partition table", self.md5, f"{len(self.partitions)} partitions")
        detail = "this table has no MD5, so a changed bit cannot be told"
        if not self.ended:
            detail = "the table breaks off without an end: it may be cut off"
        return Check(
            "md5", "partition table", CheckResult.ABSENT if self.ended else CheckResult.UNKNOWN, detail
        )


def read_table(data: bytes) -> Table | None:
    """The partition table that `data` begins with; None when it is none."""
    rows: list[Partition] = []
    for at in range(0, min(len(data) - ROW + 1, _MOST_ROWS * ROW), ROW):
        row = data[at : at + ROW]
        partition = _partition(row)
        if partition is None:
            return _ended(rows, data[:at], row) if rows else None
        rows.append(partition)
    return Table(tuple(rows), CheckResult.ABSENT, False) if rows else None


def _partition(row: bytes) -> Partition | None:
    if row[:2] != b"\xaa\x50":
        return None
    kind, subtype, offset, size = unpack_from("<BBII", row, 2)
    known = kind <= _LAST_KNOWN_TYPE or 0x40 <= kind < 0xFF
    plausible = known and size and offset % _PAGE == 0
    return Partition(kind, subtype, offset, size, c_string(row[12:28])) if plausible else None


def _ended(rows: list[Partition], before: bytes, row: bytes) -> Table:
    if row[:2] == b"\xeb\xeb":
        right = row[16:] == hashlib.md5(before, usedforsecurity=False).digest()
        return Table(tuple(rows), CheckResult.VERIFIED if right else CheckResult.WRONG, True)
    return Table(tuple(rows), CheckResult.ABSENT, row == b"\xff" * ROW)
