"""Brings a database from any earlier version to this one, with Alembic.

Rule: a migration is written once and never changed; HEAD names the newest, so that an up-to-date database is recognised
without importing Alembic (10 MB; design, decision 14).
"""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from homie_ota.errors import HomieOtaError

HEAD = "0001"
_VERSIONS = Path(__file__).parent / "versions"


def upgrade(engine: Engine) -> None:
    """Run the migrations that are missing, in one transaction; raises HomieOtaError when the database is newer."""
    with engine.begin() as connection:
        if _current(connection) == HEAD:
            return
        known = {path.stem.split("_")[0] for path in _VERSIONS.glob("0*.py")}
        found = _current(connection)
        if found and found not in known:
            raise HomieOtaError(
                f"The database has schema {found}; this version of homie-ota knows schemas up to {HEAD}. "
                "Install the newer homie-ota again, or restore the backup from before its first start."
            )
        _run(connection)


def _current(connection: Connection) -> str:
    if not sa.inspect(connection).has_table("alembic_version"):
        return ""
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() or ""


def _run(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
