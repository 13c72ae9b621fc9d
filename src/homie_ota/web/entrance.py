"""The pages for coming in and going out: login, logout, and one's own account with its sessions and API tokens."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, time
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from homie_ota.errors import NotAllowed, WrongUse
from homie_ota.store import accounts, people
from homie_ota.store.accounts import Right
from homie_ota.store.database import Connection
from homie_ota.web import forms, people_actions
from homie_ota.web.actions import actor_of, note
from homie_ota.web.classic import fields_of, form
from homie_ota.web.gate import person_of
from homie_ota.web.login import Login, TooManyGuesses
from homie_ota.web.people import SESSION_COOKIE
from homie_ota.web.render import link, page, see
from homie_ota.web.shell import shell_of
from homie_ota.web.words import clean

DAY = 86400.0
Fields = dict[str, list[str]]


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
        actor, now = actor_of(request), shell_of(request).clock()

        def write(conn: Connection) -> None:
            accounts.close_session(conn, secret)
            note(conn, actor, now, "logged out")

        await shell_of(request).database.write(write, urgent=True)
    answer = see(request, "/login")
    answer.delete_cookie(SESSION_COOKIE, path=forms.cookie_path(request))
    return answer


# --- One's own account --------------------------------------------------------------------------------------------


def _own_name(request: Request) -> str:
    person = person_of(request)
    if person.via not in ("session", "basic"):
        raise NotAllowed("Log in with a name and password to see or change an account.")
    return person.name


async def show_account(request: Request, made: str = "") -> Response:
    """`GET /account`: password, sessions and tokens; `made` is a token that was made just now."""
    name, now = _own_name(request), shell_of(request).clock()

    def read(conn: Connection) -> dict[str, Any]:
        return {"sessions": people.sessions(conn, name, now), "tokens": accounts.tokens(conn, name)}

    found = await shell_of(request).database.read(read)
    rights = [right for right in Right if right in person_of(request).rights]
    here = accounts.digest(request.cookies.get(SESSION_COOKIE, ""))
    return page(request, "account.html", rights=rights, made=made, this=here, **found)


async def change_account(request: Request) -> Response:
    """`POST /account`: a new password, a session that ends, a new token, or a token less."""
    name, fields = _own_name(request), await fields_of(request)
    forms.check(request, fields.get(forms.FIELD, [""])[0])
    change = _CHANGES.get(fields.get("action", [""])[0])
    if change is None:
        raise WrongUse("The form does not say what to do.")
    return await change(request, name, fields)


async def _set_password(request: Request, name: str, fields: Fields) -> Response:
    old, new = fields.get("old", [""])[0], fields.get("new", [""])[0]
    if await login_of(request).check(request, name, old) is None:
        raise NotAllowed("That is not the password of now. Nothing was changed.")
    await people_actions.change_password(shell_of(request), actor_of(request), name, new)
    return see(request, "/login")


async def _make_token(request: Request, name: str, fields: Fields) -> Response:
    known = {right.value: right for right in Right}
    rights = [known[word] for word in fields.get("right", []) if word in known]
    until = _until(fields.get("until", [""])[0], fields.get("days", [""])[0], shell_of(request).clock())
    wanted = people_actions.Wanted(name, fields.get("label", [""])[0], rights, until)
    made = await people_actions.make_token(shell_of(request), actor_of(request), person_of(request), wanted)
    return await show_account(request, made)


def _until(day: str, days: str, now: float) -> float | None:
    """The end of the day that was chosen, else of so many days; None without an end. WrongUse."""
    if day:
        try:
            midnight = datetime.combine(date.fromisoformat(day), time.min, UTC)
        except ValueError:
            raise WrongUse(f"“{clean(day, 20)}” is no day; expected one like 2027-03-01.") from None
        return midnight.timestamp() + DAY
    return now + int(days) * DAY if days.isdecimal() and 0 < int(days) < 10_000 else None


async def _revoke_token(request: Request, _name: str, fields: Fields) -> Response:
    digest = fields.get("digest", [""])[0]
    await people_actions.revoke_token(shell_of(request), actor_of(request), person_of(request), digest)
    return see(request, "/account")


async def _end_session(request: Request, name: str, fields: Fields) -> Response:
    digest = fields.get("digest", [""])[0]
    await people_actions.end_session(shell_of(request), actor_of(request), name, digest)
    return see(request, "/account")


async def _end_sessions(request: Request, name: str, _fields: Fields) -> Response:
    """All others; who asks stays."""
    here = request.cookies.get(SESSION_COOKIE, "")
    await people_actions.end_sessions(shell_of(request), actor_of(request), name, but=here)
    return see(request, "/account")


_CHANGES: dict[str, Callable[[Request, str, Fields], Awaitable[Response]]] = {
    "password": _set_password,
    "token": _make_token,
    "revoke": _revoke_token,
    "end": _end_session,
    "end-all": _end_sessions,
}
