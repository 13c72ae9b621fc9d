"""What holds a queued deployment back: as conditions for whoever looks for the next one, as sentences for people.

Rule: each hold is said once here and once in `rollout/starting.py`; a hold that ends by itself says when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE, Deployment, DeploymentState, State
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import MemberState
from homie_ota.rollout.rhythm import spell
from homie_ota.rollout.why import Hold
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import deployments, flight, marks, rhythm, rollouts, scene
from homie_ota.store.memberships import Member
from homie_ota.store.tables import deployment, device, event, leftover

STILL_COMING = 600.0
"""Seconds after which an image that we gave up cannot be on its way any more (docs/adr/0021)."""

Condition = sa.ColumnElement[bool]


# --- For whoever looks for the next one -----------------------------------------------------------------------------


def free(now: float) -> list[Condition]:
    """Conditions on a queued deployment and its device that nothing of the device itself holds it back."""
    return [
        deployment.c.not_before.is_(None) | (deployment.c.not_before <= now),
        deployment.c.fresh_after.is_(None) | (device.c.state_since > deployment.c.fresh_after),
        device.c.pinned_until.is_(None) | (device.c.pinned_until <= now),
        device.c.pk.not_in(_with_leftovers()),
        ~_still_coming(now),
    ]


def _with_leftovers() -> sa.Select[Any]:
    return sa.select(leftover.c.device_pk).where(leftover.c.device_pk.is_not(None))


def _still_coming(now: float) -> sa.Exists:
    """Whether the device may still take in an image of an attempt that was given up.

    A second image on top can damage the first (homie-ota.md rule 15), so it waits until the device has come back once;
    that we heard nothing more is no proof that nothing more happened.
    """
    earlier = deployment.alias("earlier")
    given_up = sa.exists().where(
        event.c.deployment_id == earlier.c.id, event.c.data["event"].as_string() == Event.EXPIRE.value
    )
    return sa.exists().where(
        earlier.c.device_pk == device.c.pk,
        earlier.c.state == DeploymentState.FAILED.value,
        earlier.c.image_at > now - STILL_COMING,
        earlier.c.image_at >= device.c.state_since,
        given_up,
    )


# --- For people -----------------------------------------------------------------------------------------------------


def of(connection: Connection, waiting: Deployment, local: LocalTime, now: float) -> tuple[Hold, ...]:
    """Why a queued deployment is not sent now, what counts most first; empty when it is its turn."""
    row = connection.execute(sa.select(device).where(device.c.pk == waiting.device_pk)).mappings().first()
    mine = sa.select(deployment).where(deployment.c.id == waiting.id)
    queued = connection.execute(mine).mappings().first()
    if row is None or queued is None or waiting.state is not DeploymentState.QUEUED:
        return ()
    of_device, of_queued = dict(row), dict(queued)
    found = [rule(connection, of_device, of_queued, now) for rule in _RULES]
    if waiting.rollout_id is not None:
        found.append(_of_rollout(connection, waiting.rollout_id, of_queued, local, now))
    return tuple(each for each in found if each is not None)


MOST_TOLD = 20
"""Members of a list that are asked for what holds them back: it takes some milliseconds each."""


def told(connection: Connection, found: Sequence[Member], local: LocalTime, now: float) -> list[Member]:
    """Members of a rollout, those that are queued with what holds them back as their reason; the first MOST_TOLD."""
    asked = [each.deployment_id for each in found if each.outcome is MemberState.QUEUED and not each.reason]
    reasons: dict[int | None, str] = {}
    for number in asked[:MOST_TOLD]:
        waiting = deployments.get(connection, number) if number is not None else None
        first = next(iter(of(connection, waiting, local, now)), None) if waiting is not None else None
        reasons[number] = first.text if first is not None else ""
    return [each._replace(reason=each.reason or reasons.get(each.deployment_id, "")) for each in found]


Row = Mapping[str, Any]


def _leftover(connection: Connection, row: Row, _queued: Row, _now: float) -> Hold | None:
    topics = sa.select(leftover.c.topic).where(leftover.c.device_pk == row["pk"]).limit(1)
    topic = connection.execute(topics).scalar()
    if topic is None:
        return None
    return Hold(
        "leftover", f"What is kept on {topic} would undo the update at its next connect. Clear it first."
    )


def _busy(connection: Connection, row: Row, _queued: Row, now: float) -> Hold | None:
    coming = sa.select(device.c.pk).where(device.c.pk == row["pk"], _still_coming(now))
    if connection.execute(coming).first() is None:
        return None
    return Hold(
        "busy",
        "An image of an earlier attempt may still be on its way to it. Restart it, or wait ten minutes.",
    )


def _pinned(connection: Connection, row: Row, _queued: Row, now: float) -> Hold | None:
    pin = marks.pin_of(connection, row["pk"], now)
    return Hold("pinned", f"It is pinned: {pin.reason}.", pin.until) if pin else None


def _not_before(_connection: Connection, _row: Row, queued: Row, now: float) -> Hold | None:
    at = queued["not_before"]
    return (
        None
        if at is None or at <= now
        else Hold("not-before", "It waits a while before the next attempt.", at)
    )


def _fresh(_connection: Connection, row: Row, queued: Row, _now: float) -> Hold | None:
    after = queued["fresh_after"]
    if after is None or row["state_since"] > after:
        return None
    return Hold(
        "fresh-announce", "After the last attempt it has to come back once before the next one is sent."
    )


def _away(connection: Connection, row: Row, queued: Row, now: float) -> Hold | None:
    if row["state"] in AWAKE:
        return None
    ahead = rhythm.outlook(connection, row["pk"], queued["bytes_total"], now)
    state = State(row["state"])
    text = f"The device is {state}. It gets the image as soon as it is ready."
    if ahead.fit is not None and not ahead.fit.fits:
        has, needs = spell(ahead.fit.has), spell(ahead.fit.needs)
        text += f" It is awake for {has} and the image needs about {needs}: it will not fit."
    return Hold("asleep", text, ahead.chance.at if ahead.chance else None)


_RULES = (_leftover, _busy, _pinned, _fresh, _not_before, _away)


def _of_rollout(
    connection: Connection, rollout_id: int, queued: Row, local: LocalTime, now: float
) -> Hold | None:
    rollout = rollouts.get(connection, rollout_id)
    if rollout is None:
        return None
    guarded = scene.guarded(connection, queued["device_pk"], rollout.plan, now)
    now_so = scene.look(connection, rollout, flight.now_flying(connection), now)
    answer = now_so.may_start(queued, local, guarded)
    return answer if isinstance(answer, Hold) else None
