"""Alarms: devices that stay behind, offers that lead nowhere, ready and silent; each said once, and that it ended."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from homie_ota.rollout.reasons import Reason
from homie_ota.store import alarms, events, target_rows
from homie_ota.store.alarms import Alarm, Limits
from homie_ota.store.database import Connection
from homie_ota.store.tables import deployment, device
from store.lamps import BROKEN, NEW, WANTED, add_device, failed, opened, ordered, wakes

DAY = 86400.0
WEEK = Limits(behind=7 * DAY, offers=3)
UNHEARD = Reason("no-answer", "Nothing was said.", False)


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        add_device(found, 1)
        yield found


def codes(conn: Connection, now: float) -> list[str]:
    return [each.code for each in alarms.current(conn, now, WEEK)]


def watched(conn: Connection, now: float) -> list[Alarm]:
    """Look, and write what changed."""
    return alarms.write(conn, alarms.turns(conn, now), now)


def seen(conn: Connection, at: float) -> None:
    conn.execute(device.update().values(last_seen=at))


def test_a_device_that_is_seen_and_stays_below_its_target_for_a_week(conn: Connection) -> None:
    ordered(conn, now=10.0)
    seen(conn, 7 * DAY)
    assert codes(conn, 6 * DAY) == []
    assert codes(conn, 8 * DAY) == ["behind"]
    assert codes(conn, 30 * DAY) == [], "nobody has seen it since"


def test_a_target_counts_also_when_nothing_is_queued_for_it_any_more(conn: Connection) -> None:
    failed(conn, ordered(conn, now=10.0), 20.0)
    target_rows.put(conn, [1], WANTED, source="me")
    seen(conn, 8 * DAY)
    assert codes(conn, 8 * DAY) == ["behind"]
    conn.execute(device.update().values(md5=NEW))
    assert codes(conn, 8 * DAY) == []


def test_offered_three_times_and_never_begun(conn: Connection) -> None:
    for at in (100.0, 200.0):
        failed(conn, ordered(conn, now=at - 10.0), at, UNHEARD)
    assert codes(conn, 300.0) == []
    failed(conn, ordered(conn, now=290.0), 300.0, UNHEARD)
    assert codes(conn, 301.0) == ["never-started"]
    failed(conn, ordered(conn, now=390.0), 400.0, BROKEN)
    assert codes(conn, 401.0) == [], "this one began"


def test_ready_and_silent_after_a_transfer_that_was_cut_off(conn: Connection) -> None:
    failed(conn, ordered(conn, now=10.0), 100.0)
    wakes(conn, 1, 110.0, facts={"interval": "60"}, recent=[[90.0, 1.0, 1.0, 1.0]])
    assert codes(conn, 250.0) == []
    assert codes(conn, 300.0) == ["silent"]
    wakes(conn, 1, 110.0, facts={"interval": "60"}, recent=[[90.0, 1.0, 1.0, 1.0], [170.0, 1.0, 1.0, 1.0]])
    assert codes(conn, 400.0) == [], "it tells statistics again"


def test_a_device_that_never_told_statistics_is_not_silent(conn: Connection) -> None:
    failed(conn, ordered(conn, now=10.0), 100.0)
    wakes(conn, 1, 110.0)
    assert codes(conn, 1000.0) == []


def test_an_alarm_begins_and_ends_with_one_event_each(conn: Connection) -> None:
    alarms.use_limits(WEEK)
    ordered(conn, now=10.0)
    seen(conn, 7 * DAY)
    assert [each.code for each in watched(conn, 8 * DAY)] == ["behind"]
    assert watched(conn, 8 * DAY + 60.0) == []
    (text,) = alarms.of_device(conn, 1)
    assert text.startswith("It should run lamp 2.0.0 for 8 d now and does not")
    conn.execute(deployment.update().values(state="cancelled"))
    assert watched(conn, 8 * DAY + 120.0) == []
    assert alarms.of_device(conn, 1) == ()
    said = [each["data"]["event"] for each in reversed(events.recent(conn)) if each["kind"] == alarms.KIND]
    assert said == ["began", "ended"]


def test_what_two_looks_saw_is_written_once(conn: Connection) -> None:
    alarms.use_limits(WEEK)
    ordered(conn, now=10.0)
    seen(conn, 8 * DAY)
    one, other = alarms.turns(conn, 8 * DAY), alarms.turns(conn, 8 * DAY)
    assert [each.code for each in alarms.write(conn, one, 8 * DAY)] == ["behind"]
    assert alarms.write(conn, other, 8 * DAY) == []
    conn.execute(device.update().values(last_seen=1.0))
    one, other = alarms.turns(conn, 9 * DAY), alarms.turns(conn, 9 * DAY)
    for each in (one, other):
        assert each.ended == [(1, "behind")]
        alarms.write(conn, each, 9 * DAY)
    assert [each["data"]["event"] for each in events.recent(conn) if each["kind"] == alarms.KIND] == [
        "ended",
        "began",
    ]


def test_many_alarms_are_written_a_few_at_a_time() -> None:
    began = [alarms.Alarm(pk, "behind", "It stays behind.") for pk in range(5)]
    parts = list(alarms.Turns(began, [(9, "silent")]).split(2))
    assert [len(each.began) for each in parts] == [2, 2, 1]
    assert [each.ended for each in parts] == [[(9, "silent")], [], []]
    assert list(alarms.Turns([], []).split(2)) == []
