"""(g) Deciding about rollouts of small and very large fleets, and playing a day of one.

Rule: CPU seconds of one process. "A look" is what the engine does after each piece of news: rows to a view to a
decision. "Asking everybody" puts all in their waves and asks each once whether it may start, which no engine ever does
at one time; it shows that nothing grows faster than the fleet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bench.figures import Figure, Target, median
from bench.scale import Scale
from homie_ota.rollout.fates import Fate, by_chance
from homie_ota.rollout.plan import BY_DEFAULT, CANARY, Gate, Limits, MemberState, Plan, WaveRule, WaveState
from homie_ota.rollout.rhythm import Awake
from homie_ota.rollout.simulation import Subject, simulate
from homie_ota.rollout.starting import InFlight, MemberView, Start, may_start
from homie_ota.rollout.strategy import decide, next_look
from homie_ota.rollout.waves import Member, arrange
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import progress, rollouts
from homie_ota.store.database import Connection, Database
from homie_ota.store.tables import device, membership, rollout, wave

NOW = 1_000_000.0
HOUR, DAY = 3600.0, 86_400.0
SIZE = 400_000
LIMIT = (Target("≤", 1000.0),)
LARGE = 100_000


def run(scale: Scale, folder: Path) -> Iterator[Figure]:
    """The figures of (g)."""
    asked = {count: _asking(scale, count) for count in scale.rollouts}
    few, many = min(asked), max(asked)
    for count, seconds in asked.items():
        looked, targets = 1000 * _look(scale, folder, count), LIMIT if count == LARGE else ()
        yield Figure(
            "g", f"a look at a rollout of {count:,} devices, from its rows", looked, "ms", targets=targets
        )
        each = f"{seconds / count * 1e6:.1f} µs a device"
        what = f"asking everybody in a rollout of {count:,} devices"
        yield Figure("g", what, 1000 * seconds, "ms", targets=targets, note=each)
    if many > few:
        yield Figure(
            "g", f"asking a thousand devices out of {many:,}", asked[many] / many * 1e6, "ms",
            asked[few] / few * 1e6, f"out of {few:,}", (Target("≤", 2.0, ratio=True),) if many == LARGE else (),
            "linear: the ratio is about 1",
        )  # fmt: skip
    yield _day(scale)


def _seconds(scale: Scale, work: Callable[[], object]) -> float:
    """CPU seconds of the median run."""
    taken = []
    for _ in range(scale.repetitions):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return median(taken)


def _asking(scale: Scale, count: int) -> float:
    members = [Member(pk, f"lamp-{pk:06}", float(pk * 7 % 100)) for pk in range(count)]
    return _seconds(scale, lambda: _ask_everybody(members))


def _ask_everybody(members: list[Member]) -> int:
    in_flight, local, may = InFlight(), LocalTime(0, 0), 0
    for number, placed in enumerate(arrange(members, BY_DEFAULT)):
        state = WaveState.RUNNING if number == 2 else WaveState.PASSED
        for each in placed:
            view = MemberView(SIZE, awake=each.device_pk % 2 == 0, wave=state)
            may += isinstance(may_start(view, BY_DEFAULT, in_flight, local, NOW), Start)
    return may


def _look(scale: Scale, folder: Path, count: int) -> float:
    database = Database(str(folder / f"{count}.sqlite3"))
    try:
        database.migrate()
        number = database.write_now(lambda connection: _fill(connection, count))

        def work(connection: Connection) -> float:
            return _seconds(scale, lambda: _decide(connection, number))

        return database.read_now(work)
    finally:
        database.close()


def _decide(connection: Connection, number: int) -> None:
    view = progress.view(connection, rollouts.require(connection, number))
    decide(view, NOW)
    next_look(view, NOW)


def _fill(connection: Connection, count: int) -> int:
    """A rollout in its last wave: of the members that were tried nineteen of twenty are well, the others wait."""
    made = rollouts.insert(connection, sha256="0" * 64, query="fw:lamp", plan=BY_DEFAULT, by="bench", now=NOW)
    connection.execute(rollout.update().values(state="running", started_at=NOW - DAY, wave=2))
    connection.execute(wave.update().where(wave.c.number < 2).values(state="passed", passed_at=NOW - HOUR))
    connection.execute(wave.update().where(wave.c.number == 2).values(state="running", started_at=NOW - HOUR))
    pks = range(1, count + 1)
    connection.execute(
        device.insert(),
        [
            {
                "pk": pk, "base": "homie/", "device_id": f"lamp-{pk:06}", "state": "ready" if pk % 2 else "sleeping",
                "state_since": NOW - 600, "first_seen": NOW - DAY, "last_seen": NOW,
            }
            for pk in pks
        ],
    )  # fmt: skip
    placed = arrange([Member(pk) for pk in pks], BY_DEFAULT)
    rows = [
        {
            "rollout_id": made.id, "device_pk": each.device_pk, "wave": number, "position": position,
            "since": NOW - 300, "outcome": _outcome(number, position),
        }
        for number, members in enumerate(placed)
        for position, each in enumerate(members)
    ]  # fmt: skip
    connection.execute(membership.insert(), rows)
    return made.id


def _outcome(number: int, position: int) -> str:
    if number == 2 and position % 2:
        return MemberState.QUEUED
    return MemberState.UNHARMED if position % 20 == 19 else MemberState.VERIFIED


def _day(scale: Scale) -> Figure:
    """A day of devices that wake each hour, with failures of every kind."""
    kinds = {
        Fate.BROKEN: 0.05,
        Fate.REFUSED: 0.02,
        Fate.GONE: 0.01,
        Fate.OLD: 0.01,
        Fate.LATE: 0.01,
        Fate.QUIET: 0.1,
    }
    gate = Gate(verified=0.8, harmful=scale.day_devices // 10, soak=600.0)
    plan = Plan((CANARY, WaveRule(share=0.1, gate=gate), WaveRule(gate=gate)), Limits(parallel=150))
    fleet = [_hourly(pk) for pk in range(scale.day_devices)]
    seconds = _seconds(
        scale, lambda: simulate(fleet, SIZE, plan, begins=0.0, ends=DAY, fates=by_chance(kinds, seed=3))
    )
    return Figure(
        "g", f"playing a day of {scale.day_devices:,} devices, 24 wake-ups each", seconds, "s",
        targets=(Target("≤", 30.0),), note="CPU; every decision is the engine's own",
    )  # fmt: skip


def _hourly(pk: int) -> Subject:
    first = pk * 37 % 3400
    return Subject(Member(pk), [Awake(hour * HOUR + first, hour * HOUR + first + 90.0) for hour in range(24)])
