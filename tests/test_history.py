"""Once a day all history is gone through, a few pages at a time, and the writer only deletes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homie_ota.dispatch import history
from homie_ota.dispatch.history import History
from homie_ota.store import events, pruning
from homie_ota.store.database import Connection, Database
from homie_ota.store.tables import event

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
