"""Members of a rollout that something other than time keeps from their image: since when, and what it is.

Rule: a guard, a pin and a leftover may stay for ever, so they count as being away; a window that will open, a pause
between attempts and a slot that will be free do not. The clock of a hold begins in an open window, and a hold that was
gone begins anew. What holds is said in `holds`; here is only how long it does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import DeploymentState
from homie_ota.rollout import windows
from homie_ota.rollout.plan import MemberState, Plan, RolloutState
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import naming, scene
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import deployment, device, leftover, membership

Condition = sa.ColumnElement[bool]

CHUNK = 500
"""Rows that are written in one transaction."""

NAMED = 3
"""Devices that one sentence names."""


class Change(NamedTuple):
    """Members that are held back now and were not before, and those that are held back no more."""

    begun: list[int]
    ended: list[int]

    @property
    def pieces(self) -> Iterable[Change]:
        """The same in pieces that a writer may hold."""
        for at in range(0, len(self.begun), CHUNK):
            yield Change(self.begun[at : at + CHUNK], [])
        for at in range(0, len(self.ended), CHUNK):
            yield Change([], self.ended[at : at + CHUNK])


def is_held(connection: Connection, plan: Plan, now: float) -> Condition:
    """Whether something other than time holds back a `device`; never NULL."""
    left = device.c.pk.in_(sa.select(leftover.c.device_pk).where(leftover.c.device_pk.is_not(None)))
    pinned = device.c.pinned_until.is_not(None) & (device.c.pinned_until > now)
    missed = (~fits for fits in scene.guards(connection, plan, now))
    return sa.func.coalesce(sa.or_(left, pinned, *missed), sa.false(), type_=sa.Boolean)


def changes(connection: Connection, of: Rollout, local: LocalTime, now: float) -> Change:
    """What has changed since it was last noted; nothing while no window is open, for nobody could go anyway."""
    if of.state is RolloutState.RUNNING and windows.opens_in(of.plan.windows, local) != 0:
        return Change([], [])
    held, noted = is_held(connection, of.plan, now), membership.c.held_since.is_not(None)
    query = (
        sa.select(membership.c.device_pk, noted)
        .join(device, device.c.pk == membership.c.device_pk)
        .join(deployment, deployment.c.id == _latest())
        .where(
            membership.c.rollout_id == of.id,
            membership.c.outcome.in_([MemberState.QUEUED.value, MemberState.REVERTING.value]),
            deployment.c.state == DeploymentState.QUEUED.value,
            held != noted,
        )
    )
    rows = connection.execute(query).all()
    return Change([pk for pk, noted in rows if not noted], [pk for pk, noted in rows if noted])


def _latest() -> Any:
    """The deployment that a member waits for."""
    back = membership.c.outcome == MemberState.REVERTING.value
    return sa.case((back, membership.c.revert_id), else_=membership.c.deployment_id)


def note(connection: Connection, of: Rollout, found: Change, *, now: float) -> None:
    """Write since when the members of `found` are held back."""
    mine, since = membership.c.rollout_id == of.id, membership.c.held_since
    for pks, value, before in ((found.begun, now, since.is_(None)), (found.ended, None, sa.true())):
        if pks:
            where = (mine, membership.c.device_pk.in_(pks), before)
            connection.execute(membership.update().where(*where).values(held_since=value))


# --- What it is -----------------------------------------------------------------------------------------------------


def reasons(connection: Connection, plan: Plan, pks: Collection[int], now: float) -> dict[int, str]:
    """For each of these devices what holds it back now, as a sentence; those that nothing holds are left out."""
    mine = device.c.pk.in_(list(pks))
    found: dict[int, str] = {}
    for text, fits in zip(plan.guards, scene.guards(connection, plan, now), strict=True):
        missing = connection.execute(sa.select(device.c.pk).where(mine, ~fits)).scalars()
        found |= dict.fromkeys(missing, f"It waits until {text} is so.")
    pinned = sa.select(device.c.pk, device.c.pin_reason).where(mine, device.c.pinned_until > now)
    found |= {pk: f"It is pinned: {reason}." for pk, reason in connection.execute(pinned)}
    kept = sa.select(leftover.c.device_pk, leftover.c.topic).where(leftover.c.device_pk.in_(list(pks)))
    found |= {pk: f"What is kept on {topic} would undo the update." for pk, topic in connection.execute(kept)}
    return found


def told(connection: Connection, rollout_id: int) -> str:
    """Who of a rollout was given up because something holds it, and what that is; empty when there is nobody.

    Who was accepted by a person who went on is not named again.
    """
    query = (
        sa.select(membership.c.device_pk, membership.c.reason)
        .where(*_given_up(rollout_id))
        .order_by(membership.c.position)
    )
    rows = connection.execute(query).all()
    names = naming.devices(connection, {pk for pk, _ in rows[:NAMED]})
    shown = " ".join(f"{names[pk][1]}: {reason}" for pk, reason in rows[:NAMED])
    return f"{shown} And {len(rows) - NAMED} more." if len(rows) > NAMED else shown


def _given_up(rollout_id: int) -> Sequence[Condition]:
    return (
        membership.c.rollout_id == rollout_id,
        membership.c.outcome == MemberState.ABSENT.value,
        membership.c.held_since.is_not(None),
    )


# --- A person goes on -----------------------------------------------------------------------------------------------


def let_back(connection: Connection, of: Rollout, *, now: float) -> list[str]:
    """Whom nothing holds any more is tried in the first wave after all, instead of the others somebody else; as
    sentences.
    """
    query = sa.select(membership.c.device_pk, membership.c.deployment_id).where(*_given_up(of.id))
    given_up: dict[int, int] = {row[0]: row[1] for row in connection.execute(query)}
    held = reasons(connection, of.plan, given_up, now)
    free = {pk: number for pk, number in given_up.items() if pk not in held}
    mine = membership.update().where(*_given_up(of.id))
    back = {"outcome": MemberState.QUEUED.value, "wave": 0, "reason": "", "since": now, "held_since": None}
    connection.execute(mine.where(membership.c.device_pk.in_(list(free))).values(**back))
    connection.execute(mine.values(held_since=None))
    theirs = deployment.c.id.in_(list(free.values()))
    connection.execute(deployment.update().where(theirs).values(wave=0))
    return _told_back(len(free), len(held))


def _told_back(free: int, held: int) -> list[str]:
    tried = "it is tried" if free == 1 else "they are tried"
    still = "is" if held == 1 else "are"
    told = [f"Nothing holds {free} of the first wave any more: {tried} now."] if free else []
    return [*told, *([f"{held} of the first wave {still} still held back: others go first."] if held else [])]
