"""When notices are sent, and how many in one message: not at night, and not a hundred at once.

Rule: nothing is dropped. What comes together waits a moment for the rest; what is more than an hour may have comes as
one message, with a line for each. A test goes at once, with whatever waits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from homie_ota.announce.notices import BAD, MIND, Notice

MOMENT, LONGEST_MOMENT = 5.0, 30.0
"""Seconds without a further notice until the first is sent, and at most."""
HOUR = 3600.0
FEW = 3
"""As many may come one by one."""
LINES = 20
"""Lines of a message about many."""


class Dated(NamedTuple):
    """A notice with the number and time of its event."""

    seq: int
    at: float
    notice: Notice


class Message(NamedTuple):
    """What is sent, and up to which event it tells."""

    title: str
    body: str
    level: str
    upto: int


def due(
    waiting: Sequence[Dated], sent: Sequence[float], now: float, *, per_hour: int, is_quiet: bool
) -> Sequence[Dated]:
    """Which of them one message is made of now; none: wait. `sent` are the times of the latest messages."""
    if not waiting:
        return ()
    if any(each.notice.kind is None for each in waiting):
        return waiting
    left = per_hour - sum(0 <= now - at < HOUR for at in sent)
    if is_quiet or left < 1 or _is_growing(waiting, now):
        return ()
    return waiting[:1] if len(waiting) <= min(FEW, left) else waiting


def _is_growing(waiting: Sequence[Dated], now: float) -> bool:
    return 0 <= now - waiting[-1].at < MOMENT and 0 <= now - waiting[0].at < LONGEST_MOMENT


def message(told: Sequence[Dated], link: Callable[[str], str]) -> Message:
    """One notice as it is, several as a list."""
    if len(told) == 1:
        only = told[0]
        return Message(only.notice.title, only.notice.body(link), only.notice.level, only.seq)
    lines = [f"- {each.notice.title}: {each.notice.text}"[:200].rstrip(": ") for each in told[:LINES]]
    more = len(told) - len(lines)
    if more > 0:
        lines.append(f"- and {more} more")
    levels = {each.notice.level for each in told}
    level = next((each for each in (BAD, MIND) if each in levels), told[0].notice.level)
    title = f"homie-ota: {len(told)} messages"
    return Message(title, "\n".join([*lines, link("/log")]), level, told[-1].seq)
