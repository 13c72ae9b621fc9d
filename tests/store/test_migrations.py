"""A database made new and one that was migrated step by step are the same; a newer one is refused with a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from homie_ota.errors import HomieOtaError
from homie_ota.store.database import Database
from homie_ota.store.migrations import HEAD, run_all, upgrade
from homie_ota.store.tables import metadata


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> sa.Engine:
    if request.param == "sqlite":
        return sa.create_engine(f"sqlite:///{tmp_path / 'homie-ota.sqlite3'}")
    address: str = request.getfixturevalue("postgres")
    return sa.create_engine(address)


def differences(engine: sa.Engine) -> list[object]:
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))


def test_the_migrations_lead_to_the_tables(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        run_all(connection)
    assert differences(engine) == []


def test_a_new_database_has_the_tables_and_counts_as_migrated(engine: sa.Engine) -> None:
    upgrade(engine)
    assert differences(engine) == []
    with engine.begin() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalars().all() == [
            HEAD
        ]
        run_all(connection)  # Alembic agrees that there is nothing to do
    upgrade(engine)


def test_only_one_deployment_of_a_device_can_be_active(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        run_all(connection)
    names = {index["name"] for index in sa.inspect(engine).get_indexes("deployment") if index["unique"]}
    assert "deployment_one_active" in names


def test_a_database_of_a_newer_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    database = Database(str(tmp_path / "x.sqlite3"))
    database.migrate()
    database.write_now(lambda c: c.execute(sa.text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(HomieOtaError, match="9999"):
        database.migrate()
    database.close()


@pytest.mark.parametrize("content", [b"this is no database " * 500, None])
def test_a_file_that_is_no_database_is_a_sentence_that_names_it(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "homie-ota.sqlite3"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    database = Database(str(path))
    with pytest.raises(HomieOtaError, match=r"homie-ota\.sqlite3 cannot be used: \S"):
        database.migrate()
    database.close()
    assert content is None or path.read_bytes() == content


def test_a_database_server_that_does_not_answer_is_a_sentence_without_the_password(free_port: int) -> None:
    database = Database(f"postgresql://jo:hunter2@127.0.0.1:{free_port}/ota")
    with pytest.raises(HomieOtaError, match=f"127.0.0.1:{free_port}/ota cannot be used") as caught:
        database.migrate()
    database.close()
    assert "hunter2" not in str(caught.value)
    assert "\n" not in str(caught.value)
