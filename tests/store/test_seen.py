"""What the verdict on a device is made of: since when it runs what it runs, how its last soak ended, what is wanted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from homie_ota.model import DeploymentState
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.verdict import Seen, judge
from homie_ota.rollout.windows import LocalTime
from homie_ota.store import deployments, devices, events, marks, seen, why
from homie_ota.store.database import Connection
from homie_ota.store.tables import device, target
from store.lamps import NEW, WANTED, add_device, offered, opened, ordered

NOW = 10_000.0


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        add_device(found, 1, first_seen=500.0, recent=[[9_990.0, 60.0, None, 80.0]])
        yield found


def row(conn: Connection) -> dict[str, Any]:
    found = devices.row(conn, 1)
    assert found is not None
    return found


def look(conn: Connection, newer: str = "") -> Seen:
    known = why.known(conn, 1, LocalTime(0, 0), NOW)
    return seen.of(conn, row(conn), known, NOW, newer)


def brought(conn: Connection, verdict: str) -> int:
    """A deployment that brought the wanted image, and how the device was then."""
    made = offered(conn, ordered(conn), 20.0)
    confirmed = deployments.advance(conn, made, Event.CONFIRM, now=40.0)
    assert confirmed is not None
    deployments.advance(conn, confirmed, Event.HEAL, now=60.0, after={"verdict": verdict})
    conn.execute(device.update().values(md5=NEW, fw_version="2.0.0"))
    return made.id


def test_a_device_that_nobody_updated_runs_it_since_it_was_first_seen(conn: Connection) -> None:
    found = look(conn)
    assert (found.runs, found.since, found.health, found.tells) == ("lamp 1.0.0", 500.0, "", True)
    assert judge(found).plain == "Runs lamp 1.0.0, well as far as it tells; nothing to do."


def test_it_runs_it_since_it_announced_it(conn: Connection) -> None:
    data = {"from": "a", "key": NEW, "name": "lamp", "version": "2.0.0"}
    events.add(conn, "firmware", at=700.0, device_pk=1, data=data)
    assert look(conn).since == 700.0


def test_the_soak_that_brought_what_runs_says_whether_it_is_healthy(conn: Connection) -> None:
    number = brought(conn, "same")
    found = look(conn)
    assert (found.health, seen.last_verified(conn, 1)) == ("same", number)
    assert judge(found).plain == "Runs lamp 2.0.0, healthy; nothing to do."
    conn.execute(device.update().values(md5="c" * 32))  # somebody flashed something else by cable
    assert look(conn).health == ""
    assert seen.last_verified(conn, 1) == number


def test_what_waits_says_for_what(conn: Connection) -> None:
    conn.execute(device.update().values(state="sleeping"))
    ordered(conn)
    found = look(conn)
    assert found.latest is not None
    assert (found.latest.state, found.wanted) == (DeploymentState.QUEUED, "lamp 2.0.0")
    assert "The device is sleeping." in judge(found).plain


def test_a_target_and_a_pin_are_seen(conn: Connection) -> None:
    conn.execute(target.insert().values(device_pk=1, sha256=WANTED, source="anna"))
    marks.pin(conn, 1, NOW + 60.0, "holidays", by="anna", now=NOW)
    found = look(conn, newer="lamp 2.0.0")
    assert (found.target, found.pinned) == ("lamp 2.0.0", "holidays")
    assert judge(found).plain == "Runs lamp 1.0.0 and should run lamp 2.0.0. It is pinned: holidays."
