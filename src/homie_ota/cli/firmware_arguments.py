"""The commands about stored firmware, and their options: `upload`, `firmware …`, `compare`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

Command = Callable[..., argparse.ArgumentParser]
"""Makes one command: what holds it, its name, what it does."""

_WHICH = "NAME@VERSION, or its SHA-256 (8 signs of it)"


def add_upload(commands: Any, command: Command) -> None:
    """`upload FILE`."""
    parser = command(commands, "upload", "store a firmware file on the server")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--description", default="", metavar="TEXT")
    parser.add_argument("--name", default="", metavar="N", help="for an image that does not say its name")
    parser.add_argument(
        "--version", default="", metavar="V", help="for an image that does not say its version"
    )
    parser.add_argument(
        "--override", default="", metavar="REASON", help="take an image that is refused; is kept with it"
    )


def add_firmware(commands: Any, command: Command) -> None:
    """`firmware`, which lists, and what is done with one image or with old ones."""
    parser = command(commands, "firmware", "list the stored firmware, or do something with it")
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=False)
    show = command(actions, "show", "show one image: what is inside, and who needs it")
    show.add_argument("firmware", metavar="FIRMWARE", help=_WHICH)
    _add_edit(actions, command)
    delete = command(actions, "delete", "delete an image that nobody needs")
    delete.add_argument("firmware", metavar="FIRMWARE", help=_WHICH)
    _add_prune(actions, command)


def _add_edit(actions: Any, command: Command) -> None:
    parser = command(actions, "edit", "write about an image; what is not named stays")
    parser.add_argument("firmware", metavar="FIRMWARE", help=_WHICH)
    parser.add_argument("--description", metavar="TEXT")
    parser.add_argument("--changelog", metavar="TEXT", help="the text, or @FILE (@-: standard input)")
    parser.add_argument(
        "--requires", metavar="VERSIONS", help="what has to run before it: '>=1.5', '2.*'; '': anything"
    )


def _add_prune(actions: Any, command: Command) -> None:
    parser = command(actions, "prune", "delete old images that nobody needs")
    parser.add_argument(
        "--keep",
        type=int,
        metavar="N",
        help="versions of each name and chip that stay; else keep_newest of the settings",
    )
    parser.add_argument("--dry-run", action="store_true", help="only say which would go")


def add_compare(commands: Any, command: Command) -> None:
    """`compare A B`."""
    parser = command(commands, "compare", "set two images beside each other, differences first")
    for name in ("a", "b"):
        parser.add_argument(name, metavar=name.upper(), help=_WHICH)
    parser.add_argument("--all", action="store_true", help="also what is alike")


def add_fits(commands: Any, command: Command) -> None:
    """`fits`."""
    parser = command(commands, "fits", "say for how many devices an image is, and why not for the others")
    parser.add_argument("firmware", metavar="FIRMWARE", help=_WHICH)
    parser.add_argument("query", nargs="?", default="", metavar="QUERY", help="only these devices")
