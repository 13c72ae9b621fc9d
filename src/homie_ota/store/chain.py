"""Whether an audit log is as it was written: each row's hash covers the hash before it, and the end is known.

Rule: rows alone decide, so that a log can be checked where it lies, over the API, or in a file of it, without trust in
whoever keeps it. Whoever may write the whole database can forge a whole new chain: then only a hash that somebody kept
elsewhere tells, and that is why the server says its latest one at each start.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

START = "0" * 64
"""What stands before the first row."""

COVERED = ("prev_hash", "at", "who", "what", "why", "from_where")


class Head(NamedTuple):
    """Where a log ended when its last row was written: how many rows there were, and the hash of the last."""

    rows: int
    hash: str


class Findings(NamedTuple):
    """What following a log brought: its end, and the first fault (`seq` of the row, and a sentence), None without."""

    head: Head
    fault: tuple[int, str] | None


def digest(row: Mapping[str, Any]) -> str:
    """The hash of a row, over the hash before it and what the row says."""
    return hashlib.sha256(json.dumps([row[name] for name in COVERED]).encode()).hexdigest()


def follow(
    rows: Iterable[Mapping[str, Any]], *, end: Head | None = None, kept: Collection[str] = ()
) -> Findings:
    """Follow a log from its first row on.

    `end` is what the log says of its own end (None: that is not known); `kept` are hashes that somebody wrote down.
    """
    count, last, missing, fault = 0, START, set(kept) - {START}, None
    for row in rows:
        fault = fault or _fault_of(row, last)
        count, last = count + 1, str(row["hash"])
        missing.discard(last)
    head = Head(count, last)
    return Findings(head, fault or _fault_of_end(head, end) or _fault_of_kept(head, missing))


def _fault_of(row: Mapping[str, Any], last: str) -> tuple[int, str] | None:
    seq = int(row["seq"])
    if row["hash"] != digest(row):
        return seq, f"Row {seq} was changed: it is not what its hash was made of."
    if row["prev_hash"] != last:
        return seq, f"Row {seq} does not follow the row before it: rows were taken out, put in, or moved."
    return None


def _fault_of_end(head: Head, end: Head | None) -> tuple[int, str] | None:
    if end is None or end == head:
        return None
    if head.rows < end.rows:
        return (
            head.rows + 1,
            f"Rows are missing at the end: there were {end.rows}, and there are {head.rows}.",
        )
    return head.rows, f"The end is not the one that was written: expected the hash {end.hash[:16]}…"


def _fault_of_kept(head: Head, missing: Collection[str]) -> tuple[int, str] | None:
    if not missing:
        return None
    return (
        head.rows,
        f"The hash {min(missing)[:16]}… is not in this log: it is another one, or it was written anew.",
    )
