"""Who is offered something next, and at what price: limits, turns, holds, and ten thousand that wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homie_ota.model import Purpose
from homie_ota.rollout.course import Move
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.plan import Limits, Plan, WaveRule, WaveState, Window
from homie_ota.rollout.reasons import ABSENT
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import attempts, cures, deployments, holds, marks, rollouts, turns, waiting
from homie_ota.store.database import Connection
from homie_ota.store.tables import deployment, leftover
from homie_ota.store.waiting import Look
from store.lamps import (
    SILENT,
    WANTED,
    add_device,
    add_devices,
    failed,
    next_pk,
    next_ready,
    offered,
    on_sqlite,
    opened,
    ordered,
    row_of,
    sleeps,
    wakes,
)

MONDAY = LocalTime(0, 0)


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        yield found


def waits_for(conn: Connection, number: int, now: float, local: LocalTime = MONDAY) -> list[str]:
    found = deployments.get(conn, number)
    assert found is not None
    return [each.code for each in holds.of(conn, found, local, now)]


# --- Turns ----------------------------------------------------------------------------------------------------------


def test_the_oldest_goes_first_who_just_woke_before_it_and_a_weak_signal_last(conn: Connection) -> None:
    add_device(conn, 1, signal=10.0)
    for pk in (2, 3):
        add_device(conn, pk)
    add_device(conn, 4, state="sleeping")
    for pk in (1, 2, 3, 4):
        ordered(conn, pk)
    order = []
    assert next_pk(conn, 20.0) == 2
    wakes(conn, 4, 20.0, signal=5.0)
    while (found := next_ready(conn, 21.0)) is not None:
        order.append(found.deployment.device_pk)
        moved = offered(conn, found.deployment, 21.0)
        failed(conn, moved, 22.0)
    assert order == [4, 2, 3, 1]


def test_what_fell_asleep_again_waits_again(conn: Connection) -> None:
    add_device(conn, 1, state="sleeping")
    made = ordered(conn)
    assert next_pk(conn, 20.0) is None
    wakes(conn, 1, 20.0)
    assert next_pk(conn, 21.0) == 1
    sleeps(conn, 1, 30.0)
    assert next_pk(conn, 31.0) is None
    assert waits_for(conn, made.id, 31.0) == ["asleep"]


def test_a_turn_that_does_not_fit_the_device_is_put_right(conn: Connection) -> None:
    add_device(conn, 1)
    ordered(conn)
    conn.execute(deployment.update().values(turn=None))
    assert next_pk(conn, 20.0) is None
    assert turns.repair(conn) == 1
    assert next_pk(conn, 20.0) == 1
    assert turns.repair(conn) == 0


# --- Limits ---------------------------------------------------------------------------------------------------------


def test_bytes_in_flight_are_limited_but_an_image_that_is_larger_goes_alone(conn: Connection) -> None:
    for pk in (1, 2):
        add_device(conn, pk)
        ordered(conn, pk)
    first = next_ready(conn, 20.0, 5, bytes_in_flight=900)
    assert first is not None
    offered(conn, first.deployment, 20.0)
    assert next_ready(conn, 21.0, 5, bytes_in_flight=1500) is None
    assert next_ready(conn, 21.0, 5, bytes_in_flight=2000) is not None


def test_starts_are_spread_over_the_minute_and_it_is_known_when_the_next_may_go(conn: Connection) -> None:
    for pk in (1, 2):
        add_device(conn, pk)
        ordered(conn, pk)
    limits = Limits(5, 0, 6.0)
    first = waiting.next_ready(conn, Look(20.0, limits=limits))
    assert first.ready is not None
    offered(conn, first.ready.deployment, 20.0)
    assert waiting.next_ready(conn, Look(21.0, limits=limits)) == (None, 30.0)
    assert waiting.next_ready(conn, Look(30.0, limits=limits)).ready is not None


def test_what_was_too_slow_gets_the_air_for_itself(conn: Connection) -> None:
    for pk in (1, 2, 3):
        add_device(conn, pk)
        ordered(conn, pk)
    conn.execute(deployment.update().where(deployment.c.device_pk == 1).values(alone=True))
    offered(conn, deployments.active_of(conn, 2), 20.0)  # type: ignore[arg-type]
    assert next_pk(conn, 21.0, 5) == 3, "not while another one is on the air"
    failed(conn, deployments.active_of(conn, 2), 22.0)  # type: ignore[arg-type]
    assert next_pk(conn, 23.0, 5) == 1
    offered(conn, deployments.active_of(conn, 1), 24.0)  # type: ignore[arg-type]
    assert next_pk(conn, 25.0, 5) is None, "and nobody beside it"
    wakes(conn, 3, 26.0)
    assert next_pk(conn, 26.0, 5) == 3, "but for who just woke"


# --- What holds one back --------------------------------------------------------------------------------------------


def test_a_pin_a_backoff_and_a_leftover_hold_one_back_and_nobody_else(conn: Connection) -> None:
    made = {}
    for pk in (1, 2, 3, 4):
        add_device(conn, pk)
        made[pk] = ordered(conn, pk).id
    marks.pin(conn, 1, 100.0, "the party", by="me", now=11.0)
    conn.execute(deployment.update().where(deployment.c.device_pk == 2).values(not_before=90.0))
    row = {
        "topic": "homie/lamp-3/$implementation/ota/firmware/x",
        "device_pk": 3,
        "kind": "image",
        "found_at": 1.0,
    }
    conn.execute(leftover.insert().values(**row))
    assert next_pk(conn, 20.0) == 4
    told = {pk: waits_for(conn, number, 20.0) for pk, number in made.items()}
    assert told == {1: ["pinned"], 2: ["not-before"], 3: ["leftover"], 4: []}
    assert next_pk(conn, 91.0) == 2
    assert next_pk(conn, 101.0) == 1


def test_an_attempt_that_needs_a_fresh_announce_waits_for_it_however_long(conn: Connection) -> None:
    add_device(conn, 1)
    made = ordered(conn)
    conn.execute(deployment.update().values(fresh_after=50.0))
    assert next_pk(conn, 1e6) is None
    assert waits_for(conn, made.id, 1e6) == ["fresh-announce"]
    wakes(conn, 1, 51.0)
    assert next_pk(conn, 52.0) == 1


def test_nobody_is_sent_a_second_image_while_the_first_may_still_come_in(conn: Connection) -> None:
    add_device(conn, 1)
    failed(conn, ordered(conn), 100.0, SILENT)
    again = ordered(conn, now=101.0)
    assert next_pk(conn, 102.0) is None
    assert waits_for(conn, again.id, 102.0) == ["busy"]
    assert next_pk(conn, 100.0 + holds.STILL_COMING) == 1


def test_what_waits_until_a_date_ends_as_absent(conn: Connection) -> None:
    add_device(conn, 1, state="sleeping")
    made = ordered(conn)
    conn.execute(deployment.update().values(not_after=500.0))
    assert waiting.lapsed(conn, 499.0) == []
    (late,) = waiting.lapsed(conn, 501.0)
    ended = deployments.advance(conn, late, Event.LAPSE, now=501.0, reason=ABSENT)
    assert ended is not None
    assert (ended.id, ended.state, ended.outcome) == (made.id, "cancelled", "absent")
    assert "until the date" in ended.reason


# --- Rollouts -------------------------------------------------------------------------------------------------------


def a_rollout(conn: Connection, plan: Plan, *pks: int, **place: Any) -> rollouts.Rollout:
    """A running rollout whose first wave has these devices queued."""
    made = rollouts.insert(conn, sha256=WANTED, query="id:*", plan=plan, by="me", now=5.0)
    moved = rollouts.move(conn, made, Move.START, now=6.0)
    assert moved is not None
    assert rollouts.move_wave(conn, moved, 0, [WaveState.WAITING], WaveState.RUNNING, now=6.0)
    for pk in pks:
        deployments.insert(
            conn, device_pk=pk, sha256=WANTED, size=1000, previous_sha256="", before={}, by="me", now=10.0 + pk,
            **{"rollout_id": moved.id, "wave": 0, **place},
        )  # fmt: skip
    return moved


ALL = Plan((WaveRule(),), Limits(parallel=2))


def test_each_rollout_has_its_own_limit_and_what_is_ordered_singly_is_not_counted(conn: Connection) -> None:
    for pk in range(1, 6):
        add_device(conn, pk)
    a_rollout(conn, ALL, 1, 2, 3)
    for pk in (4, 5):
        ordered(conn, pk, now=50.0)
    order = []
    while (found := next_ready(conn, 60.0, 10)) is not None:
        order.append(found.deployment.device_pk)
        offered(conn, found.deployment, 60.0)
    assert order == [1, 2, 4, 5], "the third waits for a slot of its rollout"


@pytest.mark.parametrize(("move", "goes"), [(Move.PAUSE, False), (Move.ABORT, False), (Move.DRAIN, False)])
def test_only_a_running_rollout_sends(conn: Connection, move: Move, goes: bool) -> None:
    add_device(conn, 1)
    running = a_rollout(conn, ALL, 1)
    assert next_pk(conn, 20.0) == 1
    rollouts.move(conn, running, move, now=15.0)
    assert (next_pk(conn, 20.0) == 1) is goes
    number = deployments.active_of(conn, 1)
    assert number is not None
    assert waits_for(conn, number.id, 20.0) == ["rollout"]


@pytest.mark.parametrize("what", ["pause", "pin", "sleep"])
def test_what_comes_between_the_look_and_the_offer_still_stops_it(conn: Connection, what: str) -> None:
    add_device(conn, 1)
    running = a_rollout(conn, ALL, 1)
    found = next_ready(conn, 20.0)
    assert found is not None
    assert waiting.may_still_go(conn, found.deployment, 20.0)
    if what == "pause":
        rollouts.move(conn, running, Move.PAUSE, now=20.5)
    elif what == "pin":
        marks.pin(conn, 1, 100.0, "the exhibition", by="eve", now=20.5)
    else:
        sleeps(conn, 1, 20.5)
    assert not waiting.may_still_go(conn, found.deployment, 21.0)


def test_a_rollout_that_goes_back_sends_only_what_goes_back(conn: Connection) -> None:
    for pk in (1, 2):
        add_device(conn, pk)
    running = a_rollout(conn, ALL, 1)
    rollouts.move(conn, running, Move.REVERT, now=15.0)
    assert next_pk(conn, 20.0) is None
    deployments.insert(
        conn, device_pk=2, sha256=WANTED, size=1000, previous_sha256="", before={}, by="me", now=20.0,
        rollout_id=running.id, wave=0, purpose=Purpose.REVERT,
    )  # fmt: skip
    assert next_pk(conn, 21.0) == 2


def test_a_window_and_a_guard_hold_back_those_whom_they_mean(conn: Connection) -> None:
    add_device(conn, 1, signal=20.0)
    add_device(conn, 2, signal=90.0)
    night = Window(frozenset(range(7)), 2 * 60, 4 * 60)
    plan = Plan((WaveRule(),), Limits(parallel=2), windows=(night,), guards=("signal:>50",))
    a_rollout(conn, plan, 1, 2)
    noon, at_night = LocalTime(3, 12 * 60), LocalTime(3, 3 * 60)
    closed = waiting.next_ready(conn, Look(100.0, noon, Limits(5)))
    assert closed.ready is None
    assert closed.again_at == 100.0 + 14 * 3600.0, "the window opens at two"
    found = waiting.next_ready(conn, Look(100.0, at_night, Limits(5))).ready
    assert found is not None
    assert found.deployment.device_pk == 2
    numbers = {pk: deployments.active_of(conn, pk).id for pk in (1, 2)}  # type: ignore[union-attr]
    assert waits_for(conn, numbers[1], 100.0, at_night) == ["guard"]
    assert waits_for(conn, numbers[2], 100.0, noon) == ["window"]


def test_a_slot_of_several_is_kept_for_those_that_are_still_asleep(conn: Connection) -> None:
    for pk in (1, 2):
        add_device(conn, pk)
    add_device(conn, 3, state="sleeping")
    a_rollout(conn, ALL, 1, 2, 3)
    first = next_ready(conn, 20.0, 10)
    assert first is not None
    offered(conn, first.deployment, 20.0)
    assert next_pk(conn, 21.0, 10) is None
    wakes(conn, 3, 30.0)
    assert next_pk(conn, 31.0, 10) == 3


# --- Ten thousand ---------------------------------------------------------------------------------------------------

FEW, MANY = 20, 10_000
STEPS = 50


def crowd(conn: Connection, count: int, rollout_id: int | None) -> None:
    """So many that wait for devices which sleep, each after an earlier failure, and one whose device is awake."""
    add_devices(conn, *(row_of(pk, state="sleeping", state_since=5.0) for pk in range(1, count + 1)))
    add_device(conn, count + 1)
    row = {"sha256": WANTED, "state_since": 6.0, "created_at": 6.0, "bytes_total": 1000, "wave": 0}
    queued = {"state": "queued", "rollout_id": rollout_id}
    before = [
        {
            **row,
            "device_pk": pk,
            "state": "failed",
            "followed": "nothing",
            "image_at": 2.0,
            "code": "transfer-broken",
        }
        for pk in range(1, count + 1)
    ]
    now = [
        {**row, **queued, "device_pk": pk, "turn": None if pk <= count else 1} for pk in range(1, count + 2)
    ]
    conn.execute(deployment.insert(), before)
    conn.execute(deployment.insert(), now)
    conn.execute(sa.text("ANALYZE" if conn.dialect.name == "postgresql" else "SELECT 1"))


def effort(conn: Connection, work: Callable[[], object]) -> int:
    """How much SQLite has to do for it, in steps of its own machine."""
    count = 0

    def step() -> int:
        nonlocal count
        count += STEPS
        return 0

    raw: Any = conn.connection.dbapi_connection
    raw.set_progress_handler(step, STEPS)
    work()
    raw.set_progress_handler(None, 0)
    return count


def efforts(conn: Connection, count: int, rollout_id: int | None) -> dict[str, int]:
    """What each thing costs that is done when a device wakes, and with every look."""
    crowd(conn, count, rollout_id)
    asleep = count // 2
    return {
        "a look": effort(conn, lambda: _is(next_pk(conn, 20.0), count + 1)),
        "a wake-up": effort(conn, lambda: wakes(conn, asleep, 20.0)),
        "a look after it": effort(conn, lambda: _is(next_pk(conn, 21.0), asleep)),
        "falling asleep": effort(conn, lambda: sleeps(conn, asleep, 22.0)),
        "what lapsed": effort(conn, lambda: waiting.lapsed(conn, 30.0)),
        "failures to follow": effort(conn, lambda: attempts.unfollowed(conn)),
        "cures": effort(conn, lambda: cures.due(conn)),
    }


def _is(found: int | None, expected: int) -> None:
    assert found == expected


@pytest.mark.parametrize("in_a_rollout", [False, True])
def test_ten_thousand_that_wait_cost_no_more_than_twenty(tmp_path: Path, in_a_rollout: bool) -> None:
    found = []
    for count in (FEW, MANY):
        with on_sqlite(tmp_path / f"{count}.sqlite3") as conn:
            number = a_rollout(conn, ALL).id if in_a_rollout else None
            found.append(efforts(conn, count, number))
    few, many = found
    assert {what: (few[what], many[what]) for what in few if many[what] > 3 * few[what] + 10 * STEPS} == {}


def test_ten_thousand_on_either_database_leave_the_answer_the_same(conn: Connection) -> None:
    crowd(conn, MANY, None)
    assert next_pk(conn, 20.0) == MANY + 1
    wakes(conn, 5_000, 20.0)
    assert next_pk(conn, 21.0) == 5_000
