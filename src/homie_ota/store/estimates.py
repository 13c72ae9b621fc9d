"""How long the waves of a preview will take, from what was learned of their devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE
from homie_ota.rollout import duration, rhythm
from homie_ota.rollout.duration import Estimate, Pace
from homie_ota.rollout.plan import Plan
from homie_ota.store import rhythm as presences
from homie_ota.store.judging import Judged
from homie_ota.store.pace import RATE
from homie_ota.store.tables import learned

ASKED = 500
"""Sleepers whose rhythm is looked at; the others are taken to be like them."""


def estimate(connection: Connection, waves: Sequence[Sequence[Judged]], plan: Plan) -> Estimate:
    """How long it will take."""
    members = [each for wave in waves for each in wave]
    known, every = rates(connection), _rhythms(connection, members)
    usual = median(every.values()) if every else 0.0
    return duration.estimate([[_pace(each, known, every, usual) for each in wave] for wave in waves], plan)


def _pace(each: Judged, known: Mapping[int, float], every: Mapping[int, float], usual: float) -> Pace:
    asleep = each.row["state"] not in AWAKE
    return Pace(each.image.size, known.get(each.pk), every.get(each.pk, usual if asleep else 0.0))


def rates(connection: Connection) -> dict[int, float]:
    """Bytes a second of each device that took an image from here."""
    query = sa.select(learned.c.device_pk, learned.c.value).where(learned.c.fact == RATE)
    return {pk: median(map(float, value.split())) for pk, value in connection.execute(query) if value.strip()}


def _rhythms(connection: Connection, members: Sequence[Judged]) -> dict[int, float]:
    """Seconds between the wake-ups of those who sleep, as far as that is known."""
    asleep = [each.pk for each in members if each.row["state"] not in AWAKE][:ASKED]
    known = presences.of_all(connection, asleep) if asleep else {}
    found = {pk: rhythm.learn(each) for pk, each in known.items()}
    return {pk: each.every for pk, each in found.items() if each is not None}
