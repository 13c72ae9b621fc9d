"""One rollout at this moment, as it looks to those of its members who wait: may this one start, and if not, why.

Rule: the answer is `starting.may_start`'s; here are only the rows that it is asked about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import WrongUse
from homie_ota.model import Purpose
from homie_ota.query import parse
from homie_ota.rollout import starting
from homie_ota.rollout.plan import MemberState, Plan, WaveState
from homie_ota.rollout.starting import Guarded, InFlight, MemberView, Start
from homie_ota.rollout.why import Hold
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import flight, rollouts
from homie_ota.store.conditions import Asked, condition
from homie_ota.store.flight import Flight
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import deployment, device, membership
from homie_ota.store.turns import QUEUED, Turn

Condition = sa.ColumnElement[bool]


def guards(connection: Connection, plan: Plan, now: float) -> list[Condition]:
    """The guards of a plan as conditions on the device."""
    return [_guard(connection, text, now) for text in plan.guards]


def _guard(connection: Connection, text: str, now: float) -> Condition:
    try:
        return condition(parse(text), Asked(connection, now))
    except WrongUse:
        return sa.false()  # what nobody understands is not fulfilled


@dataclass(frozen=True, slots=True)
class Scene:
    """One rollout at this moment: what its members are asked about."""

    rollout: Rollout
    waves: Mapping[int, WaveState]
    in_flight: InFlight
    trusted: bool
    now: float

    def may_start(
        self, row: Mapping[str, Any], local: LocalTime, guarded: tuple[Guarded, ...] = ()
    ) -> Start | Hold:
        """Whether the rollout lets this deployment go; the device itself is asked elsewhere (`free`)."""
        back = row["purpose"] == Purpose.REVERT.value
        wave = row["wave"] if row["wave"] is not None else 0
        view = MemberView(
            row["bytes_total"],
            woken=row["turn"] == Turn.WOKEN.value,
            late=wave >= self.rollout.lane,
            trusted=self.trusted,
            back=back,
            guards=guarded,
            rollout=self.rollout.state,
            wave=self.waves.get(wave, WaveState.RUNNING),
        )
        return starting.may_start(view, self.rollout.plan, self.in_flight, local, self.now)


def look(connection: Connection, rollout: Rollout, flying: Flight, now: float) -> Scene:
    """What members of this rollout are asked about."""
    in_flight = flying.of(rollout.id, rollout.lane)._replace(
        last_start=flight.last_start(connection, rollout.plan.limits, now, rollout.id),
        sleepers=_has_sleepers(connection, rollout.id),
    )
    waves = {each.number: each.state for each in rollouts.waves(connection, rollout.id)}
    return Scene(rollout, waves, in_flight, rollout.standing and _lane_proven(connection, rollout), now)


def _has_sleepers(connection: Connection, rollout_id: int) -> bool:
    return connection.execute(_SLEEPER, {"rollout": rollout_id}).first() is not None


_SLEEPER = (
    sa.select(deployment.c.id)
    .where(QUEUED, deployment.c.rollout_id == sa.bindparam("rollout"), deployment.c.turn.is_(None))
    .limit(1)
)


def _lane_proven(connection: Connection, rollout: Rollout) -> bool:
    good = membership.c.outcome.in_([MemberState.VERIFIED.value, MemberState.BOOTED.value])
    lane = (membership.c.rollout_id == rollout.id) & (membership.c.wave == rollout.lane)
    query = sa.select(membership.c.device_pk).where(lane, good).limit(1)
    return connection.execute(query).first() is not None


def guarded(connection: Connection, device_pk: int, plan: Plan, now: float) -> tuple[Guarded, ...]:
    """Each guard of a plan with whether this device fits it."""
    return tuple(Guarded(text, _fits(connection, device_pk, text, now)) for text in plan.guards)


def _fits(connection: Connection, device_pk: int, text: str, now: float) -> bool:
    query = sa.select(device.c.pk).where(device.c.pk == device_pk, _guard(connection, text, now))
    return connection.execute(query).first() is not None
