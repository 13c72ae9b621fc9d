"""The options of `backup` and `restore`, as `--help` tells them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from homie_ota.cli.people_arguments import Command, Storage

_WHERE = (
    "They work on the server's own machine (--data, --config as for `serve`), which may run during a backup."
)


def add_backup(commands: Any, command: Command, storage: Storage) -> None:
    """Add the commands."""
    made = command(
        commands, "backup", "write all that the server keeps to one file", asks=False, epilog=_WHERE
    )
    made.add_argument("file", type=Path, metavar="FILE", help="a tar file, which only you may read")
    made.add_argument("--replace", action="store_true", help="replace FILE once the new one is whole")
    storage(made)
    text = "bring back what `backup` wrote, into an empty directory"
    back = command(commands, "restore", text, asks=False, epilog=_WHERE)
    back.add_argument("file", type=Path, metavar="FILE", help="what `homie-ota backup` wrote")
    storage(back)
