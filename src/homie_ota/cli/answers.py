"""Questions to the person at the terminal, and the answer of a command that did one thing.

Rule: nobody is asked where nobody can answer: a script says `--yes`, or it is wrong use.
"""

from __future__ import annotations

import sys
from typing import Any

from homie_ota.cli import show
from homie_ota.cli.asked import Asked
from homie_ota.errors import WrongUse


def agreed(question: str, what: str, *, yes: bool, json: bool) -> bool:
    """Whether it may be done; `what` would be done is told where nobody can be asked (WrongUse)."""
    if yes:
        return True
    if json or not sys.stdin.isatty():
        raise WrongUse(f"{what} Say --yes to do that without being asked.")
    return _says_yes(question)


def confirmed(question: str) -> bool:
    """Whether a person at a terminal goes on; a script, which was told what speaks against it, does."""
    return not (sys.stdin.isatty() and sys.stdout.isatty()) or _says_yes(question)


def _says_yes(question: str) -> bool:
    sys.stderr.write(f"{show.clean(question)} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def done(order: Asked, found: dict[str, Any], sentence: str = "") -> int:
    """What was done, as JSON or as a sentence: this one, or the server's own."""
    if order.json:
        show.as_json(found)
    else:
        show.line(sentence or str(found.get("detail") or "Done."))
    return 0
