"""Brings a database from any earlier version to this one, with Alembic.

Rule: a migration is written once and never changed; HEAD names the newest, so that an up-to-date database is recognised
without importing Alembic (10 MB; design, decision 14). After writing one, `python scripts/released.py` keeps what it
makes as a dump in tests/store/released/, from which every later version is tried.
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from homie_ota.errors import Conflict, HomieOtaError
from homie_ota.store.tables import metadata

HEAD = "0016"
_VERSIONS = Path(__file__).parent / "versions"


def upgrade(engine: Engine) -> None:
    """Run the migrations that are missing, in one transaction; raises HomieOtaError when the database is newer."""
    with engine.begin() as connection:
        found = _current(connection)
        if found == HEAD:
            return
        if not found:
            _make(connection)
            return
        known = {path.stem.split("_")[0] for path in _VERSIONS.glob("0*.py")}
        if found and found not in known:
            raise HomieOtaError(
                f"The database has schema {found}; this version of homie-ota knows schemas up to {HEAD}. "
                "Install the newer homie-ota again, or restore the backup from before its first start."
            )
        run_all(connection)


def require(engine: Engine) -> None:
    """Change nothing, and raise Conflict where the schema is not this version's: a server may run on it right now."""
    with engine.begin() as connection:
        found = _current(connection)
    if found != HEAD:
        raise Conflict(
            f"This database has {f'schema {found}' if found else 'no tables of ours'}, and this version of homie-ota "
            f"works with schema {HEAD}. Start its server once, which brings the database there; then try again."
        )


def _current(connection: Connection) -> str:
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() or ""


def _make(connection: Connection) -> None:
    """A new database gets today's tables at once; that the migrations lead to the same ones is tested."""
    metadata.create_all(connection)
    connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(sa.text("INSERT INTO alembic_version VALUES (:version)"), {"version": HEAD})


def run_all(connection: Connection) -> None:
    """Run every migration that is missing, from whatever version the database has."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
