"""`user` and `token`: who may come in; on the server's own machine, or by asking the server."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from homie_ota.cli import show
from homie_ota.client import DEFAULT_SERVER
from homie_ota.client.connection import Connection
from homie_ota.client.people import PeopleCalls
from homie_ota.errors import WrongUse

if TYPE_CHECKING:
    from homie_ota.cli.here import Here

RIGHTS = ("read", "upload", "deploy", "admin")
Json = dict[str, Any]


def is_there(arguments: Namespace) -> bool:
    """Whether the server is asked: it was named, and no place of its data was."""
    return bool(arguments.server) and arguments.data is None and arguments.config is None


@contextmanager
def place(arguments: Namespace) -> Iterator[PeopleCalls | Here]:
    """The server that is asked, or the database of this machine."""
    if is_there(arguments):
        yield PeopleCalls(Connection(arguments.server or DEFAULT_SERVER, arguments.token, 60.0))
        return
    from homie_ota.cli.here import Here

    here = Here(arguments)
    try:
        yield here
    finally:
        here.close()


def user(arguments: Namespace) -> int:
    """Change accounts."""
    with place(arguments) as asked:
        return _USER[arguments.action](asked, arguments)


def token(arguments: Namespace) -> int:
    """Change tokens."""
    with place(arguments) as asked:
        return _TOKEN[arguments.action](asked, arguments)


# --- Accounts -----------------------------------------------------------------------------------------------------


def _list(asked: PeopleCalls | Here, arguments: Namespace) -> int:
    found = asked.people()
    if arguments.json:
        show.as_json(found)
        return 0
    heads = ("NAME", "ROLE", "", "LAST LOGIN", "SESSIONS", "TOKENS")
    rows = [
        (each["name"], each["role"], "disabled" if each["disabled"] else "", show.moment(each["last_login"]),
         each["sessions"], each["tokens"])
        for each in found
    ]  # fmt: skip
    show.table(heads, rows)
    return 0


def _add(asked: PeopleCalls | Here, arguments: Namespace) -> int:
    made = asked.add(arguments.name, arguments.role)
    return _say(arguments, made, f"account {made['name']} ({made['role']}), password {made['password']}")


def _reset(asked: PeopleCalls | Here, arguments: Namespace) -> int:
    made = asked.reset(arguments.name)
    return _say(arguments, made, f"account {arguments.name}, new password {made['password']}")


def _role(asked: PeopleCalls | Here, arguments: Namespace) -> int:
    done = asked.change(arguments.name, role=arguments.role)
    return _say(arguments, done, f"{arguments.name} is {done['role']} now.")


def _disable(asked: PeopleCalls | Here, arguments: Namespace) -> int:
    done = asked.change(arguments.name, disabled=True)
    return _say(arguments, done, f"{arguments.name} is not let in any more.")


def _enable(asked: PeopleCalls | Here, arguments: Namespace) -> int:
    done = asked.change(arguments.name, disabled=False)
    return _say(arguments, done, f"{arguments.name} is let in again.")


def _log_out(asked: PeopleCalls | Here, arguments: Namespace) -> int:
    done = asked.log_out(arguments.name)
    return _say(arguments, done, done["detail"])


def _remove(asked: PeopleCalls | Here, arguments: Namespace) -> int:
    done = asked.remove(arguments.name)
    return _say(arguments, done, done["detail"])


# --- Tokens -------------------------------------------------------------------------------------------------------


def _tokens(asked: PeopleCalls | Here, arguments: Namespace) -> int:
    found = asked.tokens()
    if arguments.json:
        show.as_json(found)
        return 0
    rows = [
        (each["id"], each["owner"], each["label"], ",".join(each["rights"]),
         show.moment(each["last_used"]) or "never", show.moment(each["expires_at"]) or "never")
        for each in found
    ]  # fmt: skip
    show.table(("ID", "OF", "NAME", "RIGHTS", "USED", "ENDS"), rows)
    return 0


def _make(asked: PeopleCalls | Here, arguments: Namespace) -> int:
    owner = arguments.owner if arguments.command == "token" else arguments.name
    wanted: Json = {"label": arguments.label, "rights": rights(arguments.rights), "owner": owner}
    if isinstance(asked, PeopleCalls):
        wanted = _for_the_api(wanted, arguments.days)
    else:
        wanted["days"] = arguments.days
    made = asked.make_token(wanted)
    return _say(arguments, made, str(made["token"]))


def _for_the_api(wanted: Json, days: int | None) -> Json:
    if not wanted["rights"]:
        raise WrongUse(f"Say what the token may, with --rights: some of {','.join(RIGHTS)}.")
    until = datetime.fromtimestamp(time.time() + days * 86400.0, UTC).isoformat() if days else None
    return {**wanted, "owner": wanted["owner"] or None, "expires_at": until}


def _revoke(asked: PeopleCalls | Here, arguments: Namespace) -> int:
    done = asked.revoke_token(arguments.id)
    return _say(arguments, done, done["detail"])


def rights(words: str) -> list[str]:
    """The rights that `read,upload` names; WrongUse for another word."""
    given = [word.strip() for word in words.split(",") if word.strip()]
    unknown = [word for word in given if word not in RIGHTS]
    if unknown:
        raise WrongUse(f"There is no right {unknown[0]!r}; there are {', '.join(RIGHTS)}.")
    return given


def _say(arguments: Namespace, done: Json, sentence: str) -> int:
    if arguments.json:
        show.as_json(done)
    else:
        show.line(sentence)
    return 0


Action = Callable[[Any, Namespace], int]
_USER: dict[str, Action] = {
    "list": _list,
    "add": _add,
    "reset": _reset,
    "role": _role,
    "disable": _disable,
    "enable": _enable,
    "logout": _log_out,
    "remove": _remove,
    "token": _make,
}
_TOKEN: dict[str, Action] = {"list": _tokens, "make": _make, "revoke": _revoke}
