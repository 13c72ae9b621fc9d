"""What is on the air: transfers that were offered and have not come back, in all and of each rollout.

Rule: a slot is held until the device is back, for its image may be on the air until then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import DeploymentState, Way
from homie_ota.rollout.plan import Limits
from homie_ota.rollout.starting import ON_AIR, InFlight
from homie_ota.store.tables import deployment, device

MINUTE = 60.0

UNDECIDED = ON_AIR | {DeploymentState.VERIFYING}
"""States between the offer and the verdict."""


@dataclass(frozen=True, slots=True)
class Flight:
    """`everything` counts all, `waves` those of each (rollout, wave); `alone`: one wants the air for itself.

    `late` of a wave counts until the verdict: of those that go one at a time the next one waits for it.
    """

    everything: InFlight = InFlight()
    waves: dict[tuple[int | None, int | None], InFlight] = field(default_factory=dict)
    alone: bool = False

    def of(self, rollout_id: int, lane: int) -> InFlight:
        """What one rollout has on the air; `late` are those of its lane."""
        mine = {wave: each for (of, wave), each in self.waves.items() if of == rollout_id}
        return InFlight(
            sum(each.transfers for each in mine.values()),
            sum(each.bytes for each in mine.values()),
            mine[lane].late if lane in mine else 0,
        )


def now_flying(connection: Connection) -> Flight:
    """What is on the air now."""
    rows = connection.execute(_FLYING).all()
    waves = {
        (rollout, wave): InFlight(int(flying), int(size), late)
        for rollout, wave, flying, size, late, _ in rows
    }
    total = InFlight(
        sum(each.transfers for each in waves.values()), sum(each.bytes for each in waves.values())
    )
    return Flight(total, waves, any(alone for *_, alone in rows))


# Over HTTP to one that asks nothing is on the air any more when the last byte has left; when it asks again may be
# tomorrow.
_HAS_LEFT = (deployment.c.state == DeploymentState.REBOOTING.value) & (device.c.way == Way.ASKS.value)
_ON_AIR = deployment.c.state.in_(sorted(ON_AIR)) & ~_HAS_LEFT
_FLYING = (
    sa.select(
        deployment.c.rollout_id,
        deployment.c.wave,
        sa.func.sum(sa.case((_ON_AIR, 1), else_=0)),
        sa.func.sum(sa.case((_ON_AIR, deployment.c.bytes_total), else_=0)),
        sa.func.count(),
        sa.func.max(sa.case((_ON_AIR & deployment.c.alone, 1), else_=0)),
    )
    .join(device, device.c.pk == deployment.c.device_pk)
    .where(deployment.c.state.in_(sorted(UNDECIDED)))
    .group_by(deployment.c.rollout_id, deployment.c.wave)
)


def last_start(
    connection: Connection, limits: Limits, now: float, rollout_id: int | None = None
) -> float | None:
    """When something was last offered, as far as the pace of `limits` is concerned; None where it is not."""
    if not limits.starts_per_minute:
        return None
    recent = deployment.c.offered_at > now - MINUTE / limits.starts_per_minute
    query = sa.select(sa.func.max(deployment.c.offered_at)).where(recent)
    if rollout_id is not None:
        query = query.where(deployment.c.rollout_id == rollout_id)
    return connection.execute(query).scalar()
