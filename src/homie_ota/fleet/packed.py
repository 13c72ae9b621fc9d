"""Curves as bytes: moments and columns of numbers, small enough for ten thousand devices that tell some each minute.

Rule: whole seconds, single precision, NaN where nothing was told; what cannot be read is None, never an error.
"""

from __future__ import annotations

import struct
import sys
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import NamedTuple

MOST_ROWS, MOST_COLUMNS = 20_000, 512
"""What one bucket may hold; more in a file means that the file is broken."""

_VERSION = 1
_LARGEST = 3.4028234663852886e38
_HEAD = struct.Struct("<BIIHH")  # version, first moment, rows, columns, bytes of the columns' names


class Curves(NamedTuple):
    """`times` are Unix seconds, rising; each of `columns` has a number (NaN: none) for each of them."""

    times: Sequence[int]
    columns: Mapping[str, Sequence[float]]

    def between(self, since: float, until: float) -> Curves:
        """The rows of `since` ≤ time < `until`."""
        chosen = [row for row, at in enumerate(self.times) if since <= at < until]
        return Curves(
            [self.times[row] for row in chosen],
            {name: [values[row] for row in chosen] for name, values in self.columns.items()},
        )


NOTHING = Curves((), {})


def pack(curves: Curves) -> bytes:
    """The bytes of a bucket; rows and columns beyond the caps are left out."""
    times = list(curves.times)[:MOST_ROWS]
    names = list(curves.columns)[:MOST_COLUMNS]
    first = min(max(times[0], 0), 0xFFFF_FFFF) if times else 0
    body = array("I", (min(max(at - first, 0), 0xFFFF_FFFF) for at in times)).tobytes()
    for name in names:
        body += array("f", map(_single, curves.columns[name][: len(times)])).tobytes()
    told = "\n".join(names).encode()
    head = _HEAD.pack(_VERSION, first, len(times), len(names), len(told))
    return head + zlib.compress(told + _shuffled(_little(body)), 3)


def unpack(packed: bytes) -> Curves | None:
    """What `pack` put into these bytes; None when they are something else."""
    try:
        version, first, rows, count, told = _HEAD.unpack_from(packed)
        size = told + 4 * rows * (1 + count)
        if version != _VERSION or rows > MOST_ROWS or count > MOST_COLUMNS:
            return None
        plain = zlib.decompressobj().decompress(packed[_HEAD.size :], size + 1)
        names = plain[:told].decode().split("\n") if told else []
    except (struct.error, zlib.error, UnicodeDecodeError):
        return None
    if len(plain) != size or len(names) != count:
        return None
    body = _little(_joined(plain[told:]))
    offsets, numbers = array("I", body[: 4 * rows]), array("f", body[4 * rows :])
    columns = {name: numbers[rows * at : rows * (at + 1)] for at, name in enumerate(names)}
    return Curves([first + offset for offset in offsets], columns)


def appended(before: Curves, more: Curves) -> Curves:
    """Both, without those of `more` that are not later than `before`'s last: what came twice is taken once."""
    start = bisect_right(more.times, before.times[-1]) if before.times else 0
    if start == len(more.times):
        return before
    names = dict.fromkeys([*before.columns, *more.columns])
    columns = {
        name: [*_column(before, name, 0), *_column(more, name, start)] for name in list(names)[:MOST_COLUMNS]
    }
    return Curves([*before.times, *more.times[start:]], columns)


def joined(buckets: Iterable[Curves]) -> Curves:
    """Buckets that follow one another, as one."""
    found = NOTHING
    for each in buckets:
        found = appended(found, each)
    return found


def _column(curves: Curves, name: str, start: int) -> Sequence[float]:
    missing = (nan,) * (len(curves.times) - start)
    values = curves.columns.get(name)
    return missing if values is None else values[start:]


def _single(number: float) -> float:
    """What single precision cannot hold is no value of a sensor."""
    return number if abs(number) <= _LARGEST else nan


def _little(body: bytes) -> bytes:
    if sys.byteorder == "little":
        return body
    swapped = array("I", body)
    swapped.byteswap()
    return swapped.tobytes()


# First all lowest bytes, then all second ones …: of numbers that are alike the upper bytes are, and pack to nothing.
def _shuffled(body: bytes) -> bytes:
    return body[0::4] + body[1::4] + body[2::4] + body[3::4]


def _joined(shuffled: bytes) -> bytes:
    quarter = len(shuffled) // 4
    body = bytearray(len(shuffled))
    for place in range(4):
        body[place::4] = shuffled[quarter * place : quarter * (place + 1)]
    return bytes(body)
