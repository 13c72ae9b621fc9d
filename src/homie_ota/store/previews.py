"""What a rollout would do, before anybody starts it: who is in which wave, who is left out and why, and the way back.

Rule: nothing is written. The same judgement is asked again for each device when its wave begins.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import NotEligible, NotFound, WrongUse
from homie_ota.model import AWAKE, Firmware
from homie_ota.query import parse
from homie_ota.rollout import revert, waves
from homie_ota.rollout.duration import Estimate
from homie_ota.rollout.plan import MemberState, Plan
from homie_ota.rollout.revert import WayBack
from homie_ota.rollout.rhythm import spell
from homie_ota.rollout.waves import Member
from homie_ota.store import benching, estimates, judging, marks, memberships, rollouts, search
from homie_ota.store.judging import Judged
from homie_ota.store.memberships import SKIPPED_WAVE, Place
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import device
from homie_ota.store.tables import firmware as firmware_table

MOST_WARNINGS = 20


class Line(NamedTuple):
    """One device of a preview: where it is put, what is known of it, and whether it can go back."""

    place: Place
    judged: Judged
    way_back: bool = False


class Missing(NamedTuple):
    """An image that devices run and the store does not hold: without it they cannot go back."""

    name: str
    version: str
    md5: str
    devices: int


class Preview(NamedTuple):
    """The whole of it. `waves` are members in their order; `left_out` those who are no members, with the reason.

    `bench`: the first wave begins with a bench device. `warnings` are each said once, with how many they are about.
    """

    firmware: Firmware
    plan: Plan
    waves: list[list[Line]]
    left_out: list[Line]
    way_back: WayBack
    missing: list[Missing]
    warnings: tuple[str, ...]
    estimate: Estimate

    @property
    def members(self) -> int:
        """How many would be updated."""
        return sum(map(len, self.waves))

    @property
    def places(self) -> list[Place]:
        """Everybody's place, as it is stored."""
        return [line.place for wave in self.waves for line in wave] + [line.place for line in self.left_out]


def make(connection: Connection, firmware: Firmware, query: str, plan: Plan | None, *, now: float) -> Preview:
    """The preview of a rollout; without a plan, or waves in it, what is sensible for so many. WrongUse."""
    pks = search.matching(connection, query, now=now)
    judged = judging.judge(connection, firmware, pks, now=now)
    fit = [each for each in judged if not each.code]
    sensible = waves.sensible(len(fit))
    chosen = sensible if plan is None else replace(plan, waves=plan.waves or sensible.waves)
    check(chosen)
    placed = _placed(connection, fit, chosen, now)
    back = _stored(connection, fit)
    lines = [
        [Line(Place(each.pk, number, at), each, each.row["md5"] in back) for at, each in enumerate(wave)]
        for number, wave in enumerate(placed)
    ]
    left_out = [_left_out(at, each) for at, each in enumerate(each for each in judged if each.code)]
    way_back = revert.way_back(sum(each.row["md5"] in back for each in fit), len(fit))
    warned = [*waves.warnings(chosen, len(fit)), *_warnings(fit), *_crossing(connection, firmware, fit)]
    warned += _away(fit, chosen)
    warned += [way_back.text] if way_back.warns else []
    return Preview(
        firmware, chosen, lines, left_out, way_back, _missing(fit, back), tuple(warned[:MOST_WARNINGS]),
        estimates.estimate(connection, placed, chosen),
    )  # fmt: skip


def found(
    connection: Connection,
    preview: Preview,
    query: str,
    *,
    by: str,
    now: float,
    name: str = "",
    standing: bool = False,
    follow: str = "",
) -> Rollout:
    """Store what the preview shows as a rollout that has not started.

    Raises NotFound where the query finds nobody, NotEligible with the reasons where nobody can get the image; a
    standing one waits for those who can.
    """
    if not preview.members and not standing:
        _refuse(preview, query)
    firmware = preview.firmware
    made = rollouts.insert(
        connection, sha256=firmware.sha256, query=query, plan=preview.plan, by=by, now=now, standing=standing,
        follow=follow, name=name or f"{firmware.name} {firmware.version}",
    )  # fmt: skip
    memberships.insert(connection, made.id, preview.places, now=now)
    return made


def _refuse(preview: Preview, query: str) -> None:
    if not preview.left_out:
        raise NotFound(f"No device fits {query!r}. Look at the list of devices with this query.")
    reasons = dict.fromkeys(
        f"{line.judged.row['device_id']}: {line.place.reason}" for line in preview.left_out
    )
    raise NotEligible(f"Nobody can get this image. {' '.join(list(reasons)[:3])}")


def check(plan: Plan) -> None:
    """Raise WrongUse where a query inside the plan has no meaning, or has one for all (an empty guard)."""
    for text in (*plan.guards, plan.last):
        parse(text)
    if len(plan.waves) > 50:
        raise WrongUse(f"A rollout has at most 50 waves; this plan has {len(plan.waves)}.")


def _placed(connection: Connection, fit: Sequence[Judged], plan: Plan, now: float) -> list[list[Judged]]:
    last = set(search.matching(connection, plan.last, now=now)) if plan.last.strip() else set()
    bench = marks.tagged(connection, benching.TAG)
    known = {each.pk: each for each in fit}
    members = [
        Member(each.pk, each.row["device_id"], each.row["signal"], each.pk in bench, each.pk in last)
        for each in fit
    ]
    return [[known[member.device_pk] for member in wave] for wave in waves.arrange(members, plan)]


def _left_out(at: int, each: Judged) -> Line:
    state = MemberState.SAME if each.runs_it else MemberState.SKIPPED
    return Line(Place(each.pk, SKIPPED_WAVE, at, state, each.reason), each)


def _stored(connection: Connection, fit: Sequence[Judged]) -> set[str]:
    """MD5s of images that members run and the store holds."""
    running = {each.row["md5"] for each in fit} - {""}
    query = sa.select(firmware_table.c.md5).distinct()
    return set(connection.execute(query).scalars()) & running


def _missing(fit: Sequence[Judged], back: set[str]) -> list[Missing]:
    counts = Counter(
        (each.row["fw_name"], each.row["fw_version"], each.row["md5"])
        for each in fit
        if each.row["md5"] not in back
    )
    return [Missing(*image, devices) for image, devices in counts.most_common()]


def _warnings(fit: Sequence[Judged]) -> list[str]:
    """What is said of single devices, once for all who are alike."""
    about: dict[str, list[str]] = {}
    for each in fit:
        name = each.row["device_id"]
        for text in (*each.warnings, *_over(each)):
            about.setdefault(text.removeprefix(name), []).append(name if text.startswith(name) else "")
    return [_named(text, names) for text, names in about.items()]


def _named(text: str, names: Sequence[str]) -> str:
    others = f" (and {len(names) - 1} more)" if names[0] and len(names) > 1 else ""
    return f"{names[0]}{others}{text}"


def _away(fit: Sequence[Judged], plan: Plan) -> list[str]:
    """Who has to be waited for."""
    away = [each.row["device_id"] for each in fit if each.row["state"] not in AWAKE]
    if not away:
        return []
    text = " is not there now." if len(away) == 1 else " are not there now."
    waits = f" A wave waits {spell(plan.absent_after)} at most for who is away; then they are late joiners."
    return [_named(text, away) + waits]


def _crossing(connection: Connection, firmware: Firmware, fit: Sequence[Judged]) -> list[str]:
    """What devices that run this very image already tell: that it speaks another generation of Homie (rule 19)."""
    running = sa.select(device.c.homie, device.c.base).where(
        device.c.md5 == firmware.md5, device.c.homie != ""
    )
    spoken = {_major(row.homie): row.base for row in connection.execute(running.distinct())}
    crossing = [each.row["device_id"] for each in fit if spoken and _major(each.row["homie"]) not in spoken]
    if not crossing:
        return []
    words = " or ".join(f"Homie {major} below {base}" for major, base in sorted(spoken.items()))
    text = f" will come back with {words}, as devices do that run this image: its topics change. Its history stays."
    return [_named(text, crossing)]


def _major(homie: str) -> str:
    return homie.partition(".")[0]


def _over(each: Judged) -> list[str]:
    return [f"{each.row['device_id']} goes over stepping stones: {each.over}."] if each.over else []
