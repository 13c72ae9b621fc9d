"""Is a device better or worse off than before, and than its untouched siblings at the same time?

Rule: harm is what differs from both (rollout-rules.md, rule 16): a cold night, a restarted access point or a power cut
show in the devices that got nothing, too. What is not known is never harm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median
from typing import NamedTuple

MOST = 99.0
"""A larger gain is told as this one: a hundredfold."""


class Verdict(StrEnum):
    """The answer; UNKNOWN: nothing could be compared."""

    BETTER = "better"
    SAME = "same"
    WORSE = "worse"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """How a device is: free heap in bytes, signal in percent (medians), nodes; None: not known.

    `firmware` is the name of what it runs: another one may have other nodes.
    """

    heap: float | None = None
    signal: float | None = None
    nodes: tuple[str, ...] | None = None
    firmware: str = ""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """From where on less is worse: `heap` as a share (0.2: a fifth less), `signal` in points of its percent.

    `alone`: so many times more is needed where no sibling says what the weather was.
    """

    heap: float = 0.2
    signal: float = 20.0
    alone: float = 1.5


class Finding(NamedTuple):
    """One thing that was compared: a stable word, what it means, and a sentence with its numbers."""

    code: str
    verdict: Verdict
    text: str


class Health(NamedTuple):
    """The verdict with what it rests on."""

    verdict: Verdict
    findings: tuple[Finding, ...] = ()

    @property
    def worst(self) -> Finding | None:
        """The first finding that is harm, None when there is none."""
        return next((each for each in self.findings if each.verdict is Verdict.WORSE), None)

    @property
    def text(self) -> str:
        """All findings as one sentence without its full stop."""
        return "; ".join(each.text for each in self.findings)


def compare(
    before: Snapshot,
    after: Snapshot,
    siblings_before: Sequence[Snapshot],
    siblings_after: Sequence[Snapshot],
    thresholds: Thresholds,
) -> Health:
    """Judge `after` against `before`; the siblings are the same devices in the same order, then and now."""
    siblings = list(zip(siblings_before, siblings_after, strict=True))
    heap = _heap(before, after, siblings, thresholds)
    signal = _signal(before, after, siblings, thresholds)
    findings = tuple(each for each in (heap, signal, _nodes(before, after)) if each is not None)
    return Health(_overall(findings), findings)


def _overall(findings: Iterable[Finding]) -> Verdict:
    """The worst counts; a device that is better in one way and the same in others is better."""
    found = {each.verdict for each in findings}
    ranked = (Verdict.WORSE, Verdict.BETTER, Verdict.SAME)
    return next((each for each in ranked if each in found), Verdict.UNKNOWN)


_Pairs = Sequence[tuple[Snapshot, Snapshot]]


def _heap(before: Snapshot, after: Snapshot, siblings: _Pairs, limits: Thresholds) -> Finding | None:
    """Free heap, as a share of what it was."""
    mine = _share(before.heap, after.heap)
    others = [found for old, new in siblings if (found := _share(old.heap, new.heap)) is not None]
    if mine is None:
        return None
    verdict = _judged(mine, others, limits.heap, limits)
    return Finding(
        "worse-heap", verdict, _said("free heap", mine * 100, [100 * each for each in others], " %")
    )


def _signal(before: Snapshot, after: Snapshot, siblings: _Pairs, limits: Thresholds) -> Finding | None:
    """Signal, in points: its percent is a scale of decibels already (homie-ota.md rule 23)."""
    mine = _difference(before.signal, after.signal)
    others = [found for old, new in siblings if (found := _difference(old.signal, new.signal)) is not None]
    if mine is None:
        return None
    verdict = _judged(mine, others, limits.signal, limits)
    return Finding("worse-signal", verdict, _said("signal", mine, others, " points"))


def _share(old: float | None, new: float | None) -> float | None:
    """By how much of itself it changed; bounded, since a device may tell any number."""
    return None if old is None or old < 1.0 or new is None else min(new / old - 1.0, MOST)


def _difference(old: float | None, new: float | None) -> float | None:
    return None if old is None or new is None else new - old


def _judged(mine: float, others: Sequence[float], margin: float, limits: Thresholds) -> Verdict:
    """Worse, or better, is what is so by the margin on both counts: than before, and than the others by now."""
    apart = (mine, mine - median(others)) if others else (mine / limits.alone,)
    if all(each < -margin for each in apart):
        return Verdict.WORSE
    return Verdict.BETTER if all(each > margin for each in apart) else Verdict.SAME


def _said(what: str, mine: float, others: Sequence[float], unit: str) -> str:
    """`free heap −11 %, untouched −10 % (7 devices)`."""
    if not others:
        return f"{what} {_signed(mine)}{unit}, no untouched device to compare with"
    count = f"{len(others)} device{'s' if len(others) > 1 else ''}"
    return f"{what} {_signed(mine)}{unit}, untouched {_signed(median(others))}{unit} ({count})"


def _signed(number: float) -> str:
    whole = round(number)
    return "±0" if whole == 0 else f"{whole:+d}".replace("-", "−")


def _nodes(before: Snapshot, after: Snapshot) -> Finding | None:
    """Nodes of before that it has no more: harm, unless it now runs a firmware of another name."""
    missing = sorted(set(before.nodes or ()) - set(after.nodes)) if after.nodes is not None else []
    if not missing:
        return None
    names = ", ".join(missing[:5]) + (" …" if len(missing) > 5 else "")
    is_other = before.firmware != after.firmware
    text = f"without the node{'s' if len(missing) > 1 else ''} {names}"
    if is_other:
        return Finding("node-missing", Verdict.SAME, f"{text}, as another firmware may be")
    return Finding("node-missing", Verdict.WORSE, text)
