from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.store import audit
from homie_ota.store.database import Database
from homie_ota.store.tables import audit as table
from homie_ota.store.tables import metadata

NOW = 1_700_000_000.123456


@pytest.fixture
def conn(tmp_path: Path):  # type: ignore[no-untyped-def]
    engine = sa.create_engine(f"sqlite:///{tmp_path}/audit.sqlite")
    with engine.begin() as connection:
        metadata.create_all(connection)
        for number in range(5):
            audit.add(connection, at=NOW + number, who="bob", what=f"thing {number}", from_where="10.0.0.1")
        yield connection
    engine.dispose()


def test_a_log_that_nobody_touched_is_whole(conn: Connection) -> None:
    assert audit.verify(conn) is None
    assert [row["what"] for row in audit.recent(conn, limit=2)] == ["thing 4", "thing 3"]
    assert [row["seq"] for row in audit.recent(conn, before=3)] == [2, 1]


@pytest.mark.parametrize(("column", "value"), [("who", "eve"), ("at", NOW), ("why", "x"), ("hash", "f" * 64)])
def test_a_changed_row_is_found(conn: Connection, column: str, value: object) -> None:
    conn.execute(sa.update(table).where(table.c.seq == 3).values({column: value}))
    assert audit.verify(conn) == 3


def test_a_row_taken_out_is_found_at_the_next(conn: Connection) -> None:
    conn.execute(sa.delete(table).where(table.c.seq == 2))
    assert audit.verify(conn) == 3


def test_a_row_that_was_hashed_again_is_found_at_the_next(conn: Connection) -> None:
    row = dict(conn.execute(sa.select(table).where(table.c.seq == 2)).mappings().one())
    row["who"] = "eve"
    conn.execute(sa.update(table).where(table.c.seq == 2).values(who="eve", hash=audit._hash(row)))
    assert audit.verify(conn) == 3


def test_long_texts_are_cut_and_still_fit_the_chain(conn: Connection) -> None:
    audit.add(conn, at=NOW, who="w" * 999, what="x" * 999, why="<script>" * 999, from_where="z" * 999)
    assert audit.verify(conn) is None


def test_on_postgresql_the_chain_is_the_same(postgres: str) -> None:
    database = Database(postgres.replace("postgresql+psycopg", "postgresql"))
    try:
        database.migrate()
        for number in range(3):
            database.write_now(lambda c, n=number: audit.add(c, at=NOW + n, who="bob", what="thing"))  # type: ignore[misc]
        assert database.read_now(audit.verify) is None
    finally:
        database.close()
