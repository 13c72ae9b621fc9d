"""The audit log: what was done to it is found, and the database itself refuses most of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError

from homie_ota.store import audit, chain
from homie_ota.store.database import Database
from homie_ota.store.migrations import run_all
from homie_ota.store.tables import audit as table
from homie_ota.store.tables import audit_head, metadata

NOW = 1_700_000_000.123456


@pytest.fixture
def conn(tmp_path: Path) -> Iterator[Connection]:
    """A log of five rows in a database that somebody has taken the triggers off."""
    engine = sa.create_engine(f"sqlite:///{tmp_path}/audit.sqlite")
    with engine.begin() as connection:
        metadata.create_all(connection)
        for word in ("update", "delete"):
            connection.execute(sa.text(f"DROP TRIGGER audit_no_{word}"))
        for number in range(5):
            audit.add(connection, at=NOW + number, who="bob", what=f"thing {number}", from_where="10.0.0.1")
        yield connection
    engine.dispose()


def fault(conn: Connection, *kept: str) -> int | None:
    found = audit.verify(conn, kept).fault
    return found[0] if found else None


def test_a_log_that_nobody_touched_is_whole(conn: Connection) -> None:
    assert fault(conn) is None
    assert [row["what"] for row in audit.recent(conn, limit=2)] == ["thing 4", "thing 3"]
    assert [row["seq"] for row in audit.recent(conn, before=3)] == [2, 1]
    assert audit.head(conn) == audit.verify(conn).head
    assert audit.head(conn).rows == 5


@pytest.mark.parametrize(("column", "value"), [("who", "eve"), ("at", NOW), ("why", "x"), ("hash", "f" * 64)])
def test_a_changed_row_is_found(conn: Connection, column: str, value: object) -> None:
    conn.execute(sa.update(table).where(table.c.seq == 3).values({column: value}))
    assert fault(conn) == 3


def test_a_row_taken_out_is_found_at_the_next(conn: Connection) -> None:
    conn.execute(sa.delete(table).where(table.c.seq == 2))
    assert fault(conn) == 3


def test_the_first_row_taken_out_is_found(conn: Connection) -> None:
    conn.execute(sa.delete(table).where(table.c.seq == 1))
    assert fault(conn) == 2


def test_two_rows_that_changed_places_are_found(conn: Connection) -> None:
    for old, new in ((2, 99), (3, 2), (99, 3)):
        conn.execute(sa.update(table).where(table.c.seq == old).values(seq=new))
    assert fault(conn) == 2


def test_rows_cut_off_the_end_are_missed(conn: Connection) -> None:
    conn.execute(sa.delete(table).where(table.c.seq > 3))
    found = audit.verify(conn).fault
    assert found == (4, "Rows are missing at the end: there were 5, and there are 3.")


def test_a_log_that_was_cut_off_and_written_on_is_found(conn: Connection) -> None:
    conn.execute(sa.delete(table).where(table.c.seq > 3))
    for _ in range(2):
        audit.add(conn, at=NOW, who="eve", what="nothing")
    assert fault(conn) is not None


def test_an_empty_log_where_there_was_one_is_found(conn: Connection) -> None:
    conn.execute(sa.delete(table))
    assert fault(conn) == 1


def test_a_row_that_was_hashed_again_is_found_at_the_next(conn: Connection) -> None:
    row = dict(conn.execute(sa.select(table).where(table.c.seq == 2)).mappings().one())
    row["who"] = "eve"
    conn.execute(sa.update(table).where(table.c.seq == 2).values(who="eve", hash=chain.digest(row)))
    assert fault(conn) == 3


def test_a_log_that_was_forged_whole_is_found_by_a_hash_that_somebody_kept(conn: Connection) -> None:
    kept = audit.head(conn).hash
    conn.execute(sa.delete(table))
    conn.execute(sa.delete(audit_head))
    for number in range(6):
        audit.add(conn, at=NOW + number, who="bob", what="nothing")
    assert fault(conn) is None  # by itself it looks whole
    found = audit.verify(conn, [kept]).fault
    assert found is not None
    assert kept[:16] in found[1]


def test_a_hash_that_somebody_kept_stays_in_the_log_as_it_grows(conn: Connection) -> None:
    kept = audit.head(conn).hash
    audit.add(conn, at=NOW, who="bob", what="more")
    assert fault(conn, kept) is None


def test_long_texts_are_cut_and_still_fit_the_chain(conn: Connection) -> None:
    audit.add(conn, at=NOW, who="w" * 999, what="x" * 999, why="<script>" * 999, from_where="z" * 999)
    assert fault(conn) is None


@given(st.lists(st.tuples(st.text(), st.floats(0, 2e9)), min_size=1, max_size=20), st.data())
def test_a_log_in_a_file_is_as_good_as_one_in_the_database(
    told: list[tuple[str, float]], data: st.DataObject
) -> None:
    rows: list[dict[str, Any]] = []
    for seq, (text, at) in enumerate(told, 1):
        before = rows[-1]["hash"] if rows else chain.START
        row = {
            "seq": seq,
            "at": at,
            "who": text,
            "what": "x",
            "why": text,
            "from_where": "",
            "prev_hash": before,
        }
        rows.append({**row, "hash": chain.digest(row)})
    read = [json.loads(json.dumps(row)) for row in rows]
    assert chain.follow(read, end=chain.Head(len(rows), rows[-1]["hash"])).fault is None
    victim = data.draw(st.integers(0, len(read) - 1))
    read[victim]["why"] += "!"
    found = chain.follow(read).fault
    assert found is not None
    assert found[0] == victim + 1


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "homie-ota.sqlite3")
    address: str = request.getfixturevalue("postgres")
    return address.replace("postgresql+psycopg", "postgresql")


CHANGES = ["UPDATE audit SET who = 'eve'", "DELETE FROM audit", "DELETE FROM audit WHERE seq = 2"]


@pytest.mark.parametrize("step_by_step", [False, True])
def test_the_database_refuses_to_change_or_delete_a_row(url: str, step_by_step: bool) -> None:
    database = Database(url)
    try:
        if step_by_step:
            with database._durable.begin() as connection:
                run_all(connection)
        database.migrate()
        for number in range(3):
            database.write_now(lambda c, n=number: audit.add(c, at=NOW + n, who="bob", what="thing"))  # type: ignore[misc]
        truncate = [] if database.is_sqlite else ["TRUNCATE audit"]
        for statement in [*CHANGES, *truncate]:
            with pytest.raises(DatabaseError, match="append-only"), database._durable.begin() as connection:
                connection.execute(sa.text(statement))
        found = database.read_now(audit.verify)
        assert (found.fault, found.head.rows) == (None, 3)
    finally:
        database.close()


def test_an_older_log_is_taken_over_with_its_end(tmp_path: Path) -> None:
    from alembic import command
    from alembic.config import Config

    from homie_ota.store import migrations

    engine = sa.create_engine(f"sqlite:///{tmp_path}/old.sqlite3")
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
        row = {"at": NOW, "who": "bob", "what": "x", "why": "", "from_where": "", "prev_hash": chain.START}
        connection.execute(sa.insert(table).values(**row, hash=chain.digest(row)))
        run_all(connection)
        audit.add(connection, at=NOW, who="bob", what="y")
        found = audit.verify(connection)
    assert (found.fault, found.head.rows) == (None, 2)
    engine.dispose()
