"""Rows of rollouts and their waves: making one, moving it by compare-and-set, and what each move leaves behind.

Rule: a rollout moves along `rollout/course.py`, from the revision that the caller saw; a move that somebody else made
first is a move that did not happen here. Every move is an event row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound
from homie_ota.rollout import course
from homie_ota.rollout.course import Move
from homie_ota.rollout.gates import GateReading
from homie_ota.rollout.plan import Plan, RolloutState, WaveState
from homie_ota.rollout.plandata import plan_as_data, plan_from_data
from homie_ota.store import events
from homie_ota.store.database import changed_one
from homie_ota.store.tables import event, rollout, wave

LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Rollout:
    """One row of the table `rollout`; times are Unix seconds, `wave` counts from 0."""

    id: int
    name: str
    sha256: str
    query: str
    plan: Plan
    state: RolloutState
    state_since: float
    reason: str
    wave: int
    standing: bool
    follow: str
    created_at: float
    created_by: str
    started_at: float | None
    ended_at: float | None
    revision: int

    @property
    def lane(self) -> int:
        """The number of the lane of late joiners: behind the waves of the plan, and that of `last`."""
        return len(self.plan.waves) + bool(self.plan.last)


@dataclass(frozen=True, slots=True)
class Wave:
    """One row of the table `wave`; `reading` is what its gate said when it was last decided about."""

    number: int
    state: WaveState
    started_at: float | None
    passed_at: float | None
    reading: dict[str, Any]

    @property
    def borne(self) -> int:
        """How many harmful failures more than the gate allows a person accepted."""
        return int(self.reading.get("borne", 0))


def _read(row: Any) -> Rollout:
    values = {**row, "plan": plan_from_data(row["plan"]), "state": RolloutState(row["state"])}
    return Rollout(**values)


def insert(
    connection: Connection,
    *,
    sha256: str,
    query: str,
    plan: Plan,
    by: str,
    now: float,
    name: str = "",
    standing: bool = False,
    follow: str = "",
) -> Rollout:
    """A new rollout, not started, with a row for each wave and one for the lane of late joiners."""
    values = {
        "name": name[:255],
        "sha256": sha256,
        "query": query,
        "plan": plan_as_data(plan),
        "state": RolloutState.DRAFT.value,
        "state_since": now,
        "standing": standing,
        "follow": follow,
        "created_at": now,
        "created_by": by[:64],
    }
    number = connection.execute(rollout.insert().values(**values)).inserted_primary_key
    made = get(connection, int(number[0])) if number else None
    if made is None:
        raise NotFound("The rollout was not stored.")
    rows = [
        {"rollout_id": made.id, "number": at, "state": WaveState.WAITING.value} for at in range(made.lane + 1)
    ]
    connection.execute(wave.insert(), rows)
    _tell(connection, made, by, now, {"event": "create", "state": made.state.value})
    return made


def get(connection: Connection, number: int) -> Rollout | None:
    """One rollout, None when there is none of this number."""
    found = connection.execute(sa.select(rollout).where(rollout.c.id == number)).mappings().first()
    return _read(found) if found else None


def require(connection: Connection, number: int) -> Rollout:
    """One rollout; NotFound when there is none of this number."""
    found = get(connection, number)
    if found is None:
        raise NotFound(f"There is no rollout {number}.")
    return found


def find(
    connection: Connection, *, states: Sequence[str] = (), limit: int = 100, before: int | None = None
) -> list[Rollout]:
    """Rollouts, the newest first; `before` is the id from which a further page goes on."""
    query = sa.select(rollout).order_by(rollout.c.id.desc()).limit(limit)
    query = query.where(rollout.c.state.in_(list(states))) if states else query
    query = query if before is None else query.where(rollout.c.id < before)
    return [_read(row) for row in connection.execute(query).mappings()]


def move(
    connection: Connection, before: Rollout, how: Move, *, now: float, by: str = "", reason: str = ""
) -> Rollout | None:
    """Move `before` as the table says; None when somebody moved it first. Conflict when it cannot be moved so."""
    state = course.after(before.state, how)
    if state is None:
        raise Conflict(course.refusal(before.id, before.state, how))
    values: dict[str, Any] = {"state": state.value, "state_since": now, "reason": reason[:LONGEST_REASON]}
    if how is Move.START:
        values["started_at"] = now
    values["ended_at"] = now if state in course.ENDED else None
    if not change(connection, before, **values):
        return None
    data = {"event": how.value, "from": before.state.value, "state": state.value}
    _tell(connection, before, by, now, {**data, **({"reason": reason} if reason else {})})
    return get(connection, before.id)


def change(connection: Connection, before: Rollout, **values: Any) -> bool:
    """Change columns of a rollout that is still as it was seen; False when it is not."""
    unmoved = (rollout.c.id == before.id) & (rollout.c.revision == before.revision)
    raised = {**values, "revision": before.revision + 1}
    return changed_one(connection.execute(rollout.update().where(unmoved).values(**raised)))


# --- Waves ---------------------------------------------------------------------------------------------------------


def waves(connection: Connection, number: int) -> list[Wave]:
    """The waves of a rollout in order; the last one is the lane of late joiners."""
    columns = [each for each in wave.columns if each.name != "rollout_id"]
    query = sa.select(*columns).where(wave.c.rollout_id == number).order_by(wave.c.number)
    return [Wave(**{**row, "state": WaveState(row["state"])}) for row in connection.execute(query).mappings()]


def move_wave(
    connection: Connection,
    of: Rollout,
    number: int,
    old: Sequence[WaveState],
    new: WaveState,
    *,
    now: float,
    reading: GateReading | None = None,
    why: str = "",
) -> bool:
    """Move one wave from one of `old` to `new`; False when it is in none of them (any more)."""
    here = (wave.c.rollout_id == of.id) & (wave.c.number == number)
    found = connection.execute(sa.select(wave.c.reading).where(here)).scalar() or {}
    told = {**found, **(reading._asdict() if reading else {}), "why": why}
    values: dict[str, Any] = {"state": new.value, "reading": told}
    values |= _WAVE_TIMES.get(new, lambda _: {})(now)
    unmoved = here & wave.c.state.in_([each.value for each in old])
    if not changed_one(connection.execute(wave.update().where(unmoved).values(**values))):
        return False
    data = {"event": "wave", "wave": number, "state": new.value, "why": why or told.get("text", "")}
    data |= {"lane": True} if number == of.lane else {}
    _tell(connection, of, "", now, data)
    return True


_WAVE_TIMES: dict[WaveState, Any] = {
    # A wave that a person lets go on began when it began.
    WaveState.RUNNING: lambda now: {"started_at": sa.func.coalesce(wave.c.started_at, now)},
    WaveState.PASSED: lambda now: {"passed_at": now},
}


def bear(connection: Connection, of: Rollout, number: int, harmful: int) -> None:
    """Write how many harmful failures of a wave a person accepted."""
    here = (wave.c.rollout_id == of.id) & (wave.c.number == number)
    found = connection.execute(sa.select(wave.c.reading).where(here)).scalar() or {}
    connection.execute(wave.update().where(here).values(reading={**found, "borne": harmful}))


def note(connection: Connection, of: Rollout, data: dict[str, Any], *, now: float, by: str = "") -> None:
    """Write an event of a rollout that is no move: who was marked absent, who came late."""
    _tell(connection, of, by, now, data)


def story(connection: Connection, number: int, *, limit: int = 500) -> list[dict[str, Any]]:
    """The events of one rollout, the newest first."""
    mine = (event.c.kind == sa.literal_column("'rollout'")) & (event.c.data["rollout"].as_integer() == number)
    query = sa.select(event).where(mine).order_by(event.c.seq.desc()).limit(limit)
    return [dict(row) for row in connection.execute(query).mappings()]


def _tell(connection: Connection, of: Rollout, by: str, now: float, data: dict[str, Any]) -> None:
    events.add(connection, "rollout", at=now, actor=by, data={"rollout": of.id, **data})
