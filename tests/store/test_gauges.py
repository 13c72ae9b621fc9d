"""Counts of everything, on both databases; and that no statement reads the rows of the fleet one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homie_ota.store import gauges, quarantine
from homie_ota.store.database import Connection
from homie_ota.store.quarantine import Held
from store.lamps import BROKEN, WANTED, add_device, failed, on_sqlite, opened, ordered


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        yield found


def test_everything_is_counted(conn: Connection) -> None:
    for pk in range(1, 6):
        add_device(conn, pk, fw_version=f"1.{pk // 2}", state="lost" if pk == 5 else "ready")
    failed(conn, ordered(conn, 1), 20.0, BROKEN)
    ordered(conn, 2)
    quarantine.add(conn, Held(3, WANTED, "budget", "Three times.", 1.0))
    found = gauges.read(conn, versions=2)
    assert found.states == {"ready": 4, "lost": 1}
    assert found.firmware == {("lamp", "1.1"): 2, ("lamp", "1.2"): 2}
    assert found.others == 1
    assert found.deployments == {("failed", "unharmed", "transfer-broken"): 1, ("queued", "", ""): 1}
    assert (found.quarantined, found.leftovers, found.rollouts) == (1, 0, {})


def test_an_empty_server_counts_nothing(conn: Connection) -> None:
    assert gauges.read(conn) == gauges.Gauges({}, {}, 0, {}, {}, 0, 0, {}, {})


def test_an_index_answers_however_many_devices_there_are(tmp_path: Path) -> None:
    asked: list[str] = []
    with on_sqlite(tmp_path / "x.sqlite3") as conn:
        add_device(conn, 1)

        @sa.event.listens_for(conn, "before_cursor_execute")
        def note(_conn: object, _cursor: object, statement: str, parameters: Any, *_more: object) -> None:
            if statement.startswith("SELECT"):
                plan = conn.connection.cursor()
                plan.execute(f"EXPLAIN QUERY PLAN {statement}", parameters)
                asked.extend(row[3] for row in plan.fetchall())

        gauges.read(conn)
    large = [
        each for each in asked if each.startswith("SCAN") and each.split()[1] in ("device", "deployment")
    ]
    assert len(large) == 3
    assert all("USING COVERING INDEX" in each for each in large)
