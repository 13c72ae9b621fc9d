"""The rows of a PostgreSQL database to a file and back, by PostgreSQL's own programs.

Rule: the password goes through the environment, never into the list of processes; into a database with tables nothing
is restored.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from homie_ota.errors import Conflict, HomieOtaError, WrongUse

T = TypeVar("T")
Ask = Callable[[str], Sequence[Sequence[Any]]]


def dump(url: str, into: Path, read: Callable[[Ask], T]) -> T:
    """Write all rows to `into`, and what `read` finds in the same snapshot of them; WrongUse without pg_dump."""
    program = _program("pg_dump")
    with _connected(url) as connection:
        # One snapshot for both: counts of another moment would not be those of the dump.
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"))
        snapshot = str(connection.execute(sa.text("SELECT pg_export_snapshot()")).scalar())
        found = read(lambda text: [tuple(row) for row in connection.execute(sa.text(text))])
        options = ("--format=custom", "--no-owner", "--no-privileges", f"--snapshot={snapshot}")
        _run(url, program, *options, f"--file={into}")
    return found


def restore(url: str, dumped: Path) -> None:
    """Bring the rows of a dump into an empty database, all or nothing; Conflict when it has tables."""
    _run(url, _program("pg_restore"), "--no-owner", "--exit-on-error", "--single-transaction", str(dumped))


def require_empty(url: str) -> None:
    """Raise Conflict when the database has tables; WrongUse when what restores is not here."""
    _program("pg_restore")
    with _connected(url) as connection:
        if found := sa.inspect(connection).get_table_names():
            raise Conflict(
                f"The database has tables already ({found[0]} …). A backup goes into an empty one only: createdb."
            )


def _connected(url: str) -> sa.engine.Connection:
    try:
        plain = url.replace("postgresql://", "postgresql+psycopg://", 1)
        return sa.create_engine(plain, poolclass=sa.NullPool).connect()
    except SQLAlchemyError as error:
        raise HomieOtaError(f"The database cannot be reached: {getattr(error, 'orig', error)}") from None


def _program(name: str) -> str:
    if found := shutil.which(name):
        return found
    raise WrongUse(
        f"The database is PostgreSQL, and {name} is not on this machine. Install it (Debian: apt install "
        "postgresql-client), or save the database by the means of its own server and copy the firmware directory."
    )


def _run(url: str, program: str, *options: str) -> None:
    where = sa.make_url(url)
    secret = {"PGPASSWORD": str(where.password)} if where.password else {}
    dbname = where.set(password=None).render_as_string()
    done = subprocess.run(
        [program, f"--dbname={dbname}", *options],
        env={**os.environ, **secret},
        capture_output=True,
        check=False,
        text=True,
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        raise HomieOtaError(f"{Path(program).name} failed: {why}")
