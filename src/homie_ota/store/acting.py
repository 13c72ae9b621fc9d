"""What was decided about a rollout → rows: waves begun, passed and failed, the absent in their lane, the end.

Rule: an action is carried out in the transaction in which it was decided; one that the rows no longer allow changes
nothing. Every one leaves an event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import DeploymentState
from homie_ota.rollout import actions
from homie_ota.rollout.actions import Action
from homie_ota.rollout.course import Move
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import MemberState, RolloutState, WaveState
from homie_ota.rollout.reasons import Reason
from homie_ota.store import deployments, holding, memberships, progress, returning, rollouts
from homie_ota.store.holding import Change
from homie_ota.store.rollouts import Rollout
from homie_ota.store.tables import deployment, device, membership

ENGINE = "engine"
"""Who acts, in events, when nobody does."""

MANY = 200
"""Members that are marked in one transaction, for whoever wakes meanwhile; the others follow at the next look."""


def act(connection: Connection, of: Rollout, found: Sequence[Action], *, now: float) -> bool:
    """Carry out what was decided about a rollout as it is now; True when anything changed."""
    changed = False
    for action in found:
        current = rollouts.require(connection, of.id)
        changed |= _ACTS[type(action)](connection, current, action, now)
    return changed


def _start(connection: Connection, of: Rollout, action: actions.StartWave, now: float) -> bool:
    waits = (WaveState.WAITING, WaveState.FAILED)
    moved = rollouts.move_wave(connection, of, action.wave, waits, WaveState.RUNNING, now=now)
    if moved and action.wave != of.lane:
        rollouts.change(connection, of, wave=action.wave)
    return moved


def _pass(connection: Connection, of: Rollout, action: actions.PassWave, now: float) -> bool:
    open_ = (WaveState.RUNNING, WaveState.WAITING)
    return rollouts.move_wave(
        connection, of, action.wave, open_, WaveState.PASSED, now=now, reading=action.reading
    )


def _fail(connection: Connection, of: Rollout, action: actions.FailWave, now: float) -> bool:
    others = [state for state in WaveState if state is not WaveState.FAILED]
    return rollouts.move_wave(
        connection, of, action.wave, others, WaveState.FAILED, now=now, reading=action.reading,
        why=action.reason,
    )  # fmt: skip


def _substitute(connection: Connection, of: Rollout, action: actions.Substitute, now: float) -> bool:
    moved = memberships.shift(connection, of.id, action.source, action.wave, action.members)
    data = {"event": "substitute", "wave": action.wave, "devices": moved[:50], "why": action.reason}
    rollouts.note(connection, of, data, now=now)
    return bool(moved)


SILENT = Reason(
    "silent",
    "It was sent the image before and has not come back since, so nothing more is sent. Look at its power and Wi-Fi, "
    "and restart it; a success that comes late still counts.",
    False,
)


def _absent(connection: Connection, of: Rollout, action: actions.MarkAbsent, now: float) -> bool:
    """Who was sent nothing is absent; silence after something was sent is a failure, and no other goes instead.

    Who is held back is asked about once more: what held it may have gone since it was noted.
    """
    tried = deployment.alias("tried")
    sent = sa.exists().where(
        tried.c.device_pk == deployment.c.device_pk,
        tried.c.rollout_id == of.id,
        tried.c.sha256 == deployment.c.sha256,
        tried.c.state == DeploymentState.FAILED.value,
        tried.c.offered_at.is_not(None),
    )
    away = progress.is_away() & (progress.away_since() <= action.before)
    query = (
        sa.select(membership.c.device_pk, membership.c.deployment_id, sent.label("sent"), away.label("away"))
        .join(device, device.c.pk == membership.c.device_pk)
        .join(deployment, deployment.c.id == membership.c.deployment_id)
        .where(
            membership.c.rollout_id == of.id,
            membership.c.wave == action.wave,
            membership.c.outcome == MemberState.QUEUED.value,
            away | _held(connection, of, action.before, now),
        )
        .limit(MANY)
    )
    rows = connection.execute(query).all()
    unsent = [each for each in rows if each.away is not True or not each.sent]
    asleep = {each.device_pk: each.deployment_id for each in unsent if each.away}
    held = {each.device_pk: each.deployment_id for each in unsent if not each.away}
    _to_the_lane(connection, of, action, asleep, dict.fromkeys(asleep, NEVER_WOKE), now)
    _to_the_lane(connection, of, action, held, _why_held(connection, of, list(held), now), now, held=True)
    for row in rows:
        if row.away and row.sent:
            _give_up(connection, of, row.device_pk, row.deployment_id, now)
    return bool(rows)


NEVER_WOKE = "It never woke up in its time."


def _held(connection: Connection, of: Rollout, before: float, now: float) -> sa.ColumnElement[bool]:
    return (membership.c.held_since <= before) & holding.is_held(connection, of.plan, now)


def _why_held(connection: Connection, of: Rollout, pks: list[int], now: float) -> dict[int, str]:
    found = holding.reasons(connection, of.plan, pks, now) if pks else {}
    return {pk: f"Held back for too long. {found.get(pk, '')}".strip() for pk in pks}


def _to_the_lane(
    connection: Connection,
    of: Rollout,
    action: actions.MarkAbsent,
    found: dict[int, int],
    reasons: dict[int, str],
    now: float,
    *,
    held: bool = False,
) -> None:
    """They keep their queued deployment, and with it their turn when they wake; but in the lane of late joiners."""
    if not found:
        return
    memberships.change(
        connection, of.id, reasons, [MemberState.QUEUED], MemberState.ABSENT, now=now, wave=of.lane
    )
    if not held:
        holding.note(connection, of, Change([], list(found)), now=now)
    theirs = deployment.c.id.in_(list(found.values()))
    connection.execute(deployment.update().where(theirs).values(wave=of.lane))
    data = {"event": "absent", "wave": action.wave, "count": len(found), "devices": list(reasons)[:50]}
    why = {"why": next(iter(reasons.values()))} if held else {}
    rollouts.note(connection, of, {**data, **why}, now=now)


def _give_up(connection: Connection, of: Rollout, device_pk: int, number: int, now: float) -> None:
    """Its next attempt is taken back, and what counts is the one that was sent."""
    waiting = deployments.get(connection, number)
    if waiting and deployments.advance(connection, waiting, Event.CANCEL, now=now, reason=SILENT):
        ended = {device_pk: SILENT.text}
        memberships.change(connection, of.id, ended, [MemberState.WITHDRAWN], MemberState.UNHARMED, now=now)


STRANDED = Reason(
    "absent", "It could not be reached in the time in which it could have got its old image back.", False
)


def _strand(connection: Connection, of: Rollout, action: actions.MarkStranded, now: float) -> bool:
    query = (
        sa.select(membership.c.revert_id)
        .join(device, device.c.pk == membership.c.device_pk)
        .join(deployment, deployment.c.id == membership.c.revert_id)
        .where(
            membership.c.rollout_id == of.id,
            membership.c.outcome == MemberState.REVERTING.value,
            deployment.c.state == DeploymentState.QUEUED.value,
            (progress.is_away() & (progress.away_since() <= action.before))
            | _held(connection, of, action.before, now),
        )
        .limit(MANY)
    )
    ended = False
    for number in connection.execute(query).scalars().all():
        waiting = deployments.get(connection, number)
        if waiting is not None:
            moved = deployments.advance(connection, waiting, Event.CANCEL, now=now, reason=STRANDED)
            ended |= moved is not None
    return ended


def _pause(connection: Connection, of: Rollout, action: actions.Pause, now: float) -> bool:
    return _move(connection, of, RolloutState.RUNNING, Move.PAUSE, action.reason, now)


def _drain(connection: Connection, of: Rollout, action: actions.Drain, now: float) -> bool:
    memberships.withdraw(connection, of.id, "The rollout was stopped.", now=now)
    return _move(connection, of, RolloutState.RUNNING, Move.DRAIN, action.reason, now)


def _revert(connection: Connection, of: Rollout, action: actions.Revert, now: float) -> bool:
    """Begin to go back; who goes, and when, is `returning.go_back`'s work."""
    memberships.withdraw(connection, of.id, "The rollout goes back.", now=now)
    return _move(connection, of, RolloutState.RUNNING, Move.REVERT, action.reason, now)


def _finish(connection: Connection, of: Rollout, action: actions.Finish, now: float) -> bool:
    story = returning.story(connection, of) if of.state is RolloutState.REVERTING else ""
    reason = f"{action.reason} {story}".strip()
    return rollouts.move(connection, of, Move.FINISH, now=now, by=ENGINE, reason=reason) is not None


def _move(connection: Connection, of: Rollout, old: RolloutState, how: Move, reason: str, now: float) -> bool:
    if of.state is not old:
        return False
    whom = returning.harm(connection, of) if _is_harm(connection, of) else ""
    reason = f"{reason} {whom}".strip()
    return rollouts.move(connection, of, how, now=now, by=ENGINE, reason=reason) is not None


def _is_harm(connection: Connection, of: Rollout) -> bool:
    """Whether a wave has just failed because devices took harm."""
    waves = rollouts.waves(connection, of.id)
    return any(each.state is WaveState.FAILED and each.reading.get("code") == "harm" for each in waves)


_ACTS: dict[type, Callable[[Connection, Rollout, Any, float], bool]] = {
    actions.StartWave: _start,
    actions.PassWave: _pass,
    actions.FailWave: _fail,
    actions.Substitute: _substitute,
    actions.MarkAbsent: _absent,
    actions.MarkStranded: _strand,
    actions.Pause: _pause,
    actions.Drain: _drain,
    actions.Revert: _revert,
    actions.Finish: _finish,
}
