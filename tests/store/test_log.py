"""The log read from its end by any filter: what is found, on both databases, and how little is looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.engine import Connection

from homie_ota.store import audit, events, log
from homie_ota.store.database import Database
from homie_ota.store.log import Wanted
from homie_ota.store.tables import audit as audit_table
from homie_ota.store.tables import deployment, device, event

NOW = 1_700_000_000.0
A, B = "a" * 64, "b" * 64
DAY = 86_400.0


@pytest.fixture(params=["sqlite", "postgresql"], scope="module")
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    if request.param == "sqlite":
        address = str(tmp_path_factory.mktemp("log") / "x.sqlite3")
    else:
        address = request.getfixturevalue("postgres_cluster").new_database()
    made = Database(address.replace("+psycopg", ""))
    made.migrate()
    yield made
    made.close()


@pytest.fixture
def conn(database: Database) -> Iterator[Connection]:
    """Nothing is left of what a test writes."""
    with database._durable.connect() as found:
        found.begin()
        yield found
        found.rollback()


EVENTS = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.integers(-3, 3).map(lambda days: NOW + days * DAY / 4),
            "kind": st.sampled_from(["deployment", "alarm"]),
            "device_pk": st.sampled_from([None, 1, 2]),
            "sha256": st.sampled_from(["", A, B]),
            "actor": st.sampled_from(["", "ann", "bob"]),
        }
    ),
    max_size=12,
)
FILTERS = st.builds(
    Wanted,
    device_pk=st.sampled_from([None, None, 1, 3]),
    sha256=st.sampled_from(["", "", A]),
    actor=st.sampled_from(["", "", "ann", "nobody"]),
    kind=st.sampled_from(["", "", "alarm"]),
    since=st.sampled_from([None, None, NOW - DAY / 4, NOW + DAY]),
    until=st.sampled_from([None, None, NOW, NOW - DAY]),
)


def fits(row: dict[str, Any], wanted: Wanted) -> bool:
    return (
        wanted.device_pk in (None, row["device_pk"])
        and wanted.sha256 in ("", row["sha256"])
        and wanted.actor in ("", row["actor"])
        and wanted.kind in ("", row["kind"])
        and (wanted.since is None or row["at"] >= wanted.since)
        and (wanted.until is None or row["at"] <= wanted.until)
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(written=EVENTS, wanted=FILTERS, limit=st.integers(1, 4))
def test_pages_together_are_all_that_fit_the_newest_first(
    conn: Connection, written: list[dict[str, Any]], wanted: Wanted, limit: int
) -> None:
    conn.execute(event.delete())
    for each in written:
        conn.execute(event.insert().values(**each, data={}))
    rows = [dict(row) for row in conn.execute(sa.select(event)).mappings()]
    found: list[int] = []
    before = None
    while page := log.find(conn, wanted, limit=limit, before=before):
        found += [row["seq"] for row in page]
        before = found[-1]
    assert found == sorted((row["seq"] for row in rows if fits(row, wanted)), reverse=True)


def test_an_event_is_about_the_image_that_it_names_else_about_that_of_its_deployment(
    conn: Connection,
) -> None:
    row = {"pk": 1, "base": "homie/", "device_id": "hall", "first_seen": NOW, "last_seen": NOW}
    conn.execute(device.insert().values(**row))
    made = {"id": 7, "device_pk": 1, "sha256": A, "state": "queued", "state_since": NOW, "created_at": NOW}
    conn.execute(deployment.insert().values(**made))
    events.add(conn, "deployment", at=NOW, deployment_id=7)
    events.add(conn, "quarantine", at=NOW, deployment_id=7, data={"sha256": B})
    events.add(conn, "deployment", at=NOW, deployment_id=8)
    events.add(conn, "mark", at=NOW, device_pk=1)
    told = list(conn.execute(sa.select(event.c.sha256).order_by(event.c.seq)).scalars())
    assert told == [A, B, "", ""]


def test_what_was_written_a_little_late_is_found_by_its_time(conn: Connection) -> None:
    for at in (NOW, NOW - DAY / 2, NOW + 1):
        events.add(conn, "device", at=at)
    assert [row["at"] for row in log.find(conn, Wanted(since=NOW), limit=9)] == [NOW + 1, NOW]
    assert [row["at"] for row in log.find(conn, Wanted(until=NOW - 1), limit=9)] == [NOW - DAY / 2]


def test_of_several_filters_the_one_with_the_fewest_events_leads(conn: Connection) -> None:
    if conn.dialect.name != "sqlite":
        pytest.skip("PostgreSQL decides by what it has counted")
    rows = [{"at": NOW, "kind": "deployment", "actor": "", "sha256": A, "data": {}} for _ in range(300)]
    conn.execute(event.insert(), [*rows, {**rows[0], "actor": "ann"}])
    asked: list[tuple[str, tuple[object, ...]]] = []
    sa.event.listen(conn, "before_cursor_execute", lambda *each: asked.append((each[2], each[3])))
    assert len(log.find(conn, Wanted(kind="deployment", sha256=A, actor="ann"), limit=9)) == 1
    statement, values = asked[-1]
    plan = conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
    assert "event_by_actor" in str(plan.all())


# --- Who did what


def test_deeds_are_found_by_person_and_by_words(conn: Connection) -> None:
    for who, what, why in (
        ("ann", "uploaded firmware", "lamp-1.0.bin"),
        ("bob", "ordered an update", "hall-lamp to lamp 1.0, 100 % sure"),
        ("ann", "ordered an update", "attic to lamp 1.0"),
    ):
        audit.add(conn, at=NOW, who=who, what=what, why=why, from_where="10.0.0.9")

    def find(who: str = "", text: str = "") -> list[str]:
        return [row["why"] for row in log.deeds(conn, who=who, text=text, limit=9).rows]

    assert len(find()) == 3
    assert find(who="bob") == ["hall-lamp to lamp 1.0, 100 % sure"]
    assert find(text="ORDERED attic") == ["attic to lamp 1.0"]
    assert find(text="100 %") == ["hall-lamp to lamp 1.0, 100 % sure"]
    assert find(text="%") == ["hall-lamp to lamp 1.0, 100 % sure"], "a sign means itself"
    assert len(find(text="10.0.0.9")) == 3
    assert find(who="ann", text="hall") == []


def test_a_search_for_words_ends_somewhere_and_says_where(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "LOOKED_THROUGH", 2)
    for number in range(5):
        audit.add(conn, at=NOW, who="ann", what="did", why=f"thing {number}")
    first = log.deeds(conn, text="thing", limit=9)
    assert [row["why"] for row in first.rows] == ["thing 4", "thing 3"]
    seqs = list(conn.execute(sa.select(audit_table.c.seq).order_by(audit_table.c.seq)).scalars())
    assert first.looked_to == seqs[2]
    second = log.deeds(conn, text="thing", limit=9, before=first.looked_to + 1)
    assert [row["why"] for row in second.rows] == ["thing 2"]
    assert log.deeds(conn, text="thing", limit=1).looked_to == 0, "there is a next page first"
    assert log.deeds(conn, limit=9).looked_to == 0


def test_names_to_filter_by_are_found_without_reading_the_log(conn: Connection) -> None:
    for actor in ("bob", "ann", "", "bob"):
        events.add(conn, "mark", at=NOW, actor=actor)
    assert log.actors(conn) == ["ann", "bob"]
    assert log.actors(conn, limit=1) == ["ann"]
