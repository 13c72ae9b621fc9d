"""The pages for coming in and going out: login, logout, and one's own account with its API tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from homie_ota.errors import NotAllowed, WrongUse
from homie_ota.store import accounts, audit
from homie_ota.store.accounts import Right
from homie_ota.store.database import Connection
from homie_ota.web import forms
from homie_ota.web.classic import fields_of, form
from homie_ota.web.gate import person_of
from homie_ota.web.login import Login, TooManyGuesses
from homie_ota.web.people import SESSION_COOKIE, address
from homie_ota.web.render import link, page, see
from homie_ota.web.shell import shell_of

DAY = 86400.0


def login_of(request: Request) -> Login:
    """The doors of the application that a request came to."""
    found = request.app.state.login
    assert isinstance(found, Login)
    return found


def _safe(target: str) -> str:
    """Where to go after the login: a path of ours, never another site (`//evil`, `/\\evil`, `https:`)."""
    plain = target.startswith("/") and target.isprintable() and not target.startswith(("//", "/\\"))
    return target if plain and "\\" not in target else "/"


async def show_login(request: Request) -> Response:
    """`GET /login`."""
    return page(
        request, "login.html", next=_safe(request.query_params.get("next", "/")), sentence="", name=""
    )


async def log_in(request: Request) -> Response:
    """`POST /login`: open a session."""
    fields = await form(request)
    name, target = fields.get("name", ""), _safe(fields.get("next", "/"))
    doors, status = login_of(request), 403
    try:
        found = await doors.check(request, name, fields.get("password", ""))
        sentence = "This name and password do not belong together."
    except TooManyGuesses as error:
        found, sentence, status = None, str(error), 429
    if found is None:
        return page(request, "login.html", status=status, next=target, sentence=sentence, name=name)
    answer = RedirectResponse(link(request, target), 303)
    secret = await doors.begin(request, found)
    forms.set_cookie(request, answer, SESSION_COOKIE, secret, doors.session_seconds)
    return answer


async def log_out(request: Request) -> Response:
    """`POST /logout`: the session ends here and now, on the server."""
    await form(request)
    if secret := request.cookies.get(SESSION_COOKIE):
        await shell_of(request).database.write(lambda conn: accounts.close_session(conn, secret), urgent=True)
    answer = see(request, "/login")
    answer.delete_cookie(SESSION_COOKIE)
    return answer


def _own_name(request: Request) -> str:
    person = person_of(request)
    if person.via not in ("session", "basic"):
        raise NotAllowed("Log in with a name and password to see or change an account.")
    return person.name


async def show_account(request: Request, made: str = "") -> Response:
    """`GET /account`: password and tokens."""
    name = _own_name(request)
    tokens = await shell_of(request).database.read(lambda conn: accounts.tokens(conn, name))
    rights = [right for right in Right if right in person_of(request).rights]
    return page(request, "account.html", tokens=tokens, rights=rights, made=made)


async def change_account(request: Request) -> Response:
    """`POST /account`: a new password, a new token, or a token less."""
    name, fields = _own_name(request), await fields_of(request)
    forms.check(request, fields.get(forms.FIELD, [""])[0])
    change = _CHANGES.get(fields.get("action", [""])[0])
    if change is None:
        raise WrongUse("The form does not say what to do.")
    return await change(request, name, fields)


async def _set_password(request: Request, name: str, fields: dict[str, list[str]]) -> Response:
    old, new = fields.get("old", [""])[0], fields.get("new", [""])[0]
    if await login_of(request).check(request, name, old) is None:
        raise NotAllowed("That is not the password of now. Nothing was changed.")
    now, where = shell_of(request).clock(), address(request)

    def write(conn: Connection) -> None:
        accounts.set_password(conn, name, new)
        audit.add(conn, at=now, who=name, what="changed the password", from_where=where)

    await shell_of(request).database.write(write, durable=True)
    return see(request, "/login")


async def _make_token(request: Request, name: str, fields: dict[str, list[str]]) -> Response:
    known = {right.value: right for right in person_of(request).rights}
    rights = [known[word] for word in fields.get("right", []) if word in known]
    days = fields.get("days", ["365"])[0]
    seconds = float(days) * DAY if days.isdecimal() and 0 < int(days) < 10_000 else None
    label, now, where = fields.get("label", [""])[0], shell_of(request).clock(), address(request)

    def write(conn: Connection) -> str:
        audit.add(conn, at=now, who=name, what="made a token", why=label, from_where=where)
        return accounts.make_token(conn, name=name, label=label, rights=rights, now=now, seconds=seconds)

    made = await shell_of(request).database.write(write, durable=True)
    return await show_account(request, made)


async def _revoke_token(request: Request, name: str, fields: dict[str, list[str]]) -> Response:
    digest, now, where = fields.get("digest", [""])[0], shell_of(request).clock(), address(request)

    def write(conn: Connection) -> None:
        accounts.revoke_token(conn, name, digest)
        audit.add(conn, at=now, who=name, what="revoked a token", from_where=where)

    await shell_of(request).database.write(write, durable=True)
    return see(request, "/account")


Change = Callable[[Request, str, dict[str, list[str]]], Awaitable[Response]]
_CHANGES: dict[str, Change] = {"password": _set_password, "token": _make_token, "revoke": _revoke_token}
