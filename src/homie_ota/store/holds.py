"""What holds a queued deployment back: as conditions for whoever looks for the next one, as sentences for people.

Rule: each hold is said once here and once in `rollout/starting.py`; a hold that ends by itself says when.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.model import AWAKE, Deployment, DeploymentState, State, Way
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import MemberState
from homie_ota.rollout.rhythm import spell
from homie_ota.rollout.why import Hold
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import flight, marks, rhythm, rollouts, scene
from homie_ota.store.memberships import Member
from homie_ota.store.scene import Scene
from homie_ota.store.tables import deployment, device, event, leftover

STILL_COMING = 600.0
"""Seconds after which an image that we gave up cannot be on its way any more (docs/adr/0021)."""

Condition = sa.ColumnElement[bool]


# --- For whoever looks for the next one -----------------------------------------------------------------------------


NOW: sa.BindParameter[float] = sa.bindparam("looked_at", type_=sa.Float())
"""The moment of a look, in statements that are made once; whoever runs one gives it its value (`at`)."""


def at(now: float) -> dict[str, float]:
    """The values of a statement that has NOW in it."""
    return {"looked_at": now}


def free() -> list[Condition]:
    """Conditions on a queued deployment and its device that nothing of the device itself holds it back NOW."""
    return [
        deployment.c.not_before.is_(None) | (deployment.c.not_before <= NOW),
        deployment.c.fresh_after.is_(None) | (device.c.state_since > deployment.c.fresh_after),
        device.c.pinned_until.is_(None) | (device.c.pinned_until <= NOW),
        ~_with_leftover(),
        ~_still_coming(NOW),
    ]


def _with_leftovers() -> sa.Select[Any]:
    return sa.select(leftover.c.device_pk).where(leftover.c.device_pk.is_not(None))


def _still_coming(now: Any) -> sa.Exists:
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
    found = _queued(connection, [waiting.id]).get(waiting.id)
    if found is None or waiting.state is not DeploymentState.QUEUED:
        return ()
    return tuple(_each(connection, *found, _RULES, Scenes(connection, local, now)))


MOST_TOLD = 20
"""Members of a list that are asked when they will wake: it takes a millisecond or two each."""


def told(
    connection: Connection, found: Sequence[Member], local: LocalTime, now: float, most: int = MOST_TOLD
) -> list[Member]:
    """Members of a rollout, those that are queued with what holds them back as their reason.

    When they will wake, and for how long, is said of the first `most` that are away.
    """
    asked = [each.deployment_id for each in found if each.outcome is MemberState.QUEUED and not each.reason]
    rows = _queued(connection, [number for number in asked if number is not None])
    away = [row["pk"] for row, _ in rows.values() if row["state"] not in AWAKE]
    briefly = frozenset(away[most:])
    suspects, scenes = _suspects(connection, rows, now), Scenes(connection, local, now)
    reasons: dict[int | None, str] = {}
    for number, (row, queued) in rows.items():
        rules = _RULES if row["pk"] in suspects else _BRIEF if row["pk"] in briefly else _CHEAP
        first = next(_each(connection, row, queued, rules, scenes), None)
        reasons[number] = first.text if first is not None else ""
    return [each._replace(reason=each.reason or reasons.get(each.deployment_id, "")) for each in found]


Queued = dict[int, tuple["Row", "Row"]]


def _queued(connection: Connection, numbers: Sequence[int]) -> Queued:
    """The device and the deployment of each that is queued, by its number."""
    mine = sa.select(*_PLAIN[deployment]).where(
        deployment.c.id.in_(list(numbers)), deployment.c.state == DeploymentState.QUEUED.value
    )
    queued = connection.execute(mine).mappings().all() if numbers else []
    theirs = sa.select(*_PLAIN[device]).where(device.c.pk.in_([each["device_pk"] for each in queued]))
    rows = {each["pk"]: dict(each) for each in connection.execute(theirs).mappings()} if queued else {}
    known = (each for each in queued if each["device_pk"] in rows)
    return {each["id"]: (rows[each["device_pk"]], dict(each)) for each in known}


_PLAIN = {
    table: [each for each in table.columns if not isinstance(each.type, sa.JSON)]
    for table in (deployment, device)
}
"""What is told of a device at length says nothing of what holds it, and takes a while to read."""


def _suspects(connection: Connection, rows: Queued, now: float) -> set[int]:
    """Devices for which the rules that ask the database have something to say; few, nearly always."""
    pks = [row["pk"] for row, _ in rows.values()]
    query = sa.select(device.c.pk).where(device.c.pk.in_(pks), _with_leftover() | _still_coming(now))
    return set(connection.execute(query).scalars()) if pks else set()


def _with_leftover() -> Condition:
    return device.c.pk.in_(_with_leftovers())


def _each(
    connection: Connection, row: Row, queued: Row, rules: Sequence[Rule], scenes: Scenes
) -> Iterator[Hold]:
    for rule in rules:
        held = rule(connection, row, queued, scenes.now)
        if held is not None:
            yield held
    of_rollout = scenes.hold(queued)
    if of_rollout is not None:
        yield of_rollout


class Scenes:
    """The rollouts of those who wait, each looked at once for all of its members."""

    def __init__(self, connection: Connection, local: LocalTime, now: float) -> None:
        self._connection, self._local, self.now = connection, local, now
        self._found: dict[int, Scene | None] = {}

    def hold(self, queued: Row) -> Hold | None:
        """What of its rollout holds a deployment back."""
        now_so = self._scene(queued["rollout_id"])
        if now_so is None:
            return None
        guarded = scene.guarded(self._connection, queued["device_pk"], now_so.rollout.plan, self.now)
        answer = now_so.may_start(queued, self._local, guarded)
        return answer if isinstance(answer, Hold) else None

    def _scene(self, number: int | None) -> Scene | None:
        if number is not None and number not in self._found:
            rollout, flying = rollouts.get(self._connection, number), flight.now_flying(self._connection)
            self._found[number] = (
                None if rollout is None else scene.look(self._connection, rollout, flying, self.now)
            )
        return None if number is None else self._found[number]


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
    pin = marks.pin_of(connection, row["pk"], now) if row["pinned_until"] else None
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
    text = _gone(row)
    if ahead.fit is not None and not ahead.fit.fits:
        has, needs = spell(ahead.fit.has), spell(ahead.fit.needs)
        text += f" It is awake for {has} and the image needs about {needs}: it will not fit."
    return Hold("asleep", text, ahead.chance.at if ahead.chance else None)


def _away_briefly(_connection: Connection, row: Row, _queued: Row, _now: float) -> Hold | None:
    return None if row["state"] in AWAKE else Hold("asleep", _gone(row))


def _gone(row: Row) -> str:
    if row["way"] == Way.ASKS.value:
        return "It gets the image when it asks for updates, as it does by itself."
    return f"The device is {State(row['state'])}. It gets the image as soon as it is ready."


Rule = Callable[[Connection, Row, Row, float], Hold | None]
_RULES: tuple[Rule, ...] = (_leftover, _busy, _pinned, _fresh, _not_before, _away)
_CHEAP = tuple(each for each in _RULES if each not in (_leftover, _busy))
_BRIEF = (*_CHEAP[:-1], _away_briefly)
