"""Which of many devices may get an image now, over which others, and why not the rest; in a few statements.

Rule: the first thing that holds a device back is the reason: that it runs the image already, then what a person put in
its way, then what the image is. An image is judged by the rules and facts that `orders` has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, Address, Firmware
from homie_ota.rollout import eligibility, stones
from homie_ota.rollout.eligibility import Answer, Ask
from homie_ota.rollout.members import RUNS_IT
from homie_ota.rollout.stones import NoPath, Path, Stones
from homie_ota.store import candidates, kinds
from homie_ota.store import firmware as firmwares
from homie_ota.store.candidates import Subject, Surroundings
from homie_ota.store.tables import deployment, device, quarantine

FEW = 500
"""So many devices are named in a statement; for more it is quicker to look at all."""

Row = dict[str, Any]
_COLUMNS = [each for each in device.columns if each.name not in ("facts", "nodes", "recent")]
"""Without what is large: a fleet is looked at as a whole."""

ITS_ID = "\0"
"""Stands for the id of a device in what is said of several; no topic can hold it."""

_SAME = "runs-it"
_HELD = ("quarantined", "pinned")
"""What a person has to let go first."""


class Judged(NamedTuple):
    """One device and whether it may get the image: `code` is empty when it may, else a stable word with its `reason`.

    `image` is what is sent next: the wanted one, or the first stepping stone on the way that `over` tells.
    """

    row: Row
    image: Firmware
    code: str = ""
    reason: str = ""
    over: str = ""
    warnings: tuple[str, ...] = ()

    @property
    def pk(self) -> int:
        """The device."""
        return int(self.row["pk"])

    @property
    def key(self) -> str:
        """The device's id in routes."""
        return Address(self.row["base"], self.row["device_id"]).key

    @property
    def runs_it(self) -> bool:
        """There is nothing to do."""
        return self.code in RUNS_IT


class _Alike(NamedTuple):
    """The devices that are alike for any image, so that each is asked once; `Kind` says who is."""

    subjects: dict[int, Subject]
    around: Surroundings
    ask: Ask
    told: dict[tuple[int, str], Answer]

    def answer(self, pk: int, image: Firmware) -> Answer:
        """Of this device and this image; it names the device as `ITS_ID` where it stands for several."""
        subject = self.subjects[pk]
        key = subject.pk, image.sha256
        if key not in self.told:
            around = self.around.of(subject, image)
            self.told[key] = eligibility.judge(subject.known, image, self.ask, around)
        return self.told[key]


class _Facts(NamedTuple):
    """What is asked once for all devices."""

    alike: _Alike
    active: dict[int, str]
    stones: Stones


def judge(
    conn: Connection,
    firmware: Firmware,
    pks: Sequence[int],
    *,
    now: float,
    ask: Ask = Ask(),  # noqa: B008 - a value
) -> list[Judged]:
    """Each of these devices that is known, in their order."""
    stored = firmwares.find(conn, name=firmware.name)
    rows = {row["pk"]: row for row in _rows(conn, pks)}
    facts = _Facts(_alike(conn, stored, pks, ask, now), _active(conn, pks), stones.lay(firmware, stored))
    return [_one(rows[pk], firmware, facts) for pk in pks if pk in rows]


def _alike(conn: Connection, stored: Sequence[Firmware], pks: Sequence[int], ask: Ask, now: float) -> _Alike:
    if len(pks) <= FEW:
        few = candidates.load(conn, device.c.pk.in_(list(pks)), now=now)
        return _Alike({each.pk: each for each in few}, Surroundings(conn, stored, few), ask, {})
    held = sa.select(quarantine.c.device_pk).where(quarantine.c.sha256.in_([each.sha256 for each in stored]))
    fleet = kinds.load(conn, conn.execute(held).scalars().all(), now=now, called=ITS_ID)
    subjects = {pk: kind.subject for kind in fleet for pk in kind.pks}
    return _Alike(subjects, Surroundings(conn, stored, [each.subject for each in fleet]), ask, {})


def _one(row: Row, firmware: Firmware, facts: _Facts) -> Judged:
    if row["md5"] and row["md5"] == firmware.md5:
        return Judged(row, firmware, _SAME, "It runs this image already.")
    way = stones.path(facts.stones, row["fw_name"], row["fw_version"])
    image = firmware if isinstance(way, NoPath) else way.steps[0]
    verdict = facts.alike.answer(row["pk"], image)
    told = Judged(row, image, over=_over(way, row), warnings=_named(row, verdict.warnings))
    if verdict.code == _SAME and image == firmware:
        return told._replace(code=_SAME, reason=_said(row, verdict.sentence))
    held = next((each for each in verdict.refusals if each.code in _HELD), None)
    if held is not None:
        return told._replace(code=held.code, reason=_said(row, held.text))
    if row["pk"] in facts.active:
        return told._replace(code="busy", reason=facts.active[row["pk"]])
    if isinstance(way, NoPath):
        return told._replace(code="no-path", reason=way.reason)
    if verdict.allowed:
        return told
    return told._replace(code=verdict.code, reason=_said(row, verdict.sentence))


def _said(row: Row, text: str) -> str:
    return text.replace(ITS_ID, row["device_id"])


def _named(row: Row, texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(_said(row, text) for text in texts)


def _over(way: Path | NoPath, row: Row) -> str:
    return stones.words(way, row["fw_version"]) if isinstance(way, Path) and len(way.steps) > 1 else ""


def _rows(conn: Connection, pks: Sequence[int]) -> Iterator[Row]:
    query = sa.select(*_COLUMNS)
    query = query.where(device.c.pk.in_(list(pks))) if len(pks) <= FEW else query
    wanted, names = frozenset(pks), [each.name for each in _COLUMNS]
    # The first column is `pk`: most of a fleet is passed over without being looked at.
    yield from (dict(zip(names, row, strict=True)) for row in conn.execute(query) if row[0] in wanted)


def _active(conn: Connection, pks: Sequence[int]) -> dict[int, str]:
    columns = (deployment.c.device_pk, deployment.c.id, deployment.c.state)
    query = sa.select(*columns).where(deployment.c.state.in_(sorted(ACTIVE)))
    query = query.where(deployment.c.device_pk.in_(list(pks))) if len(pks) <= FEW else query
    return {pk: f"Deployment {number} of it is {state}." for pk, number, state in conn.execute(query)}
