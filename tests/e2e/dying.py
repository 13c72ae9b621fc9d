"""`homie-ota` that kills itself at a commit: `python dying.py WHEN N serve …`, WHEN is `before` or `after` the N-th.

Rule: only commits that change deployments count, the order of a person being the first; the end is SIGKILL, as a power
cut of the process alone: nothing is closed, flushed or said.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.pool import Pool

ORDER, MOVE = "INSERT INTO deployment", "UPDATE deployment"


class End:
    """When the process ends: `left` commits from now."""

    def __init__(self, when: str, left: int) -> None:
        self._when, self._left = when, left
        self._touched: set[int] = set()
        self._is_ordered = False
        self._due = 0

    def note(self, conn: Connection, _cursor: Any, statement: str, *_: Any) -> None:
        """A statement of a connection."""
        self._is_ordered = self._is_ordered or statement.startswith(ORDER)
        if self._is_ordered and statement.startswith((ORDER, MOVE)):
            self._touched.add(id(conn.connection.dbapi_connection))

    def count(self, conn: Connection) -> None:
        """A connection is about to commit."""
        mine = id(conn.connection.dbapi_connection)
        if mine not in self._touched:
            return
        self._touched.discard(mine)
        self._left -= 1
        if self._left == 0:
            self._due = mine
            self.through(None if self._when == "before" else self)

    def through(self, connection: Any, _record: Any = None) -> None:
        """A connection goes back to its pool: its commit is through."""
        if connection is None or id(connection) == self._due:
            os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    end = End(sys.argv[1], int(sys.argv[2]))
    event.listen(Engine, "before_cursor_execute", end.note)
    event.listen(Engine, "commit", end.count)
    event.listen(Pool, "checkin", end.through)
    from homie_ota.cli import main

    sys.exit(main(sys.argv[3:]))
