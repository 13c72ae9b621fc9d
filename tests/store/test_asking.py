"""Devices that ask over HTTP, in rows of either database: here for one request, proven, missed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.esp.request import UpdateRequest
from homie_ota.model import DeploymentState, Way
from homie_ota.rollout import asking as words
from homie_ota.rollout import patience
from homie_ota.rollout.lifecycle import Event
from homie_ota.store import adopting, asking, deployments, devices, knocks, turns, waiting
from homie_ota.store.database import Connection
from homie_ota.store.waiting import Look
from store.lamps import NEW, OLD, add_device, next_ready, opened, ordered

MAC = "A0:20:A6:14:85:06"
HERE = "10.0.0.9"
S = DeploymentState


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        yield found


def says(md5: str = OLD, version: str = "1.0.0") -> UpdateRequest:
    return UpdateRequest("esp8266", mac=MAC, md5=md5, have=version)


def adopted(conn: Connection, now: float = 1.0) -> int:
    for at in (now, now + 0.5):
        knocks.note(conn, says(), address=HERE, network=HERE, now=at)
    assert knocks.find(conn)[0].count == 2
    return devices.resolve(conn, adopting.adopt(conn, MAC, "Porch", by="me", now=now).key)


def comes(conn: Connection, pk: int, now: float, asked: UpdateRequest | None = None) -> list[str]:
    """One request that gets nothing; the states that deployments moved to by it."""
    moved = asking.come(conn, pk, asked or says(), address=HERE, now=now)
    asking.go(conn, pk, now=now)
    return [each.state.value for each in moved]


def test_between_its_requests_the_dispatch_never_offers_it_anything(conn: Connection) -> None:
    pk = adopted(conn)
    ordered(conn, pk)
    assert next_ready(conn, 20.0) is None
    assert comes(conn, pk, 30.0) == []
    assert next_ready(conn, 31.0) is None
    assert turns.repair(conn) == 0


def test_what_holds_it_back_is_asked_while_it_is_here(conn: Connection) -> None:
    pk = adopted(conn)
    attempt = ordered(conn, pk)
    asking.come(conn, pk, says(), address=HERE, now=30.0)
    assert waiting.holding(conn, attempt, Look(30.0)) is None
    asking.go(conn, pk, now=30.0)
    held = waiting.holding(conn, attempt, Look(31.0))
    assert held is not None
    assert held.code == "asleep"


def test_what_left_us_takes_no_slot_of_another_device(conn: Connection) -> None:
    pk = adopted(conn)
    attempt = ordered(conn, pk)
    asking.come(conn, pk, says(), address=HERE, now=30.0)
    for event in (Event.OFFER, Event.ACCEPT):
        moved = deployments.advance(conn, attempt, event, now=30.0)
        assert moved is not None
        attempt = moved
    asking.go(conn, pk, now=30.0)
    add_device(conn, 7)
    ordered(conn, 7, now=31.0)
    add_device(conn, 8)
    ordered(conn, 8, now=31.0)
    first = next_ready(conn, 32.0)
    assert first is None or first.deployment.device_pk in (7, 8)
    flashed = deployments.advance(conn, attempt, Event.FLASH, now=33.0, done=1000)
    assert flashed is not None
    assert flashed.state is S.REBOOTING
    found = next_ready(conn, 34.0)
    assert found is not None
    assert comes(conn, pk, 40.0, says(NEW, "2.0.0"))[-1] == "succeeded"


def test_it_is_missed_after_some_times_its_rhythm(conn: Connection) -> None:
    pk = adopted(conn)
    for at in range(1, 6):
        comes(conn, pk, 3600.0 * at)
    assert asking.missed(conn, 3600.0 * 7) == []
    assert asking.missed(conn, 3600.0 * 9) == [pk]
    comes(conn, pk, 3600.0 * 10)
    assert asking.missed(conn, 3600.0 * 11) == []


def test_a_number_is_never_given_twice(conn: Connection) -> None:
    pk = adopted(conn)
    knocks.note(conn, UpdateRequest("esp32", mac="A0:20:A6:14:85:07"), address=HERE, network=HERE, now=2.0)
    other = adopting.adopt(conn, "A0:20:A6:14:85:07", "Pump", by="me", now=2.0)
    assert devices.resolve(conn, other.key) == pk + 1


INTERVALS = [
    ([], None, patience.UNKNOWN),
    ([1.0, 2.0], None, patience.UNKNOWN),
    ([0.0, 3600.0, 7200.0], 3600.0, 10_800.0),
    ([0.0, 3600.0, 7200.0, 7215.0, 10_815.0], 3600.0, 10_800.0),  # it restarted once in between
    ([0.0, 10.0, 20.0, 30.0], 10.0, 240.0),
    ([0.0, 10**7, 2 * 10**7], 10**7, patience.LONGEST),
    ([5.0, 5.0, 5.0], None, patience.UNKNOWN),
]


@pytest.mark.parametrize(("times", "every", "wait"), INTERVALS)
def test_how_long_to_wait_for_the_next_request(times: list[float], every: float | None, wait: float) -> None:
    assert patience.every(times) == every
    assert patience.wait(times, 240.0) == pytest.approx(wait)


def test_the_words_are_those_of_devices_that_ask_and_of_no_others() -> None:
    for way in set(Way) - {Way.ASKS}:
        assert words.expired(S.REBOOTING, way) is None
        assert words.came_back_old(way, complete=True) is None
    assert words.expired(S.TRANSFERRING, Way.ASKS) is None
    assert words.said_so("", "x").code == words.said_so("y", "x").code == "booted"
    assert words.said_so("x", "x").code == "verified"
