"""Whether an image is for a device: may it, is it newer, does it fit? One value, for every way in.

Rule: a refusal says why with what is known, and how and when that was learned; what is not known refuses nothing. A
typed reason (`Ask.override`) lifts what `may.LIFTABLE` says and no more; what was lifted goes on to warn.
"""

from __future__ import annotations

from homie_ota.model import Firmware
from homie_ota.rollout.eligibility import lessons, mind
from homie_ota.rollout.eligibility.fit import does_fit
from homie_ota.rollout.eligibility.may import LIFTABLE, RULES, Case
from homie_ota.rollout.eligibility.newer import is_newer
from homie_ota.rollout.eligibility.nouns import (
    Answer,
    Ask,
    Candidate,
    Circumstances,
    Fact,
    Fit,
    Hold,
    Newer,
    Order,
    Reason,
    Room,
    Running,
    Siblings,
    Verdict,
    Weight,
)

__all__ = [
    "LIFTABLE",
    "Answer",
    "Ask",
    "Candidate",
    "Circumstances",
    "Fact",
    "Fit",
    "Hold",
    "Newer",
    "Order",
    "Reason",
    "Room",
    "Running",
    "Siblings",
    "Verdict",
    "Weight",
    "judge",
    "lessons",
]

_FIRST = {Weight.REFUSES: 0, Weight.WARNS: 1, Weight.NOTES: 2}


def judge(
    device: Candidate,
    firmware: Firmware,
    ask: Ask = Ask(),  # noqa: B008 - a value
    around: Circumstances = Circumstances(),  # noqa: B008
) -> Answer:
    """Whether `device` may get `firmware`, whether that is newer, and whether it fits."""
    newer, fit = is_newer(device, firmware), does_fit(device, firmware)
    case = Case(device, firmware, around, ask, newer, fit)
    found = [reason for rule in RULES if (reason := rule(case))]
    found = [_lifted(each) for each in found] if ask.override.strip() else found
    found += mind.of_image(firmware)
    found += [reason for think in mind.THOUGHTS if (reason := think(case))]
    return Answer(tuple(sorted(found, key=lambda each: _FIRST[each.weight])), newer, fit)


def _lifted(reason: Reason) -> Reason:
    if not reason.liftable:
        return reason
    return reason._replace(weight=Weight.WARNS, lifted=True)
