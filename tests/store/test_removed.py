"""A deleted device: copied whole, kept for a day, and put back with everything but what starts an update."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from homie_ota.errors import Conflict, NotFound
from homie_ota.fleet.packed import Curves
from homie_ota.model import Address
from homie_ota.store import deployments, devices, events, marks, removed, rhythm, series
from homie_ota.store.database import Connection
from homie_ota.store.tables import audit, metadata, ota_token, target
from store.lamps import WANTED, add_device, opened, ordered

NOW = 1_700_000_000.0


@pytest.fixture(params=["sqlite", "postgresql"])
def conn(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Connection]:
    with opened(request, tmp_path) as found:
        yield found


def lived(conn: Connection, pk: int = 7) -> None:
    """A device with a row in every table that has something to say of it."""
    add_device(conn, pk, state="lost", facts={"interval": "65"}, nodes={"light": {"name": "Lamp"}})
    marks.put_tag(conn, pk, "attic", by="anna", now=NOW)
    rhythm.note(conn, [pk], [], now=NOW - 50.0, watching=True)
    rhythm.note(conn, [], [pk], now=NOW - 40.0, watching=True)
    row = {"device_pk": pk, "node": "light", "prop": "on", "value": "true", "num": 1.0, "at": NOW - 45.0}
    devices.save_readings(conn, [row])
    devices.learn(conn, pk, {"chip_size": "4194304"}, evidence="it said so", now=NOW)
    series.append(conn, series.STATS, {pk: Curves([int(NOW) - 60], {"signal": [70.0]})})
    conn.execute(target.insert().values(device_pk=pk, sha256=WANTED, source="anna"))


def everything(conn: Connection, pk: int) -> dict[str, list[dict[str, Any]]]:
    found = {}
    for table in removed._tables():
        column = removed._column(table)
        assert column is not None
        rows = conn.execute(sa.select(table).where(column == pk)).mappings()
        found[table.name] = sorted((dict(row) for row in rows), key=str)
    return found


def test_a_device_is_put_back_as_it_was(conn: Connection) -> None:
    lived(conn)
    before = everything(conn, 7)
    assert {name for name, rows in before.items() if rows} >= {
        "device", "device_address", "tag", "presence", "reading", "learned", "series", "target",
    }  # fmt: skip
    removed.take(conn, 7, by="anna", now=NOW, topics={"homie/lamp-7/$state": "lost"})
    assert not any(everything(conn, 7).values())
    found = removed.put_back(conn, 7, by="bert", now=NOW + 60.0)
    assert everything(conn, 7) == before
    assert (found.address, found.by) == (Address("homie/", "lamp-7"), "anna")
    assert found.topics == {"homie/lamp-7/$state": "lost"}
    assert removed.recent(conn, NOW + 60.0) == []


def test_every_table_of_a_device_is_copied_but_what_would_start_an_update() -> None:
    pointing = {
        table.name
        for table in metadata.sorted_tables
        if any(key.column.table.name == "device" for key in table.foreign_keys)
    }
    copied = {table.name for table in removed._tables()} - {"device"}
    assert pointing - copied == {"ota_token", "ota_request"}


def test_a_licence_for_an_image_does_not_come_back(conn: Connection) -> None:
    lived(conn)
    devices.note_ota_request(conn, 7, "2.0.0", now=NOW)
    conn.execute(ota_token.insert().values(token="t" * 40, device_pk=7, sha256=WANTED, until=NOW + 99))
    removed.take(conn, 7, by="anna", now=NOW)
    removed.put_back(conn, 7, by="anna", now=NOW)
    assert devices.ota_requested(conn, 7) is None
    assert conn.execute(sa.select(ota_token)).all() == []


def test_what_is_online_or_being_updated_is_not_deleted_and_leaves_no_copy(conn: Connection) -> None:
    add_device(conn, 1, state="ready")
    add_device(conn, 2, state="lost")
    ordered(conn, 2)
    for pk in (1, 2):
        with pytest.raises(Conflict):
            removed.take(conn, pk, by="anna", now=NOW)
    assert removed.recent(conn, NOW) == []


def test_a_copy_is_kept_for_a_day(conn: Connection) -> None:
    lived(conn)
    removed.take(conn, 7, by="anna", now=NOW)
    assert [each.device_pk for each in removed.recent(conn, NOW + removed.KEPT - 1)] == [7]
    assert removed.recent(conn, NOW + removed.KEPT) == []
    with pytest.raises(NotFound, match="no copy"):
        removed.put_back(conn, 7, by="anna", now=NOW + removed.KEPT)
    lived(conn, 8)
    removed.take(conn, 8, by="anna", now=NOW + removed.KEPT)  # the next deletion takes old copies away
    assert removed.taken(conn) == 8


def test_a_copy_is_found_by_the_name_that_its_page_had(conn: Connection) -> None:
    lived(conn)
    removed.take(conn, 7, by="anna", now=NOW)
    for name in ("homie~lamp-7", "homie/lamp-7", "lamp-7"):
        found = removed.named(conn, name, NOW)
        assert found is not None
        assert found.device_pk == 7
    assert removed.named(conn, "other~lamp-7", NOW) is None


def test_a_device_that_came_back_by_itself_is_joined_with_its_history(conn: Connection) -> None:
    lived(conn)
    removed.take(conn, 7, by="anna", now=NOW)
    add_device(conn, 9, device_id="lamp-7", state="ready")
    removed.put_back(conn, 7, by="anna", now=NOW + 60.0)
    assert devices.resolve(conn, "lamp-7") == 7
    assert devices.row(conn, 9) is None
    assert marks.tags_of(conn, 7) == ["attic"]


def test_one_that_was_updated_since_keeps_its_new_history(conn: Connection) -> None:
    lived(conn)
    removed.take(conn, 7, by="anna", now=NOW)
    add_device(conn, 9, device_id="lamp-7", state="ready")
    ordered(conn, 9)
    with pytest.raises(Conflict, match="was updated since"):
        removed.put_back(conn, 7, by="anna", now=NOW + 60.0)
    assert devices.resolve(conn, "lamp-7") == 9


def test_both_leave_an_event_with_who_did_it(conn: Connection) -> None:
    lived(conn)
    removed.take(conn, 7, by="anna", now=NOW)
    removed.put_back(conn, 7, by="bert", now=NOW + 1.0)
    told = [(row["data"]["event"], row["actor"]) for row in events.recent(conn, limit=2, device_pk=7)]
    assert told == [("put back", "bert"), ("deleted", "anna")]


def test_the_number_of_a_device_is_taken_as_long_as_its_history_is_kept(conn: Connection) -> None:
    lived(conn)
    removed.take(conn, 7, by="anna", now=NOW)
    removed.forget_old(conn, NOW + 2 * removed.KEPT)
    assert removed.recent(conn, NOW) == []
    assert removed.taken(conn) == 7


def test_no_other_attempt_gets_the_number_of_one_that_was_deleted(conn: Connection) -> None:
    add_device(conn, 1)
    lived(conn)
    cancelled = deployments.cancel(conn, ordered(conn, 7).id, by="anna", now=NOW)
    removed.take(conn, 7, by="anna", now=NOW)
    other = ordered(conn, 1)
    assert other.id > cancelled.id
    removed.put_back(conn, 7, by="anna", now=NOW + 1.0)
    found = [deployments.get(conn, number) for number in (cancelled.id, other.id)]
    assert [each and each.device_pk for each in found] == [7, 1]


def test_both_are_in_the_audit_log_in_the_transaction_that_did_them(conn: Connection) -> None:
    add_device(conn, 7, state="lost")
    removed.take(conn, 7, by="anna", now=NOW, where="10.0.0.7", cleared=17)
    removed.put_back(conn, 7, by="bert", now=NOW + 1.0, where="10.0.0.8")
    columns = (audit.c[name] for name in ("who", "what", "why", "from_where"))
    rows = conn.execute(sa.select(*columns).order_by(audit.c.seq)).all()
    assert [tuple(row) for row in rows] == [
        ("anna", "deleted a device", "homie~lamp-7, 17 retained topics cleared", "10.0.0.7"),
        ("bert", "put a device back", "homie~lamp-7", "10.0.0.8"),
    ]
