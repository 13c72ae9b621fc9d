"""A rollout told when it is over, or so far: who runs the image, who not and why, how long it took, how fast it was.

Rule: numbers in, sentences out, without a time of day: moments are values that the shell writes in the reader's zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from homie_ota.rollout.plan import MemberState

M = MemberState
Counts = Mapping[MemberState, int]


class Sent(NamedTuple):
    """What went out: images offered, their bytes, attempts after a first one, and the seconds from first to last."""

    images: int = 0
    bytes: int = 0
    retries: int = 0
    seconds: float = 0.0


_TOLD: tuple[tuple[tuple[MemberState, ...], str, str], ...] = (
    ((M.VERIFIED,), "runs it and is well", "run it and are well"),
    ((M.BOOTED,), "runs it, its health is not known", "run it, their health is not known"),
    ((M.HARMFUL,), "took harm", "took harm"),
    ((M.UNHARMED,), "failed without harm", "failed without harm"),
    ((M.ABSENT,), "never woke up", "never woke up"),
    ((M.REVERTED,), "is back on the old image", "are back on the old image"),
    ((M.REVERTING,), "is on its way back", "are on their way back"),
    ((M.STRANDED,), "has no way back", "have no way back"),
    ((M.SAME,), "ran it already", "ran it already"),
    ((M.SKIPPED,), "was left out", "were left out"),
    ((M.WITHDRAWN,), "was taken back before it was sent", "were taken back before they were sent"),
    ((M.RUNNING,), "is being updated", "are being updated"),
    ((M.WAITING, M.QUEUED), "waits", "wait"),
)

GOOD = (M.VERIFIED, M.BOOTED)
NOT_BROUGHT = (
    M.HARMFUL, M.UNHARMED, M.STRANDED, M.REVERTED, M.REVERTING, M.ABSENT, M.SKIPPED, M.SAME, M.WITHDRAWN,
)  # fmt: skip
"""Members that do not run the image because of this rollout, those first of whom a person should know."""


def counted(counts: Counts) -> str:
    """What became of so many: `38 run it and are well, 1 took harm, 2 never woke up`; `nobody` of nobody."""
    told = [(sum(counts.get(each, 0) for each in states), one, many) for states, one, many in _TOLD]
    return (
        ", ".join(f"{count:,} {one if count == 1 else many}" for count, one, many in told if count)
        or "nobody"
    )


def total(counts: Counts, *states: MemberState) -> int:
    """How many are one of these, or all."""
    return sum(count for state, count in counts.items() if not states or state in states)


def headline(counts: Counts, began: float | None, ended: float | None, now: float) -> str:
    """The whole in one sentence; `began` None: it has not started."""
    members = total(counts) - total(counts, M.SKIPPED)
    if began is None:
        return f"It has not started. {members:,} devices wait for it."
    took = span((now if ended is None else ended) - began)
    ending = f"It took {took}." if ended is not None else f"It has been going on for {took}."
    return f"{total(counts, *GOOD):,} of {members:,} devices run the image: {counted(counts)}. {ending}"


def throughput(sent: Sent) -> str:
    """What was sent and how fast: `41 images, 16.4 MB, in 42 min: 59 an hour; 3 of them again`."""
    if not sent.images:
        return "Nothing was sent."
    text = f"{sent.images:,} {'image' if sent.images == 1 else 'images'} sent, {size(sent.bytes)}"
    if sent.seconds > 0 and sent.images > 1:
        text += f", in {span(sent.seconds)}: {3600 * sent.images / sent.seconds:,.0f} an hour"
    return f"{text}; {sent.retries:,} of them again." if sent.retries else f"{text}."


_SPANS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def span(seconds: float) -> str:
    """A time in its two largest units: `3 h 12 min`, `45 s`."""
    left, parts = max(0, int(seconds)), list[str]()
    for unit, word in _SPANS:
        count, left = divmod(left, unit)
        if count or (parts and len(parts) < 2):
            parts.append(f"{count} {word}")
        if len(parts) == 2:
            break
    return " ".join(each for each in parts if not each.startswith("0 ")) or "0 s"


def size(count: int) -> str:
    """Bytes in the unit that people read: `585 KB`, `16.4 MB`."""
    return f"{count / 1024:,.0f} KB" if count < 1024 * 1024 else f"{count / 1024 / 1024:,.1f} MB"
