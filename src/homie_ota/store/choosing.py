"""The numbers in which a person is told what can be done to a rollout: whom a stop reaches, who has a way back.

Rule: counted in the database, a few statements whatever the fleet's size; the words are `rollout/stopping.py`'s and
`rollout/choices.py`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import ACTIVE, DeploymentState, Purpose
from homie_ota.rollout.choices import Numbers
from homie_ota.rollout.plan import MemberState, RolloutState, WaveState
from homie_ota.rollout.revert import CONCERNED
from homie_ota.rollout.stopping import Reach
from homie_ota.store import filling, memberships, rollouts
from homie_ota.store import firmware as firmwares
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import deployment, firmware, membership

M = MemberState
UNSENT = (M.WAITING, M.QUEUED, M.ABSENT)
"""Members of whom nothing has been sent."""

Tallies = Mapping[int, Mapping[MemberState, int]]


def reach(connection: Connection, of: Rollout, tallies: Tallies | None = None) -> Reach:
    """Whom a stop reaches now; `tallies` where they are at hand."""
    tallies = memberships.tallies(connection, of.id) if tallies is None else tallies
    query = (
        sa.select(deployment.c.state, sa.func.count())
        .where(
            deployment.c.state.in_(sorted(ACTIVE - {DeploymentState.QUEUED})),
            # Without an index: few are under way, and thousands belong to the rollout.
            (deployment.c.rollout_id + 0) == of.id,
        )
        .group_by(deployment.c.state)
    )
    sent = {DeploymentState(state): count for state, count in connection.execute(query)}
    back = filling.queued_back(connection, of) if count(tallies, M.REVERTING) else 0
    return Reach(sent, count(tallies, *UNSENT) + back)


def numbers(connection: Connection, of: Rollout, tallies: Tallies) -> Numbers:
    """All the numbers of the choices."""
    waves = rollouts.waves(connection, of.id) if of.state is RolloutState.PAUSED else []
    failed = [each.number for each in waves if each.state is WaveState.FAILED]
    lost = {number: tallies.get(number, {}) for number in failed}
    updated = count(tallies, *CONCERNED)
    return Numbers(
        reach=reach(connection, of, tallies),
        first=sum(tallies.get(0, {}).values()),
        members=sum(sum(each.values()) for number, each in tallies.items() if number >= 0),
        updated=updated,
        covered=_covered(connection, of) if updated else 0,
        harmful=count(lost, M.HARMFUL),
        again=count(lost, M.UNHARMED),
    )


def count(tallies: Tallies, *states: MemberState) -> int:
    """How many members are one of these, over all waves."""
    return sum(each.get(state, 0) for each in tallies.values() for state in states)


def _covered(connection: Connection, of: Rollout) -> int:
    """How many of those who would go back ran an image that is stored here, before the rollout first touched them.

    A first attempt found that; of who was tried again, or goes over stepping stones, an earlier one counts.
    """
    image = firmwares.get(connection, of.sha256)
    is_first = (deployment.c.attempt == 1) if image is not None and not image.requires else sa.false()
    earlier = deployment.alias("earlier")
    before = sa.select(earlier.c.previous_sha256).where(earlier.c.id == first_touch(of)).correlate(membership)
    previous = sa.case((is_first, deployment.c.previous_sha256), else_=before.scalar_subquery())
    query = (
        sa.select(sa.func.count())
        .select_from(membership.join(deployment, deployment.c.id == membership.c.deployment_id))
        .where(
            membership.c.rollout_id == of.id,
            membership.c.outcome.in_([each.value for each in CONCERNED]),
            previous.in_(sa.select(firmware.c.sha256)),
        )
    )
    return int(connection.execute(query).scalar() or 0)


def first_touch(of: Rollout) -> Any:
    """The number of the attempt by which the rollout first touched the device of a `membership`."""
    return (
        sa.select(sa.func.min(deployment.c.id))
        .where(
            deployment.c.device_pk == membership.c.device_pk,
            # By the index of the device, which has few; that of the rollout has thousands.
            (deployment.c.rollout_id + 0) == of.id,
            deployment.c.purpose != Purpose.REVERT.value,
            deployment.c.offered_at.is_not(None),
        )
        .correlate(membership)
        .scalar_subquery()
    )
