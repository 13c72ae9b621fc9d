"""What an administrator does with accounts: roles, who may not come in any more, whose sessions end.

Rule: whoever may less than before has to log in again, and there is always one administrator who may come in.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound
from homie_ota.store import accounts, audit
from homie_ota.store.accounts import ADMIN, ROLES
from homie_ota.store.tables import account, session, token


def begin(conn: Connection, now: float) -> str | None:
    """Make the first account; its password, to be shown once, or None where there is an account already."""
    password = accounts.ensure_admin(conn, now)
    if password is not None:
        audit.add(conn, at=now, who="homie-ota", what="made the first account", why=ADMIN)
    return password


def listing(conn: Connection, now: float) -> list[dict[str, Any]]:
    """Every account with `sessions` and `tokens` that are alive, by name; nothing that proves who they are."""
    open_ = _count(session, session.c.expires_at > now)
    good = _count(token, sa.or_(token.c.expires_at.is_(None), token.c.expires_at > now))
    shown = [account.c[name] for name in ("name", "role", "created_at", "disabled_at", "last_login")]
    query = sa.select(*shown, open_.label("sessions"), good.label("tokens")).order_by(account.c.name)
    return [dict(row) for row in conn.execute(query).mappings()]


def _count(table: sa.Table, alive: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    theirs = sa.select(sa.func.count()).select_from(table).where(table.c.account == account.c.name, alive)
    return theirs.scalar_subquery()


def one(conn: Connection, name: str, now: float) -> dict[str, Any]:
    """One account as in `listing`; NotFound."""
    found = [each for each in listing(conn, now) if each["name"] == name]
    if not found:
        raise NotFound(f"There is no account “{name}”.")
    return found[0]


def set_role(conn: Connection, name: str, role: str) -> None:
    """Give an account another role; its sessions end where it may less then. NotFound, WrongUse, Conflict."""
    rights, before = accounts.require_role(role), _require(conn, name)
    if role != ADMIN:
        _keep_one_admin(conn, name)
    conn.execute(sa.update(account).where(account.c.name == name).values(role=role))
    if not ROLES.get(before, frozenset()) <= rights:
        end_sessions(conn, name)


def disable(conn: Connection, name: str, now: float) -> None:
    """Let an account in no more, by password, session or token, until `enable`. NotFound, Conflict."""
    _require(conn, name)
    _keep_one_admin(conn, name)
    open_ = account.c.disabled_at.is_(None)
    conn.execute(sa.update(account).where(account.c.name == name, open_).values(disabled_at=now))
    end_sessions(conn, name)


def enable(conn: Connection, name: str) -> None:
    """Let an account in again; its tokens are good again, too. NotFound."""
    _require(conn, name)
    conn.execute(sa.update(account).where(account.c.name == name).values(disabled_at=None))


def remove(conn: Connection, name: str) -> None:
    """Delete an account with its tokens and sessions; what it did stays in the audit log. NotFound, Conflict."""
    _require(conn, name)
    _keep_one_admin(conn, name)
    for theirs in (session, token):
        conn.execute(sa.delete(theirs).where(theirs.c.account == name))
    conn.execute(sa.delete(account).where(account.c.name == name))


def sessions(conn: Connection, name: str, now: float) -> list[dict[str, Any]]:
    """The sessions of an account that last, the newest first."""
    mine = sa.select(session).where(session.c.account == name, session.c.expires_at > now)
    return [dict(row) for row in conn.execute(mine.order_by(session.c.created_at.desc())).mappings()]


def end_session(conn: Connection, name: str, digest: str) -> None:
    """End one session of an account; NotFound."""
    gone = sa.delete(session).where(session.c.account == name, session.c.digest == digest)
    if conn.execute(gone).rowcount != 1:
        raise NotFound("This session has ended already.")


def end_sessions(conn: Connection, name: str, *, but: str = "") -> int:
    """End the sessions of an account, but the one of this secret; how many those were."""
    mine = sa.delete(session).where(session.c.account == name)
    if but:
        mine = mine.where(session.c.digest != accounts.digest(but))
    return conn.execute(mine).rowcount


def _require(conn: Connection, name: str) -> str:
    """The role of an account; NotFound."""
    role = conn.execute(sa.select(account.c.role).where(account.c.name == name)).scalar()
    if role is None:
        raise NotFound(f"There is no account “{name}”.")
    return str(role)


def _keep_one_admin(conn: Connection, name: str) -> None:
    admins = sa.select(account.c.name).where(account.c.role == ADMIN, account.c.disabled_at.is_(None))
    if conn.execute(admins).scalars().all() == [name]:
        raise Conflict(f"“{name}” is the only administrator who may come in. Make another one first.")
