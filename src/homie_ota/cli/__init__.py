"""The command `homie-ota`: which command was asked for, and how it ends.

Rule: nothing is imported before it is needed, so that `--help` comes at once; an error of ours is one sentence on
standard error and its exit status; Ctrl-C and a closed pipe are no errors.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

from homie_ota.cli.arguments import parse
from homie_ota.errors import HomieOtaError

_COMMANDS = {
    "serve": "server:serve",
    "demo": "server:demo",
    "simulate": "server:simulate",
    "user": "people:user",
    "token": "people:token",
    "audit": "audit:audit",
    "backup": "backup:backup",
    "restore": "backup:restore",
    "upload": "firmware:upload",
    "firmware": "firmware:firmware",
    "compare": "firmware:compare",
    "fits": "fits:fits",
    "devices": "devices:devices",
    "device": "devices:device",
    "why": "devices:why",
    "case": "cases:case",
    "replay": "replay:replay",
    "update": "update:update",
    "rollout": "rollout:rollout",
    "pin": "marks:pin",
    "unpin": "marks:unpin",
    "tag": "marks:tag",
    "untag": "marks:untag",
    "cancel": "update:cancel",
    "release": "queue:release",
    "leftovers": "queue:leftovers",
    "broker-config": "broker_config:broker_config",
    "doctor": "doctor:doctor",
}
"""Command → the module below `homie_ota.cli`, and its function: arguments → exit status."""

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    try:
        status = _run(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except SystemExit as ended:  # argparse: --help, or wrong use
        return int(ended.code or 0)
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # `homie-ota devices | head`: nobody reads on. Without this, Python says so at its exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _run(argv: Sequence[str]) -> int:
    arguments = parse(argv)
    module, _, function = _COMMANDS[arguments.command].partition(":")
    try:
        return int(getattr(import_module(f"homie_ota.cli.{module}"), function)(arguments))
    except HomieOtaError as error:
        return _failed(str(error), error.exit_status)
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except OSError as error:  # a directory that cannot be made, a disk that is full
        return _failed(
            f"{error.filename or arguments.command}: {error.strerror or error}.", HomieOtaError.exit_status
        )


def _failed(sentence: str, status: int) -> int:
    from homie_ota.cli.show import say

    say(sentence)
    return status
