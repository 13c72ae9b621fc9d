"""What is known of a device that decides whether an image may go there, and the answer.

Rule: values only. Empty and None mean that it is not known. Sizes are bytes, times Unix seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from homie_ota.model import Purpose, Way


class Fact(NamedTuple):
    """One thing learned of a device: its value, the sentence that says how it was learned, and when."""

    value: str
    evidence: str = ""
    at: float | None = None

    @property
    def number(self) -> int | None:
        """The value as a whole number; None when it is none."""
        return int(self.value) if self.value.isdecimal() else None


class Running(NamedTuple):
    """The stored image that a device runs now; `evidence` says how that is known."""

    sha256: str
    md5: str
    name: str
    version: str
    size: int
    chip: str = ""
    flash_size: int = 0
    flash_mode: str = ""
    signed: bool = False
    evidence: str = ""


class Hold(NamedTuple):
    """Something that keeps images from a device until a person takes it away: a pin, a quarantine."""

    reason: str
    at: float | None = None
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What is known of a device, whatever the image. `fact` has what was learned of it, by the names of `lessons`."""

    device_id: str
    way: Way
    way_evidence: str = ""
    implementation: str = ""
    ota_enabled: bool | None = None
    fw_name: str = ""
    fw_version: str = ""
    md5: str = ""
    running: Running | None = None
    pinned: Hold | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def number(self, fact: str) -> int | None:
        """What was learned under this name, as a number; None when nothing was."""
        found = self.facts.get(fact)
        return found.number if found else None


class Siblings(NamedTuple):
    """Other devices with the same MAC vendor (first three bytes) that run a firmware of the same name.

    How many took this very image, how many refused it, and how many took one with the same flash size setting.
    """

    took: int = 0
    refused: int = 0
    took_flash: int = 0


class Circumstances(NamedTuple):
    """What is known of this device together with this image.

    `offer_fits`: the dialect can name the image, in the 16 characters of `$ota` or the 128 of a topic.
    """

    offer_fits: bool = True
    quarantined: Hold | None = None
    siblings: Siblings = Siblings()


class Ask(NamedTuple):
    """Who wants it, and how.

    `named`: a person asked for this image; False where it goes to the device by itself, as a standing target does.
    `override` is a person's typed reason.
    """

    override: str = ""
    named: bool = True
    purpose: Purpose = Purpose.UPDATE


# --- The answer ----------------------------------------------------------------------------------------------------


class Weight(StrEnum):
    """What a reason does to the answer."""

    REFUSES = "refuses"
    WARNS = "warns"
    NOTES = "notes"  # said, and no more


class Reason(NamedTuple):
    """One thing that speaks against, or is to be thought of; `code` is stable, `text` for people.

    `at` is when the evidence was learned; None: it is what the device's row, or the image, says now. A typed reason
    lifts what is `liftable`; `lifted` says that it did, and the reason only warns then.
    """

    code: str
    text: str
    weight: Weight = Weight.WARNS
    evidence: str = ""
    at: float | None = None
    liftable: bool = False
    lifted: bool = False

    def as_data(self) -> dict[str, object]:
        """The reason as JSON."""
        return {**self._asdict(), "weight": self.weight.value}


class Order(StrEnum):
    """How the image's version stands to the one that runs."""

    NEWER = "newer"
    OLDER = "older"
    EQUAL = "equal"
    UNKNOWN = "unknown"


class Newer(NamedTuple):
    """Whether it is newer; never guessed. `same_bytes` is None where the device tells no checksum."""

    answer: Order = Order.UNKNOWN
    text: str = ""
    same_bytes: bool | None = None


class Room(StrEnum):
    """Whether there is room for the image beside what runs."""

    FITS = "fits"
    TOO_LARGE = "too-large"
    UNKNOWN = "unknown"


class Fit(NamedTuple):
    """Whether it fits; `needs` are the bytes that must be free for both images together (or the new one alone)."""

    answer: Room = Room.UNKNOWN
    text: str = ""
    evidence: str = ""
    at: float | None = None
    needs: int = 0


class Verdict(StrEnum):
    """May it?"""

    YES = "yes"
    WARNED = "yes-with-warnings"
    NO = "no"


@dataclass(frozen=True, slots=True)
class Answer:
    """May this device get this image, is it newer, does it fit; `reasons` are those that refuse first."""

    reasons: tuple[Reason, ...] = ()
    newer: Newer = Newer()
    fit: Fit = Fit()

    @property
    def verdict(self) -> Verdict:
        """Yes, yes with warnings, or no."""
        if not self.allowed:
            return Verdict.NO
        return Verdict.WARNED if any(each.weight is Weight.WARNS for each in self.reasons) else Verdict.YES

    @property
    def allowed(self) -> bool:
        """True when nothing refuses."""
        return not self.reasons or self.reasons[0].weight is not Weight.REFUSES

    @property
    def code(self) -> str:
        """The stable word of what refuses first; `eligible` when nothing does."""
        return "eligible" if self.allowed else self.reasons[0].code

    @property
    def refusals(self) -> tuple[Reason, ...]:
        """What speaks against it."""
        return tuple(each for each in self.reasons if each.weight is Weight.REFUSES)

    @property
    def overridable(self) -> bool:
        """True when it is refused, and a typed reason would lift all that refuses."""
        return not self.allowed and all(each.liftable for each in self.refusals)

    @property
    def sentence(self) -> str:
        """Why not, in sentences; empty when it is allowed."""
        return " ".join(each.text for each in self.refusals)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What to think of before, in sentences."""
        return tuple(each.text for each in self.reasons if each.weight is Weight.WARNS)

    @property
    def notes(self) -> tuple[str, ...]:
        """What is known besides, in sentences."""
        return tuple(each.text for each in self.reasons if each.weight is Weight.NOTES)

    def has(self, code: str) -> bool:
        """True when one of the reasons is this one."""
        return any(each.code == code for each in self.reasons)

    def as_data(self) -> dict[str, object]:
        """The answer as JSON."""
        return {
            "verdict": self.verdict.value,
            "code": self.code,
            "reasons": [each.as_data() for each in self.reasons],
            "newer": {"answer": self.newer.answer.value, "text": self.newer.text},
            "fit": {
                "answer": self.fit.answer.value,
                "text": self.fit.text,
                "evidence": self.fit.evidence,
                "at": self.fit.at,
                "needs": self.fit.needs,
            },
        }
