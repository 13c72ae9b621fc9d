"""When devices were awake, kept and bounded; and what is expected of a sleeper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.rhythm import Awake, Chance
from homie_ota.store import deployments, rhythm
from homie_ota.store.database import Connection
from homie_ota.store.tables import deployment
from store.lamps import add_device, offered, opened, ordered


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        add_device(found, 1, state="sleeping")
        yield found


def woke(conn: Connection, now: float, *, watching: bool = True) -> None:
    rhythm.note(conn, [1], [], now=now, watching=watching)


def left(conn: Connection, now: float, *, watching: bool = True) -> None:
    rhythm.note(conn, [], [1], now=now, watching=watching)


def night(conn: Connection, count: int = 5) -> None:
    for at in range(count):
        woke(conn, 600.0 * at)
        left(conn, 600.0 * at + 20.0)


def test_each_time_awake_is_a_row_with_beginning_and_end(conn: Connection) -> None:
    night(conn, 2)
    woke(conn, 1200.0)
    woke(conn, 1201.0)  # ready, then alert: still the same time
    assert rhythm.presences(conn, 1) == [Awake(0.0, 20.0), Awake(600.0, 620.0), Awake(1200.0, None)]
    assert rhythm.of_all(conn, [1, 2]) == {1: rhythm.presences(conn, 1)}


def test_what_ended_while_nobody_listened_has_no_known_length_and_is_dropped(conn: Connection) -> None:
    night(conn, 1)
    woke(conn, 600.0)
    left(conn, 5000.0, watching=False)
    assert rhythm.presences(conn, 1) == [Awake(0.0, 20.0)]


def test_of_a_device_that_comes_and_goes_all_day_the_newest_are_kept(conn: Connection) -> None:
    night(conn, rhythm.KEPT + 20)
    found = rhythm.presences(conn, 1)
    assert len(found) == rhythm.KEPT
    assert found[-1].since == 600.0 * (rhythm.KEPT + 19)


def test_the_outlook_tells_when_it_wakes_and_whether_the_image_will_fit(conn: Connection) -> None:
    night(conn)
    found = rhythm.outlook(conn, 1, 450_000, 2500.0)
    assert (found.awake, found.chance, found.rate, found.fit) == (False, Chance(3000.0, 20.0), None, None)
    transfer(conn, took=45.0, size=450_000)
    found = rhythm.outlook(conn, 1, 450_000, 2500.0)
    assert found.rate == pytest.approx(10_000.0)
    assert not found.by_others
    assert found.fit is not None
    assert (found.fit.fits, found.fit.has) == (False, 20.0)
    assert found.fit.needs == pytest.approx(45.0)


def test_without_a_transfer_of_its_own_the_rate_of_others_is_taken_and_said_so(conn: Connection) -> None:
    night(conn)
    add_device(conn, 2)
    transfer(conn, took=10.0, size=100_000, pk=2)
    found = rhythm.outlook(conn, 1, 100_000, 2500.0)
    assert found.rate == pytest.approx(10_000.0)
    assert found.by_others
    assert found.fit is not None
    assert found.fit.fits


def test_of_a_device_that_is_always_there_nothing_is_foretold(conn: Connection) -> None:
    add_device(conn, 3)
    rhythm.note(conn, [3], [], now=5.0, watching=True)
    found = rhythm.outlook(conn, 3, 1000, 1e6)
    assert (found.awake, found.rhythm, found.chance, found.fit) == (True, None, None, None)


def transfer(conn: Connection, *, took: float, size: int, pk: int = 1) -> None:
    """A whole transfer as the device told of it."""
    made = ordered(conn, pk, now=2400.0)
    conn.execute(deployment.update().where(deployment.c.id == made.id).values(bytes_total=size))
    read = deployments.get(conn, made.id)
    assert read is not None
    sent = offered(conn, read, 2400.0)
    begun = deployments.advance(conn, sent, Event.ACCEPT, now=2400.0)
    assert begun is not None
    assert deployments.advance(conn, begun, Event.FLASH, now=2400.0 + took) is not None
