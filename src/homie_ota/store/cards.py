"""The rows behind a punch card: who is in each wave, in order, and what each stands for.

Rule: small waves are read with their devices, for each gets a link; of a large one only what became of its members,
and the state of the few that are under way. Two statements, whatever the fleet's size.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE, Address, DeploymentState
from homie_ota.rollout import card
from homie_ota.rollout.card import CODES, Counts, Punch, Row
from homie_ota.rollout.plan import MemberState
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import deployment, device, membership


class Hole(NamedTuple):
    """One device of a small wave: its key in routes, its id, and its character."""

    key: str
    name: str
    punch: Punch


class Line(NamedTuple):
    """One wave: how many are what, and either `holes`, a device each, or `rows` of many."""

    counts: Counts
    holes: tuple[Hole, ...] = ()
    rows: tuple[Row, ...] = ()


def read(connection: Connection, of: Rollout, sizes: Mapping[int, int], now: float) -> dict[int, Line]:
    """The lines of these waves by number; `sizes` says how many are in each."""
    singly = card.drawn_singly(sizes)
    found = {number: Line(()) for number in sizes}
    return found | _small(connection, of, singly, now) | _large(connection, of, sizes.keys() - singly)


def _small(connection: Connection, of: Rollout, waves: frozenset[int], now: float) -> dict[int, Line]:
    query = (
        sa.select(
            membership.c.wave, membership.c.outcome, device.c.base, device.c.device_id, deployment.c.state,
            _is_held(now).label("held"),
        )
        .join(device, device.c.pk == membership.c.device_pk)
        .outerjoin(deployment, deployment.c.id == membership.c.deployment_id)
        .where(membership.c.rollout_id == of.id, membership.c.wave.in_(sorted(waves)))
        .order_by(membership.c.wave, membership.c.position, membership.c.device_pk)
    )  # fmt: skip
    holes: dict[int, list[Hole]] = {}
    for wave, outcome, base, name, state, held in connection.execute(query) if waves else ():
        punch = card.punch(MemberState(outcome), DeploymentState(state) if state else None, held=bool(held))
        holes.setdefault(wave, []).append(Hole(Address(base, name).key, name, punch))
    return {
        wave: Line(card.counted("".join(CODES[each.punch] for each in found)), holes=tuple(found))
        for wave, found in holes.items()
    }


def _is_held(now: float) -> Any:
    """Whether something holds back a member whose deployment is queued; NULL counts as no."""
    return sa.or_(
        device.c.state.not_in(sorted(AWAKE)),
        device.c.pinned_until > now,
        deployment.c.not_before > now,
        device.c.state_since <= deployment.c.fresh_after,
    )


def _large(connection: Connection, of: Rollout, waves: set[int]) -> dict[int, Line]:
    found = {wave: _codes(connection, of, wave) for wave in sorted(waves)}
    return {wave: Line(card.counted(codes), rows=tuple(card.rows(codes))) for wave, codes in found.items()}


def _codes(connection: Connection, of: Rollout, wave: int) -> str:
    """A letter a member, in their order, put together by the database; few deployments are looked at."""
    state = sa.select(deployment.c.state).where(deployment.c.id == membership.c.deployment_id)
    under_way = sa.case(_UNDER_WAY, value=state.scalar_subquery(), else_=CODES[card.SENDING])
    ordered = (
        sa.select(sa.case(_ENDED, value=membership.c.outcome, else_=under_way).label("code"))
        .where(membership.c.rollout_id == of.id, membership.c.wave == wave)
        .order_by(membership.c.position, membership.c.device_pk)
        .subquery()
    )
    return connection.execute(sa.select(sa.func.aggregate_strings(ordered.c.code, ""))).scalar() or ""


_ENDED = {
    state.value: CODES[punch] for state, punch in card.BY_OUTCOME.items() if state is not MemberState.RUNNING
}
_UNDER_WAY = {state.value: CODES[punch] for state, punch in card.UNDER_WAY.items()}
