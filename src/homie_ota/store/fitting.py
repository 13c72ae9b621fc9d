"""Whom an image fits, of the whole fleet: judged kind by kind, counted device by device.

Rule: each count and each reason is what `fits.judge` says of every device by itself; a test compares the two.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import Firmware
from homie_ota.rollout import eligibility
from homie_ota.rollout.eligibility import Answer, Verdict
from homie_ota.store import kinds
from homie_ota.store.candidates import FEW, Surroundings
from homie_ota.store.tables import device, quarantine


class Group(NamedTuple):
    """Devices, by `pk`, of which the same is to be said. `text` says why not, of a device without a name."""

    verdict: Verdict
    code: str
    text: str
    pks: tuple[int, ...]


class Fitting(NamedTuple):
    """What became of all devices: every group, the largest first."""

    groups: list[Group]

    @property
    def of(self) -> int:
        """All devices."""
        return sum(len(each.pks) for each in self.groups)

    def count(self, verdict: Verdict) -> int:
        """Devices with this verdict."""
        return sum(len(each.pks) for each in self.groups if each.verdict is verdict)

    def with_code(self, code: str) -> int:
        """Devices for which this comes first; `eligible` where nothing refuses."""
        return sum(len(each.pks) for each in self.groups if each.code == code)


def judge(conn: Connection, firmware: Firmware, *, now: float) -> Fitting:
    """The answer for every device that is known."""
    held = conn.execute(sa.select(quarantine.c.device_pk).where(quarantine.c.sha256 == firmware.sha256))
    fleet = kinds.load(conn, held.scalars().all(), now=now)
    around = Surroundings(conn, [firmware], [each.subject for each in fleet])
    told: dict[tuple[Verdict, str, str], list[int]] = {}
    for each in fleet:
        answer = eligibility.judge(each.subject.known, firmware, around=around.of(each.subject, firmware))
        told.setdefault(_said(answer), []).extend(each.pks)
    groups = [Group(*said, tuple(pks)) for said, pks in told.items()]
    return Fitting(sorted(groups, key=lambda each: (-len(each.pks), each.code, each.text)))


def _said(answer: Answer) -> tuple[Verdict, str, str]:
    return answer.verdict, answer.code, answer.sentence


class Named(NamedTuple):
    """A device as a list names it."""

    pk: int
    base: str
    device_id: str


def named(conn: Connection, pks: tuple[int, ...], *, limit: int, offset: int = 0) -> list[Named]:
    """A page of these devices, by id."""
    query = sa.select(device.c.pk, device.c.base, device.c.device_id).order_by(
        device.c.device_id, device.c.pk
    )
    if len(pks) <= FEW:
        rows = conn.execute(query.where(device.c.pk.in_(pks)).limit(limit).offset(offset))
        return [Named(*row) for row in rows]
    wanted = frozenset(pks)
    found = [Named(*row) for row in conn.execute(query) if row.pk in wanted]
    return found[offset : offset + limit]
