"""Databases of every schema that was released: brought to today's, on SQLite and PostgreSQL, and read by the store.

A dump (released/NNNN.sql, made by scripts/released.py) is what SQLite had then. On PostgreSQL its rows are put into the
tables that the migrations make up to that schema; that these are still the same ones is compared with the dump.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy.exc import DatabaseError

from homie_ota.errors import Conflict, HomieOtaError
from homie_ota.model import DeploymentState
from homie_ota.rollout.plan import MemberState
from homie_ota.store import (
    accounts,
    audit,
    deployments,
    devices,
    events,
    firmware,
    learned,
    leftovers,
    marks,
    memberships,
    migrations,
    overview,
    people,
    quarantine,
    removed,
    rollouts,
    saved,
    search,
    series,
    transcript,
)
from homie_ota.store.database import Connection, Database
from homie_ota.store.migrations import HEAD
from homie_ota.store.tables import metadata

DUMPS = Path(__file__).parent / "released"
VERSIONS = Path(migrations.__file__).parent / "versions"
REVISIONS = sorted(path.stem.split("_")[0] for path in VERSIONS.glob("0*.py"))
RELEASED = sorted(path.stem for path in DUMPS.glob("*.sql"))
NOW = 1_700_000_000.0
SINCE_ROLLOUTS, SINCE_REMOVED, SINCE_SAVED = "0002", "0006", "0007"


def to(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


class Release(NamedTuple):
    """A schema that was released, and a database of it that was brought to today's."""

    revision: str
    database: Database


def on_sqlite(revision: str, path: Path) -> str:
    with closing(sqlite3.connect(path)) as made:
        made.executescript((DUMPS / f"{revision}.sql").read_text("utf-8"))
    return str(path)


def on_postgresql(revision: str, path: Path, address: str) -> str:
    source = sa.create_engine(f"sqlite:///{on_sqlite(revision, path)}")
    target = sa.create_engine(address)
    with source.connect() as old, target.begin() as new:
        to(new, revision)
        there, here = sa.MetaData(), sa.MetaData()
        there.reflect(old)
        here.reflect(new)
        for table in here.sorted_tables:
            if table.name != "alembic_version":
                for row in old.execute(there.tables[table.name].select()).mappings():
                    new.execute(table.insert().values(**row))
        _count_on(new, here)
    source.dispose()
    target.dispose()
    return address.replace("+psycopg", "")


def _count_on(connection: Connection, tables: sa.MetaData) -> None:
    """Rows that came with their numbers: the next one is counted on from there, as in a database that made them."""
    for table in tables.sorted_tables:
        for column in table.columns:
            sequence = connection.execute(
                sa.text("SELECT pg_get_serial_sequence(:table, :column)"),
                {"table": f'"{table.name}"', "column": column.name},
            ).scalar()
            if sequence:
                highest = connection.execute(sa.select(sa.func.max(column))).scalar() or 0
                connection.execute(sa.text(f"SELECT setval('{sequence}', {highest + 1}, false)"))


@pytest.fixture(
    scope="module",
    params=[(kind, revision) for revision in RELEASED for kind in ("sqlite", "postgresql")],
    ids="-".join,
)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """A database of that schema, brought to today's by the start of a server."""
    kind, revision = request.param
    path = tmp_path_factory.mktemp("released") / "old.sqlite3"
    if kind == "sqlite":
        address = on_sqlite(revision, path)
    else:
        cluster = request.getfixturevalue("postgres_cluster")
        address = on_postgresql(revision, path, cluster.new_database())
    database = Database(address)
    database.migrate()
    yield Release(revision, database)
    database.close()


@pytest.fixture
def released(found: Release) -> Database:
    return found.database


@pytest.fixture
def revision(found: Release) -> str:
    return found.revision


def test_every_schema_has_its_dump() -> None:
    missing = sorted(set(REVISIONS) - set(RELEASED))
    assert not missing, f"no tests/store/released/{missing[0]}.sql; run: python scripts/released.py"
    assert REVISIONS[-1] == HEAD


@pytest.mark.parametrize("of", RELEASED)
def test_a_migration_that_was_released_is_not_changed(of: str, tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'made.sqlite3'}")
    with engine.begin() as connection:
        to(connection, of)
    engine.dispose()

    def schema(path: str) -> list[tuple[str, str]]:
        with closing(sqlite3.connect(path)) as found:
            rows = found.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")
            return [(name, " ".join(sql.split())) for name, sql in rows]

    released = schema(on_sqlite(of, tmp_path / "released.sqlite3"))
    assert schema(str(tmp_path / "made.sqlite3")) == released


def ask(database: Database, work: Any, *arguments: Any, **more: Any) -> Any:
    return database.read_now(lambda conn: work(conn, *arguments, **more))


def test_the_tables_are_todays_and_no_row_is_lost(released: Database, revision: str, tmp_path: Path) -> None:
    def look(conn: Connection) -> tuple[list[object], dict[str, int]]:
        found = compare_metadata(MigrationContext.configure(conn), metadata)
        counts = {
            table.name: conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in metadata.sorted_tables
        }
        return list(found), counts

    differences, counts = released.read_now(look)
    assert differences == []
    with closing(sqlite3.connect(on_sqlite(revision, tmp_path / "before.sqlite3"))) as before:
        for name, count in counts.items():
            known = before.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone()
            assert not known or count >= before.execute(f"SELECT count(*) FROM {name}").fetchone()[0], name


def test_devices_are_read_and_found(released: Database) -> None:
    stored = ask(released, devices.load)
    assert [each.row["device_id"] for each in stored][:3] == ["hall-lamp", "c631f278", "attic"]
    assert stored[0].readings == [("relay", "on", "true", NOW)]
    assert ask(released, devices.resolve, "c631f278") == 2
    assert ask(released, devices.row, 3)["pin_reason"] == "winter"
    assert ask(released, marks.pin_of, 3, NOW) is not None
    assert ask(released, marks.tags_of, 1) == ["ground"]
    assert [lesson.value for lesson in ask(released, learned.of_device, 2)] == ["684032"]
    for query, wanted in (
        ("fw:lamp", 3),
        ("tag:ground", 1),
        ("version:2.0.0", 1),
        ("state:lost", 1),
    ):
        assert len(ask(released, search.matching, query, now=NOW)) == wanted, query
    assert 2 in ask(released, search.matching, "needs:you", now=NOW)
    assert ask(released, overview.counts)
    assert ask(released, series.read, 1, "uptime", NOW - 60.0, NOW + 60.0) is not None


def test_images_are_read(released: Database) -> None:
    old, new = ask(released, firmware.find, sort="version")
    assert (old.magic, old.version, old.description) == (True, "1.0.0", "The 1.0.0.")
    assert (new.warnings, new.filename) == (("small",), "lamp-2.0.0.bin")
    assert ask(released, firmware.not_looked_into) == ["lamp-1.0.0.bin"], "it is inspected at the next start"


def test_deployments_and_what_happened_are_read_and_go_on(released: Database) -> None:
    found = [ask(released, deployments.get, number) for number in (1, 2, 3)]
    states = [DeploymentState.SUCCEEDED, DeploymentState.FAILED, DeploymentState.QUEUED]
    assert [each.state for each in found] == states
    assert (found[1].reason, found[0].before) == ("It broke.", {"md5": "a" * 32})
    assert [row["data"]["state"] for row in ask(released, events.of_deployment, 1)] == [
        "offered",
        "succeeded",
    ]
    cancelled = released.write_now(lambda conn: deployments.cancel(conn, 3, by="jo", now=NOW))
    assert cancelled.state is DeploymentState.CANCELLED
    seqs = [row["seq"] for row in ask(released, events.recent)]
    assert len(set(seqs)) == len(seqs) >= 4, "numbers go on behind those that there were"


def test_rollouts_case_files_and_what_is_held_back_are_read(released: Database, revision: str) -> None:
    if revision < SINCE_ROLLOUTS:
        assert ask(released, rollouts.find) == []
        return
    assert [row["text"] for row in ask(released, transcript.of, 1)] == ["ready"]
    assert [each.topic for each in ask(released, leftovers.every)] == [
        "homie/attic/$implementation/ota/firmware/x"
    ]
    assert [each.code for each, _, _ in ask(released, quarantine.every)] == ["harm"]
    (found,) = ask(released, rollouts.find)
    assert (found.name, len(found.plan.waves)) == ("lamps", 2)
    assert [each.number for each in ask(released, rollouts.waves, 1)] == [0, 1]
    members = ask(released, memberships.tallies, 1)
    assert members[0] == {MemberState.VERIFIED: 1}


def test_what_came_later_is_empty_or_read(released: Database, revision: str) -> None:
    assert [each.name for each in ask(released, saved.every)] == (
        ["Ground"] if revision >= SINCE_SAVED else []
    )
    if revision >= SINCE_REMOVED:
        released.write_now(lambda conn: removed.put_back(conn, 9, by="jo", now=NOW + 1.0))
        assert ask(released, devices.resolve, "gone") == 9


def test_people_come_in_and_the_audit_log_is_whole_and_goes_on(released: Database) -> None:
    account = ask(released, accounts.get, "jo")
    assert account.rights == accounts.ROLES["admin"]
    (row,) = ask(released, people.listing, NOW)
    assert (row["tokens"], row["sessions"]) == (1, 1)
    before = ask(released, audit.verify)
    assert (before.fault, before.head.rows >= 2) == (None, True)
    released.write_now(lambda conn: audit.add(conn, at=NOW, who="jo", what="looked"))
    after = ask(released, audit.verify)
    assert (after.fault, after.head.rows) == (None, before.head.rows + 1)
    with pytest.raises(DatabaseError, match="append-only"):
        released.write_now(lambda conn: conn.execute(sa.text("UPDATE audit SET who = 'eve'")))


# --- Going back


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_an_older_program_says_that_the_database_is_newer_and_leaves_it_alone(
    request: pytest.FixtureRequest, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = str(tmp_path / "x.sqlite3")
    if kind == "postgresql":
        address = request.getfixturevalue("postgres").replace("+psycopg", "")
    database = Database(address)
    database.migrate()
    # The program of two schemas ago: it knows neither the newest migrations nor their number.
    known = tmp_path / "versions"
    known.mkdir()
    for path in sorted(VERSIONS.glob("0*.py"))[:-2]:
        (known / path.name).write_text(path.read_text("utf-8"))
    monkeypatch.setattr(migrations, "HEAD", REVISIONS[-3])
    monkeypatch.setattr(migrations, "_VERSIONS", known)
    with pytest.raises(HomieOtaError, match=f"schema {HEAD}; .* up to {REVISIONS[-3]}"):
        database.migrate()
    with pytest.raises(Conflict, match=f"schema {HEAD}"):
        database.require_current()
    at = database.read_now(
        lambda conn: conn.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    )
    assert at == HEAD
    database.close()
