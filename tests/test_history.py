"""Once a day all history is gone through, a few pages at a time, and the writer only deletes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homie_ota.bus import Bus, Listener
from homie_ota.dispatch import history
from homie_ota.dispatch import rounds as rounds_room
from homie_ota.dispatch.history import History
from homie_ota.dispatch.rounds import Rounds
from homie_ota.store import alarms, events, pruning
from homie_ota.store.database import Connection, Database
from homie_ota.store.tables import event
from store.lamps import NEW, WANTED, add_device, add_image, ordered

DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1000 * DAY

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    found = Database(str(tmp_path / "x.sqlite3"))
    found.migrate()
    yield found
    found.close()


def happened(database: Database, at: float, count: int) -> None:
    def write(conn: Connection) -> None:
        for _ in range(count):
            events.add(conn, "mark", at=at)

    database.write_now(write)


def marks(database: Database) -> int:
    query = sa.select(sa.func.count()).where(event.c.kind == "mark")
    return database.read_now(lambda conn: conn.execute(query).scalar_one())


async def test_history_goes_a_few_pages_at_a_time_and_once_a_day(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pruning, "A_PAGE", 5)
    monkeypatch.setattr(history, "PAGES", 3)
    clock = Clock()
    happened(database, clock.now - 200 * DAY, 40)
    room = History(database, clock)
    went: list[int] = []
    while sum(went) < 40:
        went.append(await room.run())
        clock.now += 60.0
        assert len(went) < 20
    assert max(went) <= 15
    assert marks(database) == 0
    for _ in range(5):  # to the end of this way
        await room.run()
    happened(database, clock.now, 3)
    looks = 0
    look = database.read

    async def counted(*args: Any) -> Any:
        nonlocal looks
        looks += 1
        return await look(*args)

    monkeypatch.setattr(database, "read", counted)
    await room.run()
    assert looks == 0, "it was through, and begins again a day later"
    clock.now += 200 * DAY
    for _ in range(8):
        await room.run()
    assert marks(database) == 0


async def test_a_clock_that_jumps_back_does_not_stop_it(database: Database) -> None:
    clock = Clock()
    room = History(database, clock)
    await room.run()
    clock.now -= 300 * DAY
    happened(database, clock.now - 200 * DAY, 3)
    assert await room.run() == 3


async def test_a_young_installation_is_looked_at_and_left_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, room_writes = Clock(), 0
    write: Callable[..., Any] = database.write

    async def counted(*args: Any, **more: Any) -> Any:
        nonlocal room_writes
        room_writes += 1
        return await write(*args, **more)

    monkeypatch.setattr(database, "write", counted)
    happened(database, clock.now - DAY, 20)
    assert await History(database, clock).run() == 0
    assert room_writes == 0


async def test_a_round_tells_of_alarms_and_lets_history_go(database: Database) -> None:
    clock, bus = Clock(), Bus()
    told = Listener()
    bus.join(told)
    happened(database, clock.now - 200 * DAY, 3)

    def behind(conn: Connection) -> None:
        add_image(conn, WANTED, NEW, "2.0.0")
        add_device(conn, 1, last_seen=clock.now)
        ordered(conn, 1, now=clock.now - 100 * DAY)

    database.write_now(behind)
    rounds = Rounds(database, bus, may=lambda: True, clock=clock)
    await rounds.go()
    assert [notice.about["code"] for notice in await told.wait(0.1) if notice.kind == "alarm"] == ["behind"]
    assert database.read_now(alarms.standing).keys() == {(1, "behind")}
    assert marks(database) == 0
    await rounds.go()
    assert await told.wait(0.1) == []


async def test_only_the_server_that_leads_goes_round(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds_room, "EVERY", 0.01)
    clock, leads, asked = Clock(), False, asyncio.Event()
    happened(database, clock.now - 200 * DAY, 3)

    def may() -> bool:
        asked.set()
        return leads

    task = asyncio.create_task(Rounds(database, Bus(), may=may, clock=clock).run())
    await asyncio.wait_for(asked.wait(), 10.0)
    await asyncio.sleep(0.05)
    assert marks(database) == 3
    leads = True
    async with asyncio.timeout(20.0):
        while marks(database):
            await asyncio.sleep(0.02)
    task.cancel()
