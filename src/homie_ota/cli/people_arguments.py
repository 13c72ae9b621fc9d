"""The options of `user`, `token` and `audit`, as `--help` tells them."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., argparse.ArgumentParser]
Storage = Callable[[argparse.ArgumentParser], None]

_WHERE = """\
On the server's own machine they work on its database (--data, --config, as for `serve`); with --server and --token
of an administrator they ask the server."""
ROLES = ("admin", "operator", "viewer")


def add_people(commands: Any, command: Command, storage: Storage) -> None:
    """Add the commands."""
    _user(commands, command, storage)
    _token(commands, command, storage)
    _audit(commands, command, storage)


def _actions(commands: Any, command: Command, name: str, text: str) -> Any:
    parser = command(commands, name, text, asks=False, epilog=_WHERE)
    return parser.add_subparsers(dest="action", metavar="ACTION", required=True)


def _user(commands: Any, command: Command, storage: Storage) -> None:
    actions = _actions(commands, command, "user", "make and change accounts, passwords and roles")
    storage(command(actions, "list", "list who may come in"))
    for name, text in (
        ("add", "make an account; prints its password"),
        ("role", "give an account another role"),
        ("reset", "give an account a new password; prints it, and ends its sessions"),
        ("disable", "let an account in no more"),
        ("enable", "let an account in again"),
        ("logout", "end every session of an account"),
        ("remove", "delete an account and its tokens"),
        ("token", "make an API token of an account; prints it"),
    ):
        parser = command(actions, name, text)
        parser.add_argument("name", metavar="NAME")
        storage(parser)
        if name == "add":
            parser.add_argument("--role", default="admin", choices=ROLES)
        if name == "role":
            parser.add_argument("role", metavar="ROLE", choices=ROLES, help="admin, operator or viewer")
        if name == "token":
            parser.add_argument("--label", default="command line", metavar="TEXT", help="what it is for")
            _about_token(parser)


def _token(commands: Any, command: Command, storage: Storage) -> None:
    actions = _actions(commands, command, "token", "list, make and revoke API tokens")
    storage(command(actions, "list", "list tokens, with their rights and when they were used"))
    made = command(actions, "make", "make an API token; prints it, once")
    made.add_argument("label", metavar="LABEL", help="what it is for")
    made.add_argument(
        "--owner", default="", metavar="NAME", help="whose; else of whom the server knows you as"
    )
    _about_token(made)
    storage(made)
    revoked = command(actions, "revoke", "take a token back, at once")
    revoked.add_argument("id", metavar="ID", help="as `token list` shows it")
    storage(revoked)


def _about_token(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--rights", default="", metavar="R,…", help="of read, upload, deploy, admin; else all it has"
    )
    parser.add_argument("--days", type=_days, metavar="N", help="when it ends; else never")


def _audit(commands: Any, command: Command, storage: Storage) -> None:
    actions = _actions(commands, command, "audit", "check and keep the log of who did what")
    checked = command(actions, "verify", "find rows that were changed, moved, taken out or cut off")
    checked.add_argument("file", nargs="?", type=Path, metavar="FILE", help="what `audit export` wrote")
    checked.add_argument(
        "--kept",
        action="append",
        default=[],
        metavar="HASH",
        help="a hash written down earlier; has to be in it",
    )
    storage(checked)
    kept = command(actions, "export", "write the log as JSON lines, oldest first")
    kept.add_argument("-o", "--output", type=Path, metavar="FILE", help="where to (standard output)")
    storage(kept)


def _days(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 100_000:
        raise argparse.ArgumentTypeError(f"expected a whole number of days above 0, got {text!r}")
    return int(text)
