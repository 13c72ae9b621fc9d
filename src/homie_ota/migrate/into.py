"""The new installation, as far as moving in needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar

from homie_ota.store.database import Connection, Database
from homie_ota.store.images import ImageFiles

T = TypeVar("T")


class Into(NamedTuple):
    """Where everything goes: `database` None where there is none yet, and with `dry_run` nothing is written there."""

    database: Database | None
    files: ImageFiles
    by: str
    now: float
    dry_run: bool

    def ask(self, work: Callable[[Connection], T], otherwise: T) -> T:
        """What the database knows."""
        return otherwise if self.database is None else self.database.read_now(work)

    @property
    def rows(self) -> Database | None:
        """The database to write to; None in a dry run."""
        return None if self.dry_run else self.database
