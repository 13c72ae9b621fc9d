"""Who may use this server: accounts, sessions and API tokens, and how each is proven.

Rule: no password, session or token is stored, only what proves it: Argon2 of a password that a person may have chosen,
SHA-256 of a secret that we made ourselves. A name that does not exist takes as long to refuse as a wrong password.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import argon2
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from homie_ota.errors import Conflict, NotFound, WrongUse
from homie_ota.store.tables import account, session, token

ADMIN = "admin"
SESSION_SECONDS = 30 * 86400.0
SHORTEST_PASSWORD = 8
LONGEST_PASSWORD = 256
"""Longer ones are refused before they are hashed: hashing a megabyte is a way to keep a server busy."""
NAME = re.compile(r"\w[\w.@+-]{0,63}")
"""What an account may be called; Basic authentication ends a name at its first colon."""
TOKEN_PREFIX = "hota_"  # noqa: S105 - what a token begins with, so that a scan for leaked secrets finds it

# The second choice of RFC 9106 shrunk to what OWASP calls the least: a Raspberry Pi has other uses for its memory.
_hasher = argon2.PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
_NOBODY = _hasher.hash(secrets.token_urlsafe())


class Right(StrEnum):
    """What an account or a token may do."""

    READ = "read"
    UPLOAD = "upload"  # firmware
    DEPLOY = "deploy"  # update, cancel, delete
    ADMIN = "admin"  # accounts and tokens


ROLES: dict[str, frozenset[Right]] = {
    "admin": frozenset(Right),
    "operator": frozenset({Right.READ, Right.UPLOAD, Right.DEPLOY}),
    "viewer": frozenset({Right.READ}),
}


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who proved who they are, and what they may do now (a token may do less than its account)."""

    name: str
    rights: frozenset[Right]


def ensure_admin(conn: Connection, now: float) -> str | None:
    """Make the first account; its password, to be shown once, or None where there is an account already."""
    return None if exist(conn) else create(conn, ADMIN, "admin", now)


def exist(conn: Connection) -> bool:
    """Whether there is any account."""
    return conn.execute(sa.select(account.c.name).limit(1)).first() is not None


def get(conn: Connection, name: str) -> Account | None:
    """The account of this name; None when there is none, or none that may come in."""
    row = _row(conn, name)
    return None if row is None else _account(row)


def adopt(conn: Connection, name: str, password: str, now: float) -> None:
    """Make the account of an old homie-ota.ini, or give it the password that is in that file now."""
    row = _row(conn, name)
    if row is None:
        _insert(conn, name, "admin", password[:LONGEST_PASSWORD], now)
    elif row.disabled_at is None and check_password(conn, name, password) is None:
        _set_hash(conn, name, _hasher.hash(password[:LONGEST_PASSWORD]))


def create(conn: Connection, name: str, role: str, now: float) -> str:
    """Make an account with a random password, which is returned; Conflict where the name is taken."""
    require_role(role)
    if not NAME.fullmatch(name):
        raise WrongUse("A name has 1 to 64 letters, digits, or . _ - + @, and begins with a letter or digit.")
    if _row(conn, name) is not None:
        raise Conflict(f"There is an account “{name}” already. Reset its password, or choose another name.")
    password = secrets.token_urlsafe(12)
    _insert(conn, name, role, password, now)
    return password


def _insert(conn: Connection, name: str, role: str, password: str, now: float) -> None:
    row = {"name": name, "password_hash": _hasher.hash(password), "role": role, "created_at": now}
    conn.execute(sa.insert(account).values(row))


def require_role(role: str) -> frozenset[Right]:
    """What a role may; raises WrongUse where there is none of this name."""
    if role not in ROLES:
        raise WrongUse(f"There is no role “{role}”. The roles are: {', '.join(ROLES)}.")
    return ROLES[role]


def reset(conn: Connection, name: str) -> str:
    """Give an account a new random password, which is returned, and end its sessions; NotFound."""
    password = secrets.token_urlsafe(12)
    set_password(conn, name, password)
    return password


def set_password(conn: Connection, name: str, password: str) -> None:
    """Set a password that a person chose and end every session of the account; NotFound, WrongUse."""
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise WrongUse(
            f"A password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters; this one has not."
        )
    _set_hash(conn, name, _hasher.hash(password))


def _set_hash(conn: Connection, name: str, stored: str) -> None:
    change = sa.update(account).where(account.c.name == name).values(password_hash=stored)
    if conn.execute(change).rowcount != 1:
        raise NotFound(f"There is no account “{name}”.")
    conn.execute(sa.delete(session).where(session.c.account == name))


def password_hash(conn: Connection, name: str) -> str | None:
    """What is stored for a name; compare with an earlier answer to see that nothing was changed since."""
    row = _row(conn, name)
    return None if row is None else str(row.password_hash)


def check_password(conn: Connection, name: str, password: str) -> Account | None:
    """The account of this name and password; None takes as long for an unknown name as for a wrong password."""
    if len(password) > LONGEST_PASSWORD:
        return None
    row = _row(conn, name)
    try:
        _hasher.verify(_NOBODY if row is None else row.password_hash, password)
    except argon2.exceptions.VerifyMismatchError:
        return None
    return None if row is None else _account(row)


def open_session(
    conn: Connection,
    name: str,
    now: float,
    seconds: float = SESSION_SECONDS,
    *,
    where: str = "",
    agent: str = "",
) -> str:
    """Begin a session: its secret, for the cookie. Sessions that ended are swept out by the way.

    `where` is the address that it came from, `agent` what the browser calls itself: so that a stranger's can be told.
    """
    conn.execute(sa.delete(session).where(session.c.expires_at <= now))
    secret = secrets.token_urlsafe(32)
    row = {"digest": digest(secret), "account": name, "created_at": now, "expires_at": now + seconds}
    conn.execute(sa.insert(session).values(row | {"from_where": where[:64], "agent": agent[:120]}))
    conn.execute(sa.update(account).where(account.c.name == name).values(last_login=now))
    return secret


def by_session(conn: Connection, secret: str, now: float) -> Account | None:
    """Whose session this is, as long as it lasts."""
    found = sa.select(account).join(session, session.c.account == account.c.name)
    row = conn.execute(found.where(session.c.digest == digest(secret), session.c.expires_at > now)).first()
    return None if row is None else _account(row)


def close_session(conn: Connection, secret: str) -> None:
    """End a session, now and on the server; one that does not exist is ended already."""
    conn.execute(sa.delete(session).where(session.c.digest == digest(secret)))


def make_token(
    conn: Connection, *, name: str, label: str, rights: Iterable[Right], now: float, seconds: float | None
) -> str:
    """Make an API token of an account and return it: it cannot be shown again. `seconds` None: it does not expire.

    NotFound; WrongUse where the account lacks a right, or where the end is over already.
    """
    found = get(conn, name)
    if found is None:
        raise NotFound(f"There is no account “{name}” that may come in.")
    if seconds is not None and seconds <= 0:
        raise WrongUse("This token would have ended before it begins. Give a day to come, or none.")
    wanted = frozenset(rights)
    if not wanted or not wanted <= found.rights:
        raise WrongUse(f"A token needs at least one right, and none that {name} lacks.")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    values = {
        "digest": digest(secret),
        "label": label[:64],
        "account": name,
        "scope": ",".join(sorted(wanted)),
        "created_at": now,
        "expires_at": None if seconds is None else now + seconds,
    }
    conn.execute(sa.insert(token).values(values))
    return secret


def by_token(conn: Connection, secret: str, now: float) -> Account | None:
    """Whose token this is, with the rights of the token that its account (still) has; None when it expired."""
    alive = sa.or_(token.c.expires_at.is_(None), token.c.expires_at > now)
    found = sa.select(account, token.c.scope).join(token, token.c.account == account.c.name)
    row = conn.execute(found.where(token.c.digest == digest(secret), alive)).first()
    if row is None:
        return None
    granted = frozenset(Right(word) for word in row.scope.split(","))
    owner = _account(row)
    return None if owner is None else Account(owner.name, granted & owner.rights)


def used_token(conn: Connection, secret: str, now: float) -> None:
    """Remember that a token was used, so that unused ones can be told."""
    conn.execute(sa.update(token).where(token.c.digest == digest(secret)).values(last_used=now))


def tokens(conn: Connection, name: str | None) -> list[dict[str, Any]]:
    """The tokens of an account (None: of all), newest first: everything but the secret, which nobody has."""
    query = sa.select(token).order_by(token.c.created_at.desc())
    rows = conn.execute(query if name is None else query.where(token.c.account == name))
    return [dict(row) for row in rows.mappings()]


def revoke_token(conn: Connection, name: str | None, digest: str) -> dict[str, Any]:
    """Take back a token of an account (None: whosever it is), and return what it was; NotFound.

    The beginning of its digest is enough where only one begins so.
    """
    found = [each for each in tokens(conn, name) if len(digest) >= 8 and each["digest"].startswith(digest)]
    if len(found) != 1:
        raise NotFound("There is no such token; it may have been revoked already.")
    conn.execute(sa.delete(token).where(token.c.digest == found[0]["digest"]))
    return found[0]


def _row(conn: Connection, name: str) -> sa.Row[Any] | None:
    return conn.execute(sa.select(account).where(account.c.name == name)).first()


def _account(row: sa.Row[Any]) -> Account | None:
    """None for one that was disabled: its password, sessions and tokens open nothing."""
    return None if row.disabled_at is not None else Account(row.name, ROLES.get(row.role, frozenset()))


def digest(secret: str) -> str:
    """What is stored of a secret that we made ourselves."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
