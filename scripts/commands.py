"""Writes into docs/reference/commands.md what the tree of commands knows: every command, its arguments and options.

`python scripts/commands.py` rewrites the page; tests/cli/test_commands_page.py fails when that was forgotten. What
people wrote below a command stays with it.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parents[1]
PAGE = PROJECT / "docs" / "reference" / "commands.md"
sys.path.insert(0, str(PROJECT / "src"))

from homie_ota.cli import plain, tree  # noqa: E402 - the package may not be installed
from homie_ota.cli.commands import COMMANDS, SECTIONS  # noqa: E402

BEGIN, END = "<!-- command {}: made by `make docs` -->", "<!-- command {}: end -->"
COMMON = ("server", "token", "json")
"""Options that the head of the page tells once."""
_NOTES = re.compile(
    r"<!-- command ([a-z -]+): end -->\n(.*?)(?=<!-- command |^## |\Z)", re.DOTALL | re.MULTILINE
)


def renewed(text: str) -> str:
    """The page with every command written anew, in the order of the table; what people wrote below each stays."""
    notes = {name: told.strip() for name, told in _NOTES.findall(text)}
    head = re.split(
        r"^## (?=" + "|".join(map(re.escape, SECTIONS)) + ")", text, maxsplit=1, flags=re.MULTILINE
    )[0]
    parts = [head.strip()]
    for title, lines in SECTIONS.items():
        parts.append(f"## {title}")
        for name in lines:
            parts += [block(name), *([notes[name]] if notes.get(name) else [])]
    return "\n\n".join(parts) + "\n"


def block(name: str) -> str:
    """One command between its marks."""
    command = tree.load(name)
    is_group = isinstance(command, tree.Group)
    pieces = ["…"] if is_group else [each for each in plain.usage(command.params) if each != "[OPTIONS]"]
    depth = "####" if " " in name else "###"
    lines = [f"{depth} `homie-ota {' '.join([name, *pieces])}`", "", *_told(command.help or "")]
    told = list(_listed(command))
    return "\n".join([BEGIN.format(name), *lines, *(["", *told] if told else []), END.format(name)])


def _told(help_: str) -> list[str]:
    return help_.splitlines()


def _listed(command: Any) -> Iterator[str]:
    params = [param for param in command.params if param.name not in COMMON]
    arguments, options = plain.rows(params)
    for term, text in [*arguments, *options]:
        yield f"- `{term}`" + (f": {_plain(text)}" if text else "")
    if any(param.name == "json" for param in command.params) and not any(
        param.name == "server" for param in command.params
    ):
        yield "- `--json`: answer as JSON"


def _plain(text: str) -> str:
    """A text of the help, in which `<` and `*` mean themselves."""
    return re.sub(r"([<*|])", r"\\\1", text)


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write(f"{PAGE.relative_to(PROJECT)}: {len(COMMANDS)} commands\n")
