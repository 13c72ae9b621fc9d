"""`user` and `token`: who may come in; on the server's own machine, or by asking the server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from homie_ota.cli import show
from homie_ota.cli.asked import Asked, asked
from homie_ota.cli.options import Config, Data
from homie_ota.errors import WrongUse

if TYPE_CHECKING:
    from homie_ota.cli.here import Here
    from homie_ota.client.people import PeopleCalls

RIGHTS = ("read", "upload", "deploy", "admin")
Json = dict[str, Any]


class Where(NamedTuple):
    """The server that was named, or where its data is on this machine."""

    order: Asked
    config: Path | None
    data: Path | None

    @property
    def is_there(self) -> bool:
        """Whether the server is asked: it was named, and no place of its data was."""
        return bool(self.order.server) and self.data is None and self.config is None


@contextmanager
def place(where: Where) -> Iterator[PeopleCalls | Here]:
    """The server that is asked, or the database of this machine."""
    if where.is_there:
        from homie_ota.client.connection import Connection
        from homie_ota.client.people import PeopleCalls

        yield PeopleCalls(Connection(where.order.server, where.order.token, 60.0))
        return
    from homie_ota.cli.here import Here

    here = Here(where.config, where.data)
    try:
        yield here
    finally:
        here.close()


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 100_000:
        raise ValueError(f"expected a whole number of days above 0, got {text!r}.")
    return int(text)


Name = Annotated[str, typer.Argument(metavar="NAME", help="the account")]
Roles = Literal["admin", "operator", "viewer"]
RoleOption = Annotated[Roles, typer.Option("--role", help="admin (usual), operator or viewer")]
Role = Annotated[Roles, typer.Argument(metavar="ROLE", help="admin, operator or viewer")]
Label = Annotated[str, typer.Option("--label", metavar="TEXT", help="what it is for")]
What = Annotated[str, typer.Argument(metavar="LABEL", help="what it is for")]
Owner = Annotated[
    str, typer.Option("--owner", metavar="NAME", help="whose; else of whom the server knows you as")
]
Rights = Annotated[
    str,
    typer.Option("--rights", metavar="R,…", help="of read, upload, deploy, admin; else all it has"),
]
Days = Annotated[
    int | None, typer.Option("--days", metavar="N", parser=_days, help="when it ends; else never")
]
Id = Annotated[str, typer.Argument(metavar="ID", help="as `token list` shows it")]


# --- Accounts -----------------------------------------------------------------------------------------------------


def users(ctx: typer.Context, config: Config = None, data: Data = None) -> int:
    """List accounts."""
    with place(Where(asked(ctx), config, data)) as there:
        found = there.people()
    if asked(ctx).json:
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


def add(
    ctx: typer.Context, name: Name, role: RoleOption = "admin", config: Config = None, data: Data = None
) -> int:
    """Make an account."""
    with place(Where(asked(ctx), config, data)) as there:
        made = there.add(name, role)
    return _say(ctx, made, f"account {made['name']} ({made['role']}), password {made['password']}")


def reset(ctx: typer.Context, name: Name, config: Config = None, data: Data = None) -> int:
    """Give an account a new password."""
    with place(Where(asked(ctx), config, data)) as there:
        made = there.reset(name)
    if made.get("disabled"):
        show.say(
            f"{name} is disabled, and not let in all the same. `homie-ota user enable {name}` lets it in."
        )
    return _say(ctx, made, f"account {name}, new password {made['password']}")


def role(ctx: typer.Context, name: Name, role: Role, config: Config = None, data: Data = None) -> int:
    """Give an account another role."""
    with place(Where(asked(ctx), config, data)) as there:
        done = there.change(name, role=role)
    return _say(ctx, done, f"{name} is {done['role']} now.")


def disable(ctx: typer.Context, name: Name, config: Config = None, data: Data = None) -> int:
    """Let an account in no more."""
    with place(Where(asked(ctx), config, data)) as there:
        done = there.change(name, disabled=True)
    return _say(ctx, done, f"{name} is not let in any more.")


def enable(ctx: typer.Context, name: Name, config: Config = None, data: Data = None) -> int:
    """Let an account in again."""
    with place(Where(asked(ctx), config, data)) as there:
        done = there.change(name, disabled=False)
    return _say(ctx, done, f"{name} is let in again.")


def log_out(ctx: typer.Context, name: Name, config: Config = None, data: Data = None) -> int:
    """End every session of an account."""
    with place(Where(asked(ctx), config, data)) as there:
        done = there.log_out(name)
    return _say(ctx, done, done["detail"])


def remove(ctx: typer.Context, name: Name, config: Config = None, data: Data = None) -> int:
    """Delete an account."""
    with place(Where(asked(ctx), config, data)) as there:
        done = there.remove(name)
    return _say(ctx, done, done["detail"])


# --- Tokens -------------------------------------------------------------------------------------------------------


def tokens(ctx: typer.Context, config: Config = None, data: Data = None) -> int:
    """List tokens."""
    with place(Where(asked(ctx), config, data)) as there:
        found = there.tokens()
    if asked(ctx).json:
        show.as_json(found)
        return 0
    rows = [
        (each["id"], each["owner"], each["label"], ",".join(each["rights"]),
         show.moment(each["last_used"]) or "never", show.moment(each["expires_at"]) or "never")
        for each in found
    ]  # fmt: skip
    show.table(("ID", "OF", "NAME", "RIGHTS", "USED", "ENDS"), rows)
    return 0


def token_of(
    ctx: typer.Context,
    name: Name,
    label: Label = "command line",
    rights: Rights = "",
    days: Days = None,
    config: Config = None,
    data: Data = None,
) -> int:
    """Make a token of an account."""
    return _make(ctx, {"label": label, "owner": name}, rights, days, Where(asked(ctx), config, data))


def make_token(
    ctx: typer.Context,
    label: What,
    owner: Owner = "",
    rights: Rights = "",
    days: Days = None,
    config: Config = None,
    data: Data = None,
) -> int:
    """Make a token."""
    return _make(ctx, {"label": label, "owner": owner}, rights, days, Where(asked(ctx), config, data))


def _make(ctx: typer.Context, wanted: Json, rights: str, days: int | None, where: Where) -> int:
    wanted["rights"] = read_rights(rights)
    wanted = _for_the_api(wanted, days) if where.is_there else {**wanted, "days": days}
    with place(where) as there:
        made = there.make_token(wanted)
    return _say(ctx, made, str(made["token"]))


def _for_the_api(wanted: Json, days: int | None) -> Json:
    if not wanted["rights"]:
        raise WrongUse(f"Say what the token may, with --rights: some of {','.join(RIGHTS)}.")
    until = datetime.fromtimestamp(time.time() + days * 86400.0, UTC).isoformat() if days else None
    return {**wanted, "owner": wanted["owner"] or None, "expires_at": until}


def revoke_token(ctx: typer.Context, id: Id, config: Config = None, data: Data = None) -> int:  # noqa: A002 - the API's word
    """Revoke a token."""
    with place(Where(asked(ctx), config, data)) as there:
        done = there.revoke_token(id)
    return _say(ctx, done, done["detail"])


def read_rights(words: str) -> list[str]:
    """The rights that `read,upload` names; WrongUse for another word."""
    given = [word.strip() for word in words.split(",") if word.strip()]
    unknown = [word for word in given if word not in RIGHTS]
    if unknown:
        raise WrongUse(f"There is no right {unknown[0]!r}; there are {', '.join(RIGHTS)}.")
    return given


def _say(ctx: typer.Context, done: Json, sentence: str) -> int:
    if asked(ctx).json:
        show.as_json(done)
    else:
        show.line(sentence)
    return 0
