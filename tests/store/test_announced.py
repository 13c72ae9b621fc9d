"""What stands on the broker for Home Assistant is remembered until it was cleared."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.store import announced
from homie_ota.store.announced import Announced
from homie_ota.store.database import Connection
from store.lamps import opened

HALL, PORCH = Announced("hall", 1, "homeassistant", False), Announced("porch", 2, "homeassistant", True)


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        yield found


def test_what_was_noted_is_there_until_it_is_forgotten(conn: Connection) -> None:
    announced.note(conn, [PORCH, HALL], now=1.0)
    assert announced.load(conn) == [HALL, PORCH]
    announced.forget(conn, [("hall", "homeassistant"), ("nobody", "homeassistant")])
    assert announced.load(conn) == [PORCH]
    announced.forget(conn, [])
    announced.note(conn, [], now=1.0)
    assert announced.load(conn) == [PORCH]


def test_a_device_that_moved_below_another_prefix_stays_when_the_old_one_is_cleared(conn: Connection) -> None:
    announced.note(conn, [HALL], now=1.0)
    moved = HALL._replace(prefix="elsewhere", device_pk=7, diagnostics=True)
    announced.note(conn, [moved], now=2.0)
    announced.forget(conn, [("hall", "homeassistant")])
    assert announced.load(conn) == [moved]
