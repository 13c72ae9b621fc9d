"""Recipients, troubles and notable events as rows, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import Connection

from homie_ota.store import events, notable, recipients, tail, troubles
from homie_ota.store.recipients import Recipient
from homie_ota.store.troubles import Key
from store.lamps import BROKEN, add_device, failed, opened, ordered


@pytest.fixture(params=["sqlite", "postgres"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        yield found


def happened(conn: Connection, *kinds: str, at: float = 1.0) -> None:
    for kind in kinds:
        events.add(conn, kind, at=at, data={"event": "x"})


def test_a_recipient_begins_at_the_end_and_is_kept_as_it_was_left(conn: Connection) -> None:
    happened(conn, "mark", "mark")
    first = recipients.begin(conn, "a")
    end = tail.newest(conn)
    assert first == Recipient("a", end)
    left = Recipient("a", end - 1, 2, 3, 4.0, 5.0, 6.0, "no", True, 7, 1)
    recipients.save(conn, left)
    assert recipients.begin(conn, "a") == left
    assert recipients.every(conn) == {"a": left}


def test_one_of_a_longer_log_goes_back_to_the_end_of_this_one(conn: Connection) -> None:
    recipients.save(conn, Recipient("a", 4711))
    assert recipients.begin(conn, "a").reached == tail.newest(conn)


def test_what_waits_and_what_is_too_old_is_counted_by_what_is_wanted(conn: Connection) -> None:
    begin = tail.newest(conn)
    happened(conn, "mark", "alarm", "mark", at=10.0)
    happened(conn, "alarm", at=90.0)
    every, alarms = tail.Wanted(), tail.Wanted(kinds=frozenset({"alarm"}))
    assert [recipients.waiting(conn, wanted, begin) for wanted in (every, alarms)] == [4, 2]
    end = tail.newest(conn)
    found = [recipients.overdue(conn, each, after=begin, upto=end, before=50.0) for each in (every, alarms)]
    assert found == [(3, end - 1), (1, end - 2)]
    assert recipients.overdue(conn, every, after=end, upto=end, before=50.0) == (0, end)


def test_a_trouble_begins_once_and_ends_once(conn: Connection) -> None:
    disk, broker = Key("disk-full", "/data"), Key("broker-lost")
    assert troubles.began(conn, disk, "Full.", 1.0)
    assert not troubles.began(conn, disk, "Full!", 2.0)
    assert troubles.began(conn, broker, "Away.", 3.0)
    assert troubles.standing(conn) == {disk: (1.0, "Full."), broker: (3.0, "Away.")}
    assert troubles.ended(conn, disk, "Room.", 4.0)
    assert not troubles.ended(conn, disk, "Room.", 5.0)
    assert set(troubles.standing(conn)) == {broker}
    assert troubles.began(conn, disk, "Full again.", 6.0)


def test_of_many_events_those_are_found_that_a_person_may_have_to_know(conn: Connection) -> None:
    add_device(conn, 1)
    begin = tail.newest(conn)
    of = failed(conn, ordered(conn), 20.0, BROKEN)
    happened(conn, "mark", "rollout", "server")
    end = tail.newest(conn)
    part = notable.read(conn, after=begin, settled=end)
    assert part.reached == end
    assert [(row["kind"], row["data"].get("state")) for row in part.rows] == [
        ("deployment", "failed"),
        ("server", None),
    ]
    about = part.rows[0]["about"]
    assert (about.device, about.image, about.deployment) == (("homie~lamp-1", "lamp-1"), "lamp 2.0.0", of)
