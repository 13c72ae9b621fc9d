"""A rollout as a punch card: a line a wave, a character a device, and for whom there is room.

Rule: the character is one of PUNCHES; a device that is under way has that of its deployment. What each character means
is a word, too, for whoever cannot see it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from homie_ota.model import DeploymentState
from homie_ota.rollout.plan import MemberState

M, S = MemberState, DeploymentState


class Punch(NamedTuple):
    """One character: what is printed, its stable word, and what it means."""

    sign: str
    word: str
    meaning: str


WAITS = Punch(".", "waiting", "waits for its turn")
HELD = Punch(
    ":", "held", "its turn, but something holds it back: asleep, away, pinned, or a pause after an attempt"
)
SENDING = Punch("#", "sending", "the image is being sent to it")
RESTARTS = Punch("r", "restarting", "got the image and restarts")
VERIFIES = Punch("v", "verifying", "runs the image; is it well?")
GOOD = Punch("+", "good", "runs the image and is well")
BOOTED = Punch("+", "booted", "runs the image; it tells no statistics, so its health is not known")
UNHARMED = Punch("!", "unharmed", "failed without harm: the old image runs")
HARM = Punch("X", "harm", "harmed: flashed, and not as it should be")
ABSENT = Punch("=", "absent", "never woke up; a late joiner")
SAME = Punch("s", "same", "runs this image already")
TAKEN = Punch("-", "withdrawn", "taken back before it was sent")
LEFT_OUT = Punch("/", "skipped", "left out")
GOES_BACK = Punch("<", "reverting", "goes back to the old image")
BACK = Punch("b", "reverted", "is back on the old image")
STUCK = Punch("?", "stranded", "has no way back, or it failed")

PUNCHES = (
    WAITS, HELD, SENDING, RESTARTS, VERIFIES, GOOD, BOOTED, UNHARMED, HARM, ABSENT, SAME, TAKEN, LEFT_OUT, GOES_BACK,
    BACK, STUCK,
)  # fmt: skip
"""Every one, in the order of the legend."""

BY_OUTCOME: Mapping[MemberState, Punch] = {
    M.WAITING: WAITS,
    M.QUEUED: WAITS,
    M.RUNNING: SENDING,
    M.VERIFIED: GOOD,
    M.BOOTED: BOOTED,
    M.UNHARMED: UNHARMED,
    M.HARMFUL: HARM,
    M.ABSENT: ABSENT,
    M.SKIPPED: LEFT_OUT,
    M.SAME: SAME,
    M.WITHDRAWN: TAKEN,
    M.REVERTING: GOES_BACK,
    M.REVERTED: BACK,
    M.STRANDED: STUCK,
}
UNDER_WAY: Mapping[DeploymentState, Punch] = {
    S.OFFERED: SENDING,
    S.TRANSFERRING: SENDING,
    S.REBOOTING: RESTARTS,
    S.VERIFYING: VERIFIES,
}

A_ROW = 100
"""Devices in one row of a wave that is too large for a link each."""

MOST_LINKS = 600
"""Devices that have a link of their own on one page: thousands are for nobody."""


def punch(outcome: MemberState, state: DeploymentState | None = None, *, held: bool = False) -> Punch:
    """The character of a member: what became of it, the state of its deployment, and whether something holds it."""
    if outcome is M.RUNNING and state is not None:
        return UNDER_WAY.get(state, SENDING)
    return HELD if held and outcome is M.QUEUED else BY_OUTCOME[outcome]


def drawn_singly(sizes: Mapping[int, int]) -> frozenset[int]:
    """The waves that get a link a device, by their sizes: the smallest first, as long as there is room."""
    chosen, left = set(), MOST_LINKS
    for number, size in sorted(sizes.items(), key=lambda each: (each[1], each[0])):
        left -= size
        if left < 0:
            break
        chosen.add(number)
    return frozenset(chosen)


CODES: Mapping[Punch, str] = {each: "o" if each is BOOTED else each.sign for each in PUNCHES}
"""A letter for each, in which thousands are counted quickly: the two that share a character have two."""

_BY_CODE = {code: each for each, code in CODES.items()}

Counts = tuple[tuple[Punch, int], ...]


class Row(NamedTuple):
    """A row of a large wave: who is first in it (counts from 0), runs of the same character, how many are what."""

    first: int
    runs: Counts
    counts: Counts


def rows(codes: str) -> list[Row]:
    """The rows of a large wave, given as codes."""
    parts = ((at, codes[at : at + A_ROW]) for at in range(0, len(codes), A_ROW))
    return [Row(at, _runs(part), counted(part)) for at, part in parts]


def _runs(codes: str) -> Counts:
    found = []
    while codes:
        rest = codes.lstrip(codes[0])
        found.append((_BY_CODE[codes[0]], len(codes) - len(rest)))
        codes = rest
    return tuple(found)


def counted(codes: str) -> Counts:
    """How many there are of each, in the order of the legend."""
    known = set(codes)
    return tuple((each, codes.count(code)) for code, each in _BY_CODE.items() if code in known)


def label(counts: Counts) -> str:
    """The counts in words: `8 good, 1 harm`."""
    return ", ".join(f"{count} {each.word}" for each, count in counts)
