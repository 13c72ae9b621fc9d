"""What an administrator may do without the server: accounts, tokens and the audit log of the database itself.

Rule: whoever may write the database's file is its owner anyway, so nobody is asked for a password; but every change
leaves its row in the audit log, under the name that this machine knows the person by.
"""

from __future__ import annotations

import getpass
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from homie_ota.cli.settings import settings_of
from homie_ota.errors import NotFound
from homie_ota.store import accounts, audit, people
from homie_ota.store.accounts import Right
from homie_ota.store.chain import Head
from homie_ota.store.database import Connection, Database

T = TypeVar("T")
Json = dict[str, Any]


class Here:
    """The database of this machine's server; the same questions and answers as `client.people.PeopleCalls` has."""

    def __init__(self, config: Path | None, data: Path | None) -> None:
        url = settings_of(config, data).database_url
        if "://" not in url and not Path(url).is_file():
            raise NotFound(
                f"There is no database {url}. Say where the server keeps its data: --data DIR or --config FILE; "
                "or ask the server itself: --server URL."
            )
        self._database = Database(url)
        try:
            self._database.require_current()
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def people(self) -> list[Json]:
        """Every account, by name."""
        return [_told(row) for row in self._database.write_now(lambda c: people.listing(c, time.time()))]

    def add(self, name: str, role: str) -> Json:
        """Make an account. Conflict, WrongUse."""
        return self._password(
            name, "made an account", role, lambda c: accounts.create(c, name, role, time.time())
        )

    def reset(self, name: str) -> Json:
        """Give an account a new password; NotFound."""
        return self._password(name, "reset a password", "", lambda c: accounts.reset(c, name))

    def change(self, name: str, **changes: Any) -> Json:
        """Change `role` or `disabled`; NotFound, Conflict."""
        if (role := changes.get("role")) is not None:
            self._do("changed a role", f"{name}, {role}", lambda c: people.set_role(c, name, role))
        if changes.get("disabled") is True:
            self._do("disabled an account", name, lambda c: people.disable(c, name, time.time()))
        if changes.get("disabled") is False:
            self._do("enabled an account", name, lambda c: people.enable(c, name))
        return self._one(name)

    def log_out(self, name: str) -> Json:
        """End every session of an account; NotFound."""
        self._one(name)
        ended = self._do("logged out everywhere", name, lambda c: people.end_sessions(c, name))
        return {"detail": f"{ended} sessions have ended."}

    def remove(self, name: str) -> Json:
        """Delete an account; NotFound, Conflict."""
        self._do("removed an account", name, lambda c: people.remove(c, name))
        return {"detail": f"{name} is no account any more."}

    def tokens(self) -> list[Json]:
        """The tokens of all."""
        rows = self._database.write_now(lambda c: accounts.tokens(c, None))
        return [_told_token(row) for row in rows]

    def make_token(self, wanted: Json) -> Json:
        """Make a token; without `rights` it has all that its owner has. NotFound, WrongUse."""
        owner, days = str(wanted.get("owner") or accounts.ADMIN), wanted.get("days")

        def make(conn: Connection) -> str:
            found = accounts.get(conn, owner)
            rights = [Right(word) for word in wanted["rights"]] or (found.rights if found else ())
            seconds = days * 86400.0 if days else None
            return accounts.make_token(
                conn, name=owner, label=wanted["label"], rights=rights, now=time.time(), seconds=seconds
            )

        return {"owner": owner, "token": self._do("made a token", f"of {owner}: {wanted['label']}", make)}

    def revoke_token(self, id: str) -> Json:  # noqa: A002 - the API's word
        """Revoke a token; NotFound."""
        gone = self._do("revoked a token", id, lambda c: accounts.revoke_token(c, None, id))
        return {"detail": f"The token {gone['label']} of {gone['account']} is revoked."}

    def audit(self) -> tuple[Head, list[Json]]:
        """The end of the audit log as it is remembered, and all rows, oldest first."""
        return self._database.read_now(lambda c: (audit.head(c), list(audit.everything(c))))

    def _one(self, name: str) -> Json:
        return _told(self._database.write_now(lambda c: people.one(c, name, time.time())))

    def _password(self, name: str, what: str, more: str, act: Callable[[Connection], str]) -> Json:
        password = self._do(what, f"{name}, {more}" if more else name, act)
        return {**self._one(name), "password": password}

    def _do(self, what: str, why: str, act: Callable[[Connection], T]) -> T:
        def write(conn: Connection) -> T:
            done = act(conn)
            audit.add(conn, at=time.time(), who=who(), what=what, why=why, from_where=audit.MACHINE)
            return done

        return self._database.write_now(write)


def who() -> str:
    """What this machine calls the person; for the audit log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in a container
        return "somebody"


def _told(row: Json) -> Json:
    return {
        **{name: each for name, each in row.items() if name != "disabled_at"},
        "disabled": row["disabled_at"] is not None,
    }


def _told_token(row: Json) -> Json:
    told = {name: row[name] for name in ("label", "created_at", "expires_at", "last_used")}
    return {**told, "id": row["digest"][:16], "owner": row["account"], "rights": row["scope"].split(",")}
