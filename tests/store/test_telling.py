"""An event reads the same wherever it is told: its sentence, its device by key, its shape for programs."""

from __future__ import annotations

from typing import Any

from homie_ota.store import events, telling
from homie_ota.store.database import Connection, Database
from homie_ota.store.tables import device


def lamp(conn: Connection) -> None:
    row: dict[str, Any] = dict.fromkeys(
        (
            "name",
            "mac",
            "ip",
            "homie",
            "implementation",
            "way",
            "state",
            "fw_name",
            "fw_version",
            "version_key",
            "md5",
        ),
        "",
    )
    row |= {"pk": 1, "base": "homie/", "device_id": "hall", "state_since": 0.0, "facts": {}, "nodes": {}}
    conn.execute(device.insert(), [{**row, "first_seen": 0.0, "last_seen": 0.0}])


def told(database: Database, **event: Any) -> dict[str, Any]:
    def work(conn: Connection) -> dict[str, Any]:
        lamp(conn)
        events.add(conn, **{"at": 1_772_366_400.0, **event})
        (only,) = telling.complete(conn, events.recent(conn))
        return only

    return database.write_now(work)


def test_an_event_of_a_device_is_told_with_its_key_and_a_sentence(database: Database) -> None:
    row = told(database, kind="mark", device_pk=1, actor="anna", data={"event": "tag", "tag": "attic"})
    assert row["device"] == ("homie~hall", "hall")
    assert telling.as_json(row) == {
        "seq": 1,
        "at": "2026-03-01T12:00:00Z",
        "kind": "mark",
        "device": "homie~hall",
        "deployment": None,
        "actor": "anna",
        "text": "tag attic",
        "data": {"event": "tag", "tag": "attic"},
    }


def test_an_event_of_no_device_or_of_one_that_is_gone_has_none(database: Database) -> None:
    assert telling.as_json(told(database, kind="alarm", device_pk=77))["device"] is None


def test_an_event_of_a_rollout_leads_to_it_and_another_does_not(database: Database) -> None:
    row = told(database, kind="rollout", data={"event": "pause", "rollout": 4, "reason": "Two failed."})
    assert (row["rollout"], row["text"]) == (4, "paused: Two failed.")


def test_only_the_number_of_a_rollout_is_one(database: Database) -> None:
    assert told(database, kind="mark", data={"rollout": 4})["rollout"] is None
