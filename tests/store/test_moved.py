"""Devices of Homie 1.5 that look for their images somewhere else, from rows: on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import NO_HTTP_REQUEST
from homie_ota.store import alarms, deployments, moved
from homie_ota.store.database import Connection
from homie_ota.store.moved import Moved
from homie_ota.store.tables import device, device_address
from store.lamps import add_device, opened, ordered


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        add_device(found, 1)
        found.execute(device.update().values(way="http"))
        yield found


def never_asked(conn: Connection, now: float) -> None:
    """An attempt that ended because the device asked for nothing."""
    made = ordered(conn, now=now)
    offered = deployments.advance(conn, made, Event.OFFER, now=now)
    assert offered is not None
    assert deployments.advance(conn, offered, Event.EXPIRE, now=now + 90, reason=NO_HTTP_REQUEST) is not None


def asks_elsewhere(conn: Connection) -> list[str]:
    return [each.text for each in alarms.current(conn, 100.0) if each.code == "asks-elsewhere"]


def test_who_asks_at_a_wrong_path_is_an_alarm_until_it_asks_at_the_right_one(conn: Connection) -> None:
    moved.note(conn, 1, "10.0.0.5:9080/old", now=10.0, right_path="/ota")
    assert [(each.asked, each.path) for each in moved.astray(conn)] == [("10.0.0.5:9080/old", "/ota")]
    assert moved.counts(conn) == Moved(1, 0)
    (text,) = asks_elsewhere(conn)
    assert 'path = "/old" in [ota]' in text
    moved.note(conn, 1, "10.0.0.5:9080/ota", now=20.0)
    assert (moved.counts(conn), asks_elsewhere(conn)) == (Moved(), [])
    assert [each.asked for each in moved.placed(conn)] == ["10.0.0.5:9080/ota"]


def test_who_was_told_and_never_came_is_silent_until_it_asks_or_is_told_again(conn: Connection) -> None:
    assert moved.silent(conn) == []
    moved.note(conn, 1, "10.0.0.5:9080/ota", now=5.0)
    never_asked(conn, now=10.0)
    assert [each.address.device_id for each in moved.silent(conn)] == ["lamp-1"]
    assert moved.counts(conn) == Moved(0, 1)
    again = ordered(conn, now=200.0)
    assert moved.counts(conn) == Moved(0, 1), "the next attempt waits"
    deployments.advance(conn, again, Event.OFFER, now=201.0)
    assert moved.silent(conn) == [], "it is being told again"


def test_who_asks_after_all_is_not_silent_any_more(conn: Connection) -> None:
    never_asked(conn, now=10.0)
    moved.note(conn, 1, "10.0.0.5:9080/ota", now=300.0)
    assert moved.silent(conn) == []


def test_who_asks_elsewhere_is_no_silent_one(conn: Connection) -> None:
    never_asked(conn, now=10.0)
    moved.note(conn, 1, "10.0.0.5:9080/old", now=20.0, right_path="/ota")
    assert moved.counts(conn) == Moved(1, 0)


def test_a_plain_sketch_has_no_configuration_to_be_changed(conn: Connection) -> None:
    conn.execute(device_address.update().values(kind="http"))
    moved.note(conn, 1, "10.0.0.5:9080/old", now=10.0, right_path="/ota")
    never_asked(conn, now=10.0)
    assert (moved.counts(conn), asks_elsewhere(conn)) == (Moved(), [])
