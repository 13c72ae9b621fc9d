"""The routes of the API about accounts and tokens; a password or token that was made is in that one answer only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import Field
from starlette.requests import Request

from homie_ota.errors import NotAllowed, WrongUse
from homie_ota.store import accounts, people
from homie_ota.store.accounts import Right
from homie_ota.web import people_actions
from homie_ota.web.actions import actor_of
from homie_ota.web.api.asking import FAILS, Cursor, Flag, Instant, Key, Limit, Shape, cut
from homie_ota.web.api.shapes import Done, Moment
from homie_ota.web.gate import person_of
from homie_ota.web.shell import Shell, shell_of

router = APIRouter()

Role = Literal["viewer", "operator", "admin"]
Name = Annotated[str, Field(min_length=1, max_length=64)]


class Somebody(Shape):
    """An account; `sessions` and `tokens` are those that are alive."""

    name: str
    role: str
    disabled: bool
    created_at: Moment
    last_login: Moment | None
    sessions: int
    tokens: int


class People(Shape):
    """Some accounts, by name; `next` is the cursor of the following page."""

    items: list[Somebody]
    total: int
    next: str | None


class NewPerson(Shape):
    """An account to be made."""

    name: Name
    role: Role = "operator"


class Changes(Shape):
    """What to change about an account; what is not named stays."""

    role: Role | None = None
    disabled: Flag | None = None


class WithPassword(Somebody):
    """An account with its new password, which cannot be asked for again."""

    password: str


class TokenShape(Shape):
    """An API token, without its secret; `id` names it."""

    id: str
    owner: str
    label: str
    rights: list[Right]
    created_at: Moment
    expires_at: Moment | None
    last_used: Moment | None


class Tokens(Shape):
    """Some tokens, newest first; `next` is the cursor of the following page."""

    items: list[TokenShape]
    total: int
    next: str | None


class NewToken(Shape):
    """A token to be made: what it is for, what it may, until when (ISO 8601 with a zone; none: it does not end)."""

    label: Annotated[str, Field(min_length=1, max_length=64)]
    rights: Annotated[list[Right], Field(min_length=1, max_length=len(Right))]
    expires_at: Instant | None = None
    owner: Name | None = Field(None, description="whose; else that of who asks")


class WithSecret(TokenShape):
    """A token with its secret, which cannot be asked for again."""

    token: str


# --- Accounts -----------------------------------------------------------------------------------------------------


@router.get("/people", summary="Who may come in")
async def list_people(request: Request, limit: Limit = 100, cursor: Cursor = "") -> People:
    """Every account; needs the right “admin”, as all of these."""
    shell = shell_of(request)
    now = shell.clock()
    found = sorted(await shell.database.read(lambda conn: people.listing(conn, now)), key=_by_name)
    page = cut(found, _by_name, limit, cursor)
    items = [Somebody(**_somebody(row)) for row in found[page.begin : page.end]]
    return People(items=items, total=len(found), next=page.next)


def _by_name(row: Mapping[str, Any]) -> Key:
    return (row["name"],)


@router.post("/people", status_code=201, summary="Make an account", responses=FAILS)
async def add(request: Request, body: NewPerson) -> WithPassword:
    """Its password is made here, and told in this answer only."""
    shell = shell_of(request)
    password = await people_actions.add(shell, actor_of(request), body.name, body.role)
    return WithPassword(**await _one(shell, body.name), password=password)


@router.patch("/people/{name}", summary="Change a role, or let somebody in no more", responses=FAILS)
async def change(request: Request, name: str, body: Changes) -> Somebody:
    """409 for the only administrator. Who may less than before has to log in again."""
    shell, actor = shell_of(request), actor_of(request)
    if body.role is None and body.disabled is None:
        raise WrongUse("Name what to change: role, or disabled.")
    if body.role is not None:
        await people_actions.set_role(shell, actor, name, body.role)
    if body.disabled is not None:
        await (people_actions.disable if body.disabled else people_actions.enable)(shell, actor, name)
    return Somebody(**await _one(shell, name))


@router.post("/people/{name}/reset", summary="Give an account a new password", responses=FAILS)
async def reset(request: Request, name: str) -> WithPassword:
    """It is made here, and told in this answer only; all sessions of the account end."""
    shell = shell_of(request)
    password = await people_actions.reset(shell, actor_of(request), name)
    return WithPassword(**await _one(shell, name), password=password)


@router.post("/people/{name}/logout", summary="End all sessions of an account", responses=FAILS)
async def log_out(request: Request, name: str) -> Done:
    """Its tokens stay good."""
    ended = await people_actions.end_sessions(shell_of(request), actor_of(request), name)
    return Done(detail=f"{ended} sessions have ended.")


@router.delete("/people/{name}", summary="Delete an account and its tokens", responses=FAILS)
async def remove(request: Request, name: str) -> Done:
    """409 for the only administrator."""
    await people_actions.remove(shell_of(request), actor_of(request), name)
    return Done(detail=f"{name} is no account any more.")


async def _one(shell: Shell, name: str) -> dict[str, Any]:
    now = shell.clock()
    return _somebody(await shell.database.read(lambda conn: people.one(conn, name, now)))


def _somebody(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: row[name] for name in ("name", "role", "created_at", "last_login", "sessions", "tokens")}
    return {**told, "disabled": row["disabled_at"] is not None}


# --- Tokens -------------------------------------------------------------------------------------------------------


@router.get("/tokens", summary="API tokens: one's own, or as administrator those of all")
async def list_tokens(request: Request, owner: str = "", limit: Limit = 100, cursor: Cursor = "") -> Tokens:
    """What each is for, what it may, when it was used; the secret itself is not known here."""
    person = person_of(request)
    whose = owner or (None if person.may_admin else person.name)
    if whose != person.name and not person.may_admin:
        raise NotAllowed("Only an administrator may see the tokens of others.")
    read = shell_of(request).database.read
    found = sorted(await read(lambda conn: accounts.tokens(conn, whose)), key=_by_age)
    page = cut(found, _by_age, limit, cursor)
    items = [TokenShape(**_token(row)) for row in found[page.begin : page.end]]
    return Tokens(items=items, total=len(found), next=page.next)


def _by_age(row: Mapping[str, Any]) -> Key:
    return (-float(row["created_at"]), row["digest"])


@router.post("/tokens", status_code=201, summary="Make an API token", responses=FAILS)
async def make_token(request: Request, body: NewToken) -> WithSecret:
    """It may at most what its account, and who asks, may; 403 for a token that asks, unless it may “admin”."""
    shell, person = shell_of(request), person_of(request)
    until = body.expires_at.timestamp() if body.expires_at else None
    wanted = people_actions.Wanted(body.owner or person.name, body.label, body.rights, until)
    secret = await people_actions.make_token(shell, actor_of(request), person, wanted)
    digest = accounts.digest(secret)
    rows = await shell.database.read(lambda conn: accounts.tokens(conn, wanted.owner))
    row = next(each for each in rows if each["digest"] == digest)
    return WithSecret(**_token(row), token=secret)


@router.delete("/tokens/{id}", summary="Revoke an API token", responses=FAILS)
async def revoke_token(request: Request, id: str) -> Done:  # noqa: A002 - the name in the address
    """At once: who holds it gets 401 from then on."""
    gone = await people_actions.revoke_token(shell_of(request), actor_of(request), person_of(request), id)
    return Done(detail=f"The token {gone['label']} of {gone['account']} is revoked.")


def _token(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: row[name] for name in ("label", "created_at", "expires_at", "last_used")}
    rights = [Right(word) for word in row["scope"].split(",")]
    return {**told, "id": row["digest"][:16], "owner": row["account"], "rights": rights}
