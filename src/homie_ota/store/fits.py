"""Whether an image is for each of some devices, or of all, one by one and with everything that is to be said of it.

Rule: it judges as `orders` does, by the same rules and facts. How many of all it is for, and why not for the others,
`fitting` says without asking each.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy.engine import Connection

from homie_ota.errors import WrongUse
from homie_ota.model import Firmware
from homie_ota.rollout import eligibility
from homie_ota.rollout.eligibility import Answer, Ask, Circumstances, Verdict, lessons
from homie_ota.store import candidates, devices, search
from homie_ota.store.candidates import Subject, Surroundings
from homie_ota.store.matching import Condition
from homie_ota.store.tables import device

FEW = 500
"""So many devices are named in a statement; for more it is quicker to look at all."""
ANSWERS = tuple(Verdict)


@dataclass(frozen=True, slots=True)
class Judged:
    """A device, whether the image is for it, and the code of what refuses first (`eligible` when nothing does)."""

    subject: Subject
    verdict: Verdict
    code: str
    _judge: Callable[[Subject], Answer] = field(repr=False, compare=False)

    @property
    def answer(self) -> Answer:
        """Everything that is to be said of this device; worked out when it is asked for."""
        return self._judge(self.subject)

    @property
    def key(self) -> str:
        """The device's id in routes."""
        return self.subject.address.key

    @property
    def device_id(self) -> str:
        """The device's id."""
        return self.subject.address.device_id

    @property
    def text(self) -> str:
        """Why not, in sentences."""
        return self.answer.sentence


@dataclass(frozen=True, slots=True)
class Fits:
    """`count` of `of` devices may get the image, `warned` of them with warnings."""

    count: int
    of: int
    warned: int = 0


class Part(NamedTuple):
    """A page of judged devices: how many of how many the image fits, and where the next page begins (None: nowhere)."""

    fits: Fits
    devices: list[Judged]
    next: int | None


def judge(
    conn: Connection,
    firmware: Firmware,
    ask: Ask = Ask(),  # noqa: B008 - a value
    *,
    now: float,
    pks: Sequence[int] | None = None,
) -> list[Judged]:
    """The answer for each of these devices that is known (all: None), by id."""
    subjects = candidates.load(conn, _among(pks), now=now)
    if pks is not None and len(pks) > FEW:
        wanted = frozenset(pks)
        subjects = [each for each in subjects if each.pk in wanted]
    around = Surroundings(conn, [firmware], subjects)

    def one(subject: Subject) -> Answer:
        return eligibility.judge(subject.known, firmware, ask, around.of(subject, firmware))

    answers: dict[Hashable, Answer] = {}
    judged = []
    for each in subjects:
        likeness = _likeness(each, around.of(each, firmware))
        answer = answers.get(likeness) or answers.setdefault(likeness, one(each))
        judged.append(Judged(each, answer.verdict, answer.code, one))
    return judged


def _likeness(subject: Subject, around: Circumstances) -> Hashable:
    """What the verdict depends on: a fleet has many devices and few kinds of them, and only their names differ."""
    known, facts = subject.known, subject.known.facts
    seen: Hashable = None
    if facts:
        # Of evidence that contradicts other evidence the moments count; else what it says is enough.
        contradicted = not lessons.AGAINST.isdisjoint(facts)
        seen = (
            tuple(facts.items())
            if contradicted
            else tuple((fact, each.value) for fact, each in facts.items())
        )
    announced = (
        known.way,
        known.implementation,
        known.ota_enabled,
        known.fw_name,
        known.fw_version,
        known.md5,
    )
    return announced, known.pinned is None, around, seen


def _among(pks: Sequence[int] | None) -> Condition | None:
    return device.c.pk.in_(list(pks)) if pks is not None and len(pks) <= FEW else None


def _summed(judged: Sequence[Judged]) -> Fits:
    refused = sum(each.verdict is Verdict.NO for each in judged)
    warned = sum(each.verdict is Verdict.WARNED for each in judged)
    return Fits(len(judged) - refused, len(judged), warned)


def find(
    conn: Connection,
    firmware: Firmware,
    query: str = "",
    *,
    ask: Ask = Ask(),  # noqa: B008 - a value
    verdict: str = "",
    names: Sequence[str] = (),
    limit: int = 100,
    cursor: int | None = None,
    now: float,
) -> Part:
    """A page of the devices that `query` finds (or that `names` name), those with this `verdict` only, by id.

    `cursor` is the `pk` of the last device of the page before. Raises WrongUse; NotFound and Conflict for a name.
    """
    if verdict and verdict not in ANSWERS:
        raise WrongUse(f"There is no verdict {verdict[:40]!r}; it is one of {', '.join(ANSWERS)}.")
    if names:
        pks: list[int] | None = [devices.resolve(conn, each) for each in names]
    else:
        pks = search.matching(conn, query, now=now) if query.strip() else None
    judged = judge(conn, firmware, ask, now=now, pks=pks)
    shown = [each for each in judged if not verdict or each.verdict == verdict]
    first = 0 if cursor is None else _behind(shown, _of(judged, cursor))
    page = shown[first : first + limit]
    return Part(_summed(judged), page, page[-1].subject.pk if first + limit < len(shown) else None)


def _of(judged: Sequence[Judged], pk: int) -> tuple[str, int]:
    found = next((each for each in judged if each.subject.pk == pk), None)
    if found is None:
        raise WrongUse("The device on which this page began is gone. Begin again without a cursor.")
    return _order(found)


def _behind(shown: Sequence[Judged], last: tuple[str, int]) -> int:
    return sum(1 for each in shown if _order(each) <= last)


def _order(judged: Judged) -> tuple[str, int]:
    return judged.device_id, judged.subject.pk
