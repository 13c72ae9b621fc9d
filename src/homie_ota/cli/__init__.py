"""The command `homie-ota`: which command was asked for, and how it ends.

Rule: nothing is imported before it is needed, so that `--help` comes at once; an error of ours is one sentence on
standard error and its exit status; Ctrl-C and a closed pipe are no errors. Commands are registered in `cli.commands`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Any

from homie_ota.errors import HomieOtaError

INTERRUPTED, WRONG_USE = 130, 2
_COMPLETION = "_HOMIE_OTA_COMPLETE"
"""In the environment when a shell asks what could stand here."""

_KEPT = ("running", "show")
"""Modules of the command line that a server uses, too."""

_ABOUT_COMPLETION = ("--help", "-completion")
"""Ends of first words that need the part of typer that knows shells."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    try:
        status = _run(sys.argv[1:] if argv is None else argv, alone=argv is None)
        sys.stdout.flush()
    except SystemExit as ended:  # of typer: completion was shown or installed
        return int(ended.code or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # `homie-ota devices | head`: nobody reads on. Without this, Python says so at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _run(argv: Sequence[str], *, alone: bool) -> int:
    try:
        found = _parsed(argv)
        if callable(found):
            if alone:
                _forget()
            found = found()
        return int(found or 0)
    except HomieOtaError as error:
        from homie_ota.cli.hints import hint

        return _failed(f"{error} {hint(error, argv)}".strip(), error.exit_status)
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except OSError as error:  # a directory that cannot be made, a disk that is full
        return _failed(
            f"{error.filename or ' '.join(argv[:1])}: {error.strerror or error}.", HomieOtaError.exit_status
        )


def _parsed(argv: Sequence[str]) -> Any:
    """What the command gave back: its exit status, or what is to be run when the command line has been forgotten."""
    from typer import Exit
    from typer.exceptions import TyperException

    from homie_ota.cli import tree
    from homie_ota.cli.asked import Asked

    asks_shell = _COMPLETION in os.environ
    root = tree.root(complete=asks_shell or any(word.endswith(_ABOUT_COMPLETION) for word in argv[:1]))
    if asks_shell:
        root.main(list(argv), prog_name=tree.PROGRAM, obj=Asked())
    try:
        with root.make_context(tree.PROGRAM, list(argv), obj=Asked()) as context:
            return root.invoke(context)
    except Exit as ended:  # --help, --version
        return ended.exit_code
    except TyperException as error:
        return _misused(error)


def _misused(error: Any) -> int:
    """Wrong use: how it is used, what is wrong, and where to read on."""
    context = getattr(error, "ctx", None)
    if context is None:
        return _failed(error.format_message(), WRONG_USE)
    sys.stderr.write(f"{context.get_usage()}\n")
    words = " ".join(error.format_message().split())
    return _failed(f"{words} `{context.command_path} --help` tells more.", WRONG_USE)


def _failed(sentence: str, status: int) -> int:
    from homie_ota.cli.show import say

    say(sentence)
    return status


def _forget() -> None:
    """Let go of what only read the command line: a server that runs for years has no use for it."""
    import gc
    import typing

    for name in list(sys.modules):
        room, _, inside = name.rpartition(".")
        if name.partition(".")[0] in ("typer", "rich") or (room == __name__ and inside not in _KEPT):
            del sys.modules[name]
            if room == __name__:
                globals().pop(inside, None)
    for forget in typing._cleanups:  # type: ignore[attr-defined]  # noqa: SLF001 - they remember every option
        forget()
    gc.collect()
