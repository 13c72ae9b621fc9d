"""What to think of one device, as one sentence: what it runs, since when, how it is, and what there is to do.

Rule: the first row of RULES that holds is the verdict. A moment is a value between two halves of the sentence, which
the shell writes in the reader's zone; `tone` says how to colour it, and never says anything that the words do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from homie_ota.model import AWAKE, ENDED, Deployment, DeploymentState, Outcome, State, Way


class Tone(StrEnum):
    """Whether a person is needed."""

    GOOD = "good"
    QUIET = "quiet"  # nothing to do, and nothing to be glad of
    BUSY = "busy"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the verdict is made of; empty and None where it is not known.

    `runs` and `wanted` are a firmware's name and version, `since` when the device began to run it, `heard` when it was
    last heard. `target` is what it should run, as ordered for good. `latest` is its newest attempt, `hold` why that
    waits. `health` is what the last soak of what runs now found. `newer` is a stored image that fits and is newer.
    """

    runs: str
    state: State
    heard: float | None = None
    since: float | None = None
    way: Way = Way.MQTT
    wanted: str = ""
    target: str = ""
    latest: Deployment | None = None
    hold: str = ""
    health: str = ""
    tells: bool = False
    alarms: tuple[str, ...] = ()
    leftovers: int = 0
    quarantined: int = 0
    pinned: str = ""
    newer: str = ""


class Verdict(NamedTuple):
    """The sentence in two halves with a moment between them (None: no moment, and no space for one)."""

    code: str
    tone: Tone
    text: str
    at: float | None = None
    rest: str = ""

    @property
    def plain(self) -> str:
        """The sentence without its moment, for what shows no times."""
        text = self.text.removesuffix(" since") if self.at is not None else self.text
        return text + self.rest


def judge(seen: Seen) -> Verdict:
    """The verdict on one device."""
    return next(found for rule in _RULES if (found := rule(seen)) is not None)


def _what(seen: Seen) -> str:
    return seen.runs or "a firmware that it does not name"


def _runs(seen: Seen) -> str:
    return f"Runs {_what(seen)}"


_STEPS = {
    DeploymentState.OFFERED: "it was offered, and has not answered yet",
    DeploymentState.TRANSFERRING: "the image is on its way",
    DeploymentState.REBOOTING: "it restarts",
    DeploymentState.VERIFYING: "it is back, and is watched for a while",
}


def _updating(seen: Seen) -> Verdict | None:
    if seen.latest is None or seen.latest.state not in _STEPS:
        return None
    text = f"Is being updated to {seen.wanted}: {_STEPS[seen.latest.state]}; wait."
    return Verdict("updating", Tone.BUSY, text)


def _leftover(seen: Seen) -> Verdict | None:
    if not seen.leftovers:
        return None
    rest = "; the broker keeps an image for it, which it takes in at every connect. Clear that."
    return Verdict("leftover", Tone.BAD, _runs(seen), None, rest)


def _harmed(seen: Seen) -> Verdict | None:
    latest = seen.latest
    if latest is None or latest.outcome != Outcome.HARMFUL or _is_over(seen, latest):
        return None
    if seen.state in AWAKE:
        text = f"{_runs(seen)}; the update to {seen.wanted} did harm. {latest.reason}"
    else:
        text = f"Was flashed with {seen.wanted} and is not as it should be. {latest.reason}"
    return Verdict("harmed", Tone.BAD, text.rstrip())


def _is_over(seen: Seen, latest: Deployment) -> bool:
    """Whether the device got another firmware after this attempt had ended, by cable for instance."""
    return seen.since is not None and seen.since > latest.state_since


def _waiting(seen: Seen) -> Verdict | None:
    if seen.latest is None or seen.latest.state is not DeploymentState.QUEUED:
        return None
    hold = seen.hold or "It goes out next."
    return Verdict("waiting", Tone.BUSY, f"{_runs(seen)}; {seen.wanted} waits for it. {hold}")


def _gone(seen: Seen) -> Verdict | None:
    """A device that is lost; one that said goodbye, or sleeps, did what it was to do."""
    if seen.state is not State.LOST:
        return None
    rest = "; it is lost. Look at its power and its Wi-Fi."
    return Verdict("lost", Tone.WARN, f"Ran {_what(seen)} when it was last heard", seen.heard, rest)


def _unknown(seen: Seen) -> Verdict | None:
    if seen.state is not State.UNKNOWN:
        return None
    rest = "; the broker does not know it any more. Delete it here, or switch it on."
    return Verdict("unknown", Tone.WARN, f"Ran {_what(seen)} when it was last heard", seen.heard, rest)


def _alarmed(seen: Seen) -> Verdict | None:
    if seen.alarms:
        return Verdict("alarm", Tone.WARN, f"{_runs(seen)}; {_lower(seen.alarms[0])}")
    if seen.state is State.ALERT:
        return Verdict("alert", Tone.WARN, f"{_runs(seen)} and says that something is wrong with it.")
    return None


def _failed(seen: Seen) -> Verdict | None:
    latest = seen.latest
    if latest is None or latest.state is not DeploymentState.FAILED or _is_over(seen, latest):
        return None
    text = f"{_runs(seen)}; the update to {seen.wanted} failed, and nothing was harmed. {latest.reason}"
    return Verdict("failed", Tone.WARN, text.rstrip())


def _away_from_target(seen: Seen) -> Verdict | None:
    if not seen.target or seen.target == seen.runs or _is_busy(seen):
        return None
    held = f" It is pinned: {seen.pinned}." if seen.pinned else ""
    kept = " It is kept from it; release it when the cause is gone." if seen.quarantined and not held else ""
    return Verdict(
        "off-target",
        Tone.QUIET if held else Tone.WARN,
        f"{_runs(seen)} and should run {seen.target}.{held}{kept}",
    )


def _is_busy(seen: Seen) -> bool:
    return seen.latest is not None and seen.latest.state not in ENDED


def _settled(seen: Seen) -> Verdict:
    """Everything is as it should be: what is left is how it is, and what could be done."""
    words = ", ".join(part for part in (_presence(seen), _health(seen)) if part)
    rest = f", {words}" if words else ""
    return Verdict(
        _code(seen),
        _tone(seen),
        f"{_runs(seen)}{' since' if seen.since else ''}",
        seen.since,
        rest + _end(seen),
    )


def _presence(seen: Seen) -> str:
    known = {State.SLEEPING: "asleep", State.DISCONNECTED: "switched off properly", State.INIT: "starting"}
    return known.get(seen.state, "")


def _health(seen: Seen) -> str:
    if seen.health in ("same", "better"):
        return "healthy"
    if seen.state in AWAKE and seen.tells:
        return "well as far as it tells"
    return ""


def _end(seen: Seen) -> str:
    if seen.pinned:
        return f"; pinned: {seen.pinned}."
    if seen.way is Way.NONE:
        return "; it cannot be updated from here."
    if seen.newer:
        return f"; {seen.newer} is newer and fits."
    return "; nothing to do."


def _code(seen: Seen) -> str:
    if seen.newer and not seen.pinned and seen.way is not Way.NONE:
        return "newer"
    return "settled"


def _tone(seen: Seen) -> Tone:
    return Tone.GOOD if seen.state in AWAKE and seen.way is not Way.NONE else Tone.QUIET


def _lower(sentence: str) -> str:
    """A sentence as the second half of one: `It should …` is `it should …`."""
    return sentence[:1].lower() + sentence[1:]


_RULES = (
    _updating,
    _leftover,
    _harmed,
    _waiting,
    _gone,
    _unknown,
    _alarmed,
    _failed,
    _away_from_target,
    _settled,
)
