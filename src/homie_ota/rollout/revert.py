"""Which image each updated member goes back to, who needs none, and who has no way back.

Rule: a member goes back once, to the image that it ran before this rollout, and only if the store has it. Afterwards it
is REVERTING, REVERTED or STRANDED, and is never asked again.
"""

from __future__ import annotations

from typing import NamedTuple

from homie_ota.rollout.plan import MemberState

CONCERNED = frozenset({MemberState.VERIFIED, MemberState.BOOTED, MemberState.HARMFUL})
"""Members that run the new image, or of whom nobody knows what they run."""


class Case(NamedTuple):
    """One member, as the decision needs it.

    `previous` is the SHA-256 of what it ran before the rollout first touched it (empty: not known), `stored` whether
    the store holds that image, `runs` the SHA-256 of what it announces now (empty: not known). `runs_old`: its last
    attempt ended because it came back with the old image. `tried`: a way back was begun before. `refusal` says why
    that image cannot go to this device, as eligibility does.
    """

    state: MemberState
    previous: str
    stored: bool
    runs: str = ""
    runs_old: bool = False
    tried: bool = False
    refusal: str = ""


class Back(NamedTuple):
    """Send this image; the member is REVERTING."""

    sha256: str
    reason: str


class Done(NamedTuple):
    """Nothing to send; the member is REVERTED."""

    reason: str


class Stuck(NamedTuple):
    """Nothing can be sent; the member is STRANDED."""

    reason: str


Step = Back | Done | Stuck


def step(case: Case) -> Step | None:
    """What is done for this member; None when the revert does not concern it."""
    if case.state not in CONCERNED:
        return None
    if case.runs_old or (case.previous and case.runs == case.previous):
        return Done("It runs what it ran before; nothing to send.")
    if case.tried:
        return Stuck("A way back was tried once, and nobody is reverted twice. A person has to look at it.")
    if not case.previous or not case.stored:
        return Stuck(
            "This server does not hold the image that it ran before. Upload it, and update this device to it."
        )
    if case.refusal:
        return Stuck(f"The image that it ran before cannot be sent: {case.refusal}")
    return Back(case.previous, "Back to the image that it ran before.")


class WayBack(NamedTuple):
    """For how many members there is a way back; `asks`: a person has to say yes before the start (rule 17)."""

    text: str
    asks: bool
    warns: bool


def way_back(covered: int, members: int) -> WayBack:
    """What the preview says; `covered` of `members` run an image that the store holds."""
    text = f"way back: {covered} of {members}"
    if covered >= members:
        return WayBack(text, asks=False, warns=False)
    one = f"This server does not hold the image that {'it' if members == 1 else 'the other one'} runs: upload it."
    some = f"For the other {members - covered} this server does not hold the image that they run: upload it."
    missing = f"{text}. {one if members - covered == 1 else some}"
    return WayBack(missing, asks=members > 1, warns=True)
