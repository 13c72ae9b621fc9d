"""Connections and transactions, and the few places where SQLite and PostgreSQL differ.

Rule: SQLite has one writer, a thread with a queue in which deployments overtake readings; what must survive a power cut
(an offer) is written `durable`, with an fsync, before anything is sent.
"""

from __future__ import annotations

import asyncio
import contextvars
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from queue import PriorityQueue
from typing import Any, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DatabaseError, OperationalError

from homie_ota.errors import HomieOtaError, StorageFull
from homie_ota.store import migrations

__all__ = ["ROWS_A_BATCH", "Connection", "Database", "Writing", "changed_one", "upsert"]

T = TypeVar("T")
Work = Callable[[Connection], T]

WRITES = 200
"""So many of the latest transactions are remembered by how long they waited."""

ROWS_A_BATCH = 2000
"""How many rows one transaction of readings may have, so that a deployment never waits long behind it."""


def _sqlite_engine(path: str, synchronous: str) -> Engine:
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": 10.0})

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: the driver's own begins too late
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={synchronous}",
            "foreign_keys=ON",
            "cache_size=-4000",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if synchronous != "OFF" else "BEGIN")

    return engine


def _postgres_engine(url: str) -> Engine:
    plain = url.replace("postgresql://", "postgresql+psycopg://", 1)
    engine = sa.create_engine(plain, pool_size=5, pool_pre_ping=True)
    usual = engine.dialect.loaded_dbapi.types.string.StrDumperUnknown

    def dump(self: Any, text: str) -> Any:
        return usual.dump(self, text.replace("\0", "\ufffd"))

    # PostgreSQL refuses NUL, which SQLite keeps, and which is in whatever address a stranger writes (%00).
    without_nul = type("Text", (usual,), {"dump": dump})

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        connection.adapters.register_dumper(str, without_nul)

    return engine


class Writing(NamedTuple):
    """Transactions that wait for the writer, and the longest that one of the latest had to wait, in seconds."""

    waiting: int
    longest: float


class Database:
    """The database of one process: `read` and `write` run a function of a connection in a thread.

    `url` is a path to an SQLite file, or `postgresql://…`.
    """

    def __init__(self, url: str) -> None:
        self.is_sqlite = not url.startswith("postgresql")
        if self.is_sqlite:
            Path(url).parent.mkdir(parents=True, exist_ok=True)
            Path(url).touch(mode=0o600)  # it holds password hashes; an older file keeps the mode that it has
            # Readers begin deferred; SQLite in WAL lets them read beside the writer.
            self._readers = _sqlite_engine(url, "OFF")
            self._writer, self._durable = _sqlite_engine(url, "NORMAL"), _sqlite_engine(url, "FULL")
        else:
            self._readers = self._writer = self._durable = _postgres_engine(url)
        self._pool = ThreadPoolExecutor(4, "read")
        self._queue: PriorityQueue[tuple[int, int, Callable[[], None]]] = PriorityQueue()
        self._numbers = itertools.count()
        self._waits: deque[float] = deque(maxlen=WRITES)
        self._thread = threading.Thread(target=self._write_loop, name="write", daemon=True)
        self._thread.start()

    def migrate(self) -> None:
        """Bring the schema to this version; raises HomieOtaError when it cannot be used or is newer than we are."""
        self._prepare(migrations.upgrade)

    def require_current(self) -> None:
        """Raise where the schema is not this version's, and change nothing; HomieOtaError when it cannot be used."""
        self._prepare(migrations.require)

    def _prepare(self, work: Callable[[Engine], None]) -> None:
        try:
            work(self._durable)
        except DatabaseError as error:
            where = self._durable.url.render_as_string().removeprefix("sqlite:///")  # without the password
            why = " ".join(str(error.orig).split()).rstrip(".?")
            raise HomieOtaError(
                f"The database {where} cannot be used: {why}. Is it the right one, and may this user open it? See "
                "[storage] of the settings."
            ) from None

    def _write_loop(self) -> None:
        while True:
            _, _, call = self._queue.get()
            if call is _STOP:
                return
            call()

    async def read(self, work: Work[T]) -> T:
        """Run `work` in a read transaction, in a thread."""
        run = contextvars.copy_context().run  # the language of who asked goes along
        return await asyncio.get_running_loop().run_in_executor(self._pool, run, self.read_now, work)

    def read_now(self, work: Work[T]) -> T:
        """The same in this thread, for front doors without a loop."""
        with self._readers.begin() as connection:
            return work(connection)

    async def write(self, work: Work[T], *, urgent: bool = False, durable: bool = False) -> T:
        """Run `work` in the one write transaction; urgent ones overtake, durable ones are on the disk when it returns.

        Raises StorageFull when the disk takes no more; nothing of `work` has happened then.
        """
        return await asyncio.wrap_future(self._enqueue(work, urgent, durable))

    def write_now(self, work: Work[T]) -> T:
        """The same from a thread or a front door without a loop; always durable."""
        return self._enqueue(work, True, True).result()

    def _enqueue(self, work: Work[T], urgent: bool, durable: bool) -> Future[T]:
        future: Future[T] = Future()
        engine, asked = self._durable if durable else self._writer, time.monotonic()

        def call() -> None:
            self._waits.append(time.monotonic() - asked)
            if not future.set_running_or_notify_cancel():
                return
            try:
                with engine.begin() as connection:
                    result = work(connection)
            except OperationalError as error:
                future.set_exception(_for_people(error))
            except BaseException as error:  # noqa: BLE001 - it belongs to who waits for the result
                future.set_exception(error)
            else:
                future.set_result(result)

        self._queue.put((0 if urgent else 1, next(self._numbers), call))
        return future

    def writing(self) -> Writing:
        """How long work waits for the writer: of the last WRITES transactions, and how many wait now."""
        waits = list(self._waits)
        return Writing(self._queue.qsize(), max(waits, default=0.0))

    def close(self) -> None:
        """Finish what is queued and let go of the files."""
        self._queue.put((2, next(self._numbers), _STOP))
        self._thread.join(timeout=30)
        self._pool.shutdown()
        for engine in {self._readers, self._writer, self._durable}:
            engine.dispose()


def _STOP() -> None:  # noqa: N802 - a mark in the queue
    return


def _for_people(error: DatabaseError) -> Exception:
    text = str(error.orig)
    if "full" in text or "No space left" in text or "disk I/O" in text:
        return StorageFull(
            f"The disk did not take the change ({text}). Nothing was changed; make room and try again."
        )
    return HomieOtaError(f"The database refused the change: {text}")


def upsert(
    connection: Connection,
    table: sa.Table,
    rows: Sequence[dict[str, Any]],
    keys: Sequence[str],
    update: Sequence[str],
    keep_if_empty: Sequence[str] = (),
) -> None:
    """Insert rows or, where `keys` exist already, set the columns of `update`; one statement for all rows.

    Columns of `keep_if_empty` keep what they hold where the new row has an empty text.
    """
    if rows:
        statement = _upsert(connection.dialect.name, table, tuple(keys), tuple(update), tuple(keep_if_empty))
        connection.execute(statement, list(rows))


@cache
def _upsert(
    dialect: str, table: sa.Table, keys: Sequence[str], update: Sequence[str], keep_if_empty: Sequence[str]
) -> sa.Executable:
    """Made once: to put a statement together takes longer than to run it."""
    build = sqlite.insert if dialect == "sqlite" else postgresql.insert
    statement = build(table)
    changes: dict[str, Any] = {name: statement.excluded[name] for name in update}
    for name in keep_if_empty:
        new = statement.excluded[name]
        changes[name] = sa.case((new != "", new), else_=table.c[name])
    if changes:
        return statement.on_conflict_do_update(index_elements=list(keys), set_=changes)
    return statement.on_conflict_do_nothing(index_elements=list(keys))


def changed_one(result: sa.CursorResult[Any]) -> bool:
    """True when a compare-and-set found the old value: exactly one row was changed."""
    return result.rowcount == 1
