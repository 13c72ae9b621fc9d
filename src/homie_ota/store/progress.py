"""How far a rollout is, as the decision about it wants to see it: a few numbers a wave, whatever the fleet's size.

Rule: a failure of which nobody has decided yet whether another attempt follows is no end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE, DeploymentState
from homie_ota.rollout import members, strategy
from homie_ota.rollout.actions import View, WaveView
from homie_ota.rollout.gates import GateReading, Tally, reading_from
from homie_ota.rollout.plan import MemberState, WaveState
from homie_ota.store import holding, rollouts
from homie_ota.store.memberships import SKIPPED_WAVE
from homie_ota.store.rollouts import Rollout, Wave
from homie_ota.store.tables import deployment, device, membership


class _Counted(NamedTuple):
    tally: Tally
    last_good_at: float | None


def view(connection: Connection, of: Rollout) -> View:
    """The rollout now, for `strategy.decide`."""
    rows = rollouts.waves(connection, of.id)
    counted, away = count(connection, of.id), _away(connection, of.id)
    *waves, lane = [_wave(each, counted, away) for each in rows]
    nobody = not (waves[0].tally.open or waves[0].tally.tried)
    passed = [each.passed_at for each in rows[:-1]]
    return View(
        state=of.state,
        plan=of.plan,
        waves=waves,
        lane=lane,
        standing=of.standing,
        passed_at=max(at for at in passed if at is not None) if all(passed) else None,
        reverting_since=_reverting(connection, of.id),
        held=holding.told(connection, of.id) if nobody else "",
    )


def gates(connection: Connection, of: Rollout) -> View:
    """The rollout as its gates see it, for who looks at it: without who is away, about whom only the engine decides."""
    counted = count(connection, of.id)
    *waves, lane = [_wave(each, counted, {}) for each in rollouts.waves(connection, of.id)]
    return View(state=of.state, plan=of.plan, waves=waves, lane=lane, standing=of.standing)


def _wave(row: Wave, counted: Mapping[int, _Counted], away: Mapping[int, float]) -> WaveView:
    found = counted.get(row.number, _Counted(Tally(), None))
    return WaveView(
        number=row.number,
        state=row.state,
        tally=found.tally,
        started_at=row.started_at,
        last_good_at=found.last_good_at,
        away_since=away.get(row.number) if row.state is not WaveState.WAITING else None,
        borne=row.borne,
    )


def gate(row: Wave, seen: View, found: WaveView, now: float) -> GateReading:
    """What the gate of a wave says; once its devices go back, what it said when it was decided about."""
    tally = found.tally
    if (tally.reverting or tally.reverted or tally.stranded) and "text" in row.reading:
        return reading_from(row.reading)
    return strategy.reading_of(seen, found, now)


def count(connection: Connection, rollout_id: int) -> dict[int, _Counted]:
    """The members of each wave by what became of them, and when the last one was updated; without who is left out."""
    query = (
        sa.select(membership.c.wave, membership.c.outcome, sa.func.count(), sa.func.max(membership.c.since))
        .where(membership.c.rollout_id == rollout_id, membership.c.wave != SKIPPED_WAVE)
        .group_by(membership.c.wave, membership.c.outcome)
    )
    counts: dict[int, Counter[str]] = {}
    good: dict[int, float] = {}
    for wave, outcome, number, since in connection.execute(query):
        counts.setdefault(wave, Counter())[outcome] = number
        if outcome in members.UPDATED:
            good[wave] = max(since, good.get(wave, 0.0))
    for wave, number in _undecided(connection, rollout_id):
        counts[wave][MemberState.UNHARMED] -= number
        counts[wave][MemberState.RUNNING] += number
    return {
        wave: _Counted(Tally(members=each.total(), **each), good.get(wave)) for wave, each in counts.items()
    }


def _undecided(connection: Connection, rollout_id: int) -> list[tuple[int, int]]:
    """For each wave how many failed without harm, and may get another attempt."""
    query = (
        sa.select(membership.c.wave, sa.func.count())
        .join(deployment, deployment.c.id == membership.c.deployment_id)
        .where(
            # As the partial index says it.
            deployment.c.state == sa.literal_column("'failed'"),
            deployment.c.followed.in_([sa.literal_column("''"), sa.literal_column("'cure'")]),
            membership.c.rollout_id == rollout_id,
            membership.c.outcome == MemberState.UNHARMED.value,
        )
        .group_by(membership.c.wave)
    )
    return [(wave, number) for wave, number in connection.execute(query)]


def away_since() -> Any:
    """Since when a member's device has been away while its deployment waits; for `membership` joined with `device`."""
    return sa.case(
        (device.c.state_since > membership.c.since, device.c.state_since), else_=membership.c.since
    )


def is_away() -> Any:
    """Whether the device of a queued `deployment` cannot take an image now.

    One that stays online after it swallowed an offer is away too, as long as it has not come back anew.
    """
    has_not_come_back = device.c.state_since <= deployment.c.fresh_after  # NULL where it need not
    return device.c.state.not_in(sorted(AWAKE)) | has_not_come_back


def _oldest() -> tuple[Any, Any]:
    """Since when the first of several members is away, and held back."""
    return sa.func.min(sa.case((is_away(), away_since()))), sa.func.min(membership.c.held_since)


def _first(*moments: float | None) -> float | None:
    return min((each for each in moments if each is not None), default=None)


def _away(connection: Connection, rollout_id: int) -> dict[int, float]:
    query = (
        sa.select(membership.c.wave, *_oldest())
        .join(device, device.c.pk == membership.c.device_pk)
        .join(deployment, deployment.c.id == membership.c.deployment_id)
        .where(
            membership.c.rollout_id == rollout_id,
            membership.c.outcome == MemberState.QUEUED.value,
            is_away() | membership.c.held_since.is_not(None),
        )
        .group_by(membership.c.wave)
    )
    found = ((wave, _first(*moments)) for wave, *moments in connection.execute(query))
    return {wave: since for wave, since in found if since is not None}


def _reverting(connection: Connection, rollout_id: int) -> float | None:
    """The oldest way back that waits for a device which is away, or held back."""
    query = (
        sa.select(*_oldest())
        .join(device, device.c.pk == membership.c.device_pk)
        .join(deployment, deployment.c.id == membership.c.revert_id)
        .where(
            membership.c.rollout_id == rollout_id,
            membership.c.outcome == MemberState.REVERTING.value,
            deployment.c.state == DeploymentState.QUEUED.value,
            is_away() | membership.c.held_since.is_not(None),
        )
    )
    return _first(*connection.execute(query).one())
