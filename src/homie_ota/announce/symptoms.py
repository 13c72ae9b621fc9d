"""When something is wrong with the server itself, and when it is over: by the readings of its health.

Rule: what began ends only when it is clearly over, so that nothing at an edge is told again and again. Readings come
in, turns go out: nothing here looks at a clock or a disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from homie_ota.rollout.rhythm import spell
from homie_ota.store.disks import Disk
from homie_ota.store.troubles import Key, Trouble
from homie_ota.store.vitals import AHEAD, VERSION_DAY

BROKER_LOST, BROKER_DROPS, DISK_FULL, CLOCK_WRONG = "broker-lost", "broker-drops", "disk-full", "clock-wrong"
CALM = 3600.0
"""Seconds without a further dropped message after which that is over."""
ROOM = 1.2
"""So many times as much as is enough has to be free again."""


class Reading(NamedTuple):
    """The server's health at a moment; `broker_since` is when the link last came or went, `dropped` counts messages.

    `newest` is the time of the newest event, `largest` the size of the largest image that may come.
    """

    now: float
    connected: bool
    broker_since: float
    broker_error: str
    dropped: int | None
    disks: tuple[Disk, ...]
    largest: int
    newest: float


class Memory(NamedTuple):
    """What was seen before: how many messages the broker had dropped, and when that last grew."""

    dropped: int | None
    grew_at: float


class Turn(NamedTuple):
    """One thing that began or ended, and the sentence for it."""

    key: Key
    has_begun: bool
    text: str


def remember(memory: Memory | None, seen: Reading) -> Memory:
    """What to know at the next look."""
    if memory is None:
        return Memory(seen.dropped, seen.now)
    known = memory.dropped if seen.dropped is None else seen.dropped
    return Memory(known, seen.now if _grown(memory, seen) else memory.grew_at)


def _grown(memory: Memory | None, seen: Reading) -> int:
    """What was dropped before the first look is history; a smaller number is that of a broker that began anew."""
    if memory is None or memory.dropped is None or seen.dropped is None:
        return 0
    return max(0, seen.dropped - memory.dropped)


def turns(
    before: Memory | None, seen: Reading, standing: Mapping[Key, Trouble], broker_lost: float
) -> list[Turn]:
    """What began and what ended; `broker_lost` are the seconds that the broker may be away."""
    found = [
        *_broker(seen, standing, broker_lost),
        *_drops(before, seen, standing),
        *(turn for disk in seen.disks for turn in _disk(disk, seen.largest, standing)),
        *_clock(seen, standing),
    ]
    return [turn for turn in found if turn.has_begun != (turn.key in standing)]


def _broker(seen: Reading, standing: Mapping[Key, Trouble], patience: float) -> Iterator[Turn]:
    key = Key(BROKER_LOST)
    away = seen.now - seen.broker_since
    if not seen.connected and away >= patience:
        why = seen.broker_error.rstrip(".")
        yield Turn(key, True, f"The broker has been away for {spell(away)}{f': {why}' if why else ''}.")
    if seen.connected and key in standing:
        yield Turn(key, False, f"The broker is back{_after(seen, standing[key])}.")


def _after(seen: Reading, trouble: Trouble) -> str:
    took = seen.now - trouble.since
    return f" after {spell(took)}" if took > 0 else ""


def _drops(before: Memory | None, seen: Reading, standing: Mapping[Key, Trouble]) -> Iterator[Turn]:
    key, memory, new = Key(BROKER_DROPS), remember(before, seen), _grown(before, seen)
    if new:
        yield Turn(
            key, True, f"The broker dropped {new} message{'s' * (new > 1)}. What was missed is read again."
        )
    elif key in standing and not 0 <= seen.now - memory.grew_at < CALM:
        yield Turn(key, False, "The broker has not dropped any more messages for an hour.")


def _disk(disk: Disk, largest: int, standing: Mapping[Key, Trouble]) -> Iterator[Turn]:
    key = Key(DISK_FULL, disk.path)
    free = f"{disk.free / (1 << 20):,.0f} MB of {disk.total / (1 << 20):,.0f} MB are free"
    if disk.is_low(largest):
        yield Turn(key, True, f"The disk of {disk.path} is nearly full: {free}.")
    elif key in standing and disk.free >= min(ROOM * disk.enough(largest), disk.total):
        yield Turn(key, False, f"The disk of {disk.path} has room again: {free}.")


def _clock(seen: Reading, standing: Mapping[Key, Trouble]) -> Iterator[Turn]:
    key = Key(CLOCK_WRONG)
    is_early, is_back = seen.now < VERSION_DAY, seen.newest > seen.now + AHEAD
    if is_early:
        yield Turn(key, True, "This machine's clock is before the day on which this version was made.")
    elif is_back:
        yield Turn(
            key,
            True,
            "This machine's clock was put back, or was wrong before: the log has events of the future.",
        )
    elif key in standing and seen.newest <= seen.now:
        yield Turn(key, False, "This machine's clock agrees with the log again.")
