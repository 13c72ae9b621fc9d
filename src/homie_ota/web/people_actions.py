"""What people do with accounts, passwords, sessions and tokens: one function each for page and API.

Rule: as in `actions`: each leaves a row in the audit log in the same transaction, and no secret is in any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeVar

from homie_ota.errors import NotAllowed
from homie_ota.store import accounts, people
from homie_ota.store.accounts import Right
from homie_ota.store.database import Connection
from homie_ota.web.actions import Actor, note
from homie_ota.web.people import Person
from homie_ota.web.shell import Shell
from homie_ota.web.words import clean

T = TypeVar("T")


async def _change(shell: Shell, actor: Actor, what: str, why: str, act: Callable[[Connection], T]) -> T:
    now = shell.clock()

    def write(conn: Connection) -> T:
        done = act(conn)
        note(conn, actor, now, what, clean(why, 200))
        return done

    return await shell.database.write(write, urgent=True, durable=True)


# --- Accounts -----------------------------------------------------------------------------------------------------


async def add(shell: Shell, actor: Actor, name: str, role: str) -> str:
    """Make an account; its password, to be shown once. WrongUse, Conflict."""
    now = shell.clock()
    return await _change(
        shell,
        actor,
        "made an account",
        f"{name}, {role}",
        lambda conn: accounts.create(conn, name, role, now),
    )


async def set_role(shell: Shell, actor: Actor, name: str, role: str) -> None:
    """Give an account another role. NotFound, WrongUse, Conflict."""
    await _change(
        shell, actor, "changed a role", f"{name}, {role}", lambda conn: people.set_role(conn, name, role)
    )


async def disable(shell: Shell, actor: Actor, name: str) -> None:
    """Let an account in no more. NotFound, Conflict."""
    now = shell.clock()
    await _change(shell, actor, "disabled an account", name, lambda conn: people.disable(conn, name, now))


async def enable(shell: Shell, actor: Actor, name: str) -> None:
    """Let an account in again. NotFound."""
    await _change(shell, actor, "enabled an account", name, lambda conn: people.enable(conn, name))


async def reset(shell: Shell, actor: Actor, name: str) -> str:
    """Give an account a new password, to be shown once; its sessions end. NotFound."""
    return await _change(shell, actor, "reset a password", name, lambda conn: accounts.reset(conn, name))


async def remove(shell: Shell, actor: Actor, name: str) -> None:
    """Delete an account with its tokens. NotFound, Conflict."""
    await _change(shell, actor, "removed an account", name, lambda conn: people.remove(conn, name))


async def change_password(shell: Shell, actor: Actor, name: str, new: str) -> None:
    """Set the password that somebody chose for their account; its sessions end. WrongUse."""
    await _change(
        shell, actor, "changed the password", name, lambda conn: accounts.set_password(conn, name, new)
    )


# --- Sessions -----------------------------------------------------------------------------------------------------


async def end_session(shell: Shell, actor: Actor, name: str, digest: str) -> None:
    """End one session of an account. NotFound."""
    await _change(shell, actor, "ended a session", name, lambda conn: people.end_session(conn, name, digest))


async def end_sessions(shell: Shell, actor: Actor, name: str, *, but: str = "") -> int:
    """End all sessions of an account, but the one of this secret; how many those were. NotFound."""

    def act(conn: Connection) -> int:
        people.one(conn, name, shell.clock())
        return people.end_sessions(conn, name, but=but)

    return await _change(shell, actor, "logged out everywhere", name, act)


# --- Tokens -------------------------------------------------------------------------------------------------------


class Wanted(NamedTuple):
    """A token as somebody asks for it: whose, what for, what it may, and until when (None: without an end)."""

    owner: str
    label: str
    rights: Iterable[Right]
    until: float | None


def may_change_tokens(person: Person, owner: str) -> None:
    """Raise NotAllowed where somebody may not make or revoke the tokens of an account.

    A token that makes tokens would outlive its own end; only one with the right “admin”, which may everything, does.
    """
    if person.may_admin:
        return
    if person.via not in ("session", "basic"):
        raise NotAllowed("Log in with a name and password to make or revoke tokens.")
    if person.name != owner:
        raise NotAllowed("Only an administrator may touch the tokens of others.")


async def make_token(shell: Shell, actor: Actor, person: Person, wanted: Wanted) -> str:
    """Make a token, to be shown once; it may at most what who asks may, too. NotFound, NotAllowed, WrongUse."""
    may_change_tokens(person, wanted.owner)
    rights, now = frozenset(wanted.rights), shell.clock()
    if not rights <= person.rights:
        raise NotAllowed("Nobody makes a token that may more than they may.")
    seconds = None if wanted.until is None else wanted.until - now

    def act(conn: Connection) -> str:
        return accounts.make_token(
            conn, name=wanted.owner, label=wanted.label.strip(), rights=rights, now=now, seconds=seconds
        )

    why = f"of {wanted.owner}: {wanted.label.strip()} ({', '.join(sorted(rights))})"
    return await _change(shell, actor, "made a token", why, act)


async def revoke_token(shell: Shell, actor: Actor, person: Person, digest: str) -> dict[str, Any]:
    """Revoke a token: one's own, or as administrator anybody's. NotFound, NotAllowed."""
    owner = None if person.may_admin else person.name
    may_change_tokens(person, person.name)
    now = shell.clock()

    def write(conn: Connection) -> dict[str, Any]:
        gone = accounts.revoke_token(conn, owner, digest)
        note(conn, actor, now, "revoked a token", clean(f"of {gone['account']}: {gone['label']}", 200))
        return gone

    return await shell.database.write(write, urgent=True, durable=True)
