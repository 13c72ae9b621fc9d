"""Sleepers that are never awake for as long as the image that waits for them needs.

Rule: a rate that was measured of other devices is only an estimate, so it must miss by far before a person is called.
The first MOST that wait are looked at: more of them would have one and the same cause.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE, DeploymentState
from homie_ota.rollout import rhythm
from homie_ota.rollout.deadlines import Past
from homie_ota.rollout.rhythm import Fit, spell
from homie_ota.store import pace
from homie_ota.store import rhythm as rhythms
from homie_ota.store.tables import deployment, device

MOST = 500
A_NAP = 600.0
BY_FAR = 2.0
"""How many times too long it must take at the rate of others."""


def find(connection: Connection, now: float) -> Iterator[tuple[int, str]]:
    """Each such device, with the sentence for a person."""
    # Who woke just now is a sleeper still; else its alarm would end with every wake-up, and begin again.
    away = device.c.state.not_in(sorted(AWAKE)) | (device.c.state_since > now - A_NAP)
    query = (
        sa.select(deployment.c.device_pk, deployment.c.bytes_total)
        .join(device, device.c.pk == deployment.c.device_pk)
        .where(deployment.c.state == DeploymentState.QUEUED.value, away)
        .order_by(deployment.c.id)
        .limit(MOST)
    )
    sizes = {pk: size for pk, size in connection.execute(query)}  # noqa: C416 - typed, unlike dict(rows)
    pasts = pace.past_of(connection, sizes)
    others = pace.rates(connection, latest=rhythms.FEW) if sizes else ()
    for pk, known in rhythms.of_all(connection, sizes).items():
        chance = rhythm.next_chance(rhythm.learn(known), known, now)
        own = pasts.get(pk, Past()).rates
        found = rhythm.will_fit(chance, sizes[pk], median(own or others) if own or others else None)
        if found is not None and found.needs > found.has * (1.0 if own else BY_FAR):
            yield pk, _text(found)


def _text(fit: Fit) -> str:
    return (
        f"It is awake for {spell(fit.has)} and the image needs about {spell(fit.needs)}: it will not fit. Keep it "
        "awake for one update, bring it closer to its access point, or make the image smaller."
    )
