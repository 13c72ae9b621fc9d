"""The commands in a document: which blocks a reader would type, in order, and which of them a test cannot.

Rule: a block of ```sh or ```console is run as it stands there. The comment before a block says otherwise:
`<!-- run: no, WHY -->` (the test lists it with its reason), `<!-- run: stays -->` for what goes on until Ctrl-C, or
`<!-- run: may end with 1 -->` for what looks for faults, and finds that a test's server listens on loopback only.
In a `console` block the lines after `$ ` are typed, the others are what the program has to say; `…` is anything.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

FENCE = re.compile(
    r"(?:<!-- run: (?P<run>[^\n]*?) -->\n+)?^(?P<indent> *)```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^ *```$",
    re.MULTILINE | re.DOTALL,
)
TYPED = ("sh", "console")


@dataclass(frozen=True)
class Block:
    """Some commands between two fences; `why_not` is empty where they are run."""

    line: int
    language: str
    text: str
    stays: bool = False
    may_fail: bool = False
    why_not: str = ""

    @property
    def commands(self) -> str:
        """What is typed."""
        if self.language == "sh":
            return self.text
        return "\n".join(line[2:] for line in self.text.splitlines() if line.startswith(("$ ", "> "))) + "\n"

    @property
    def answers(self) -> list[str]:
        """What has to be said, line by line."""
        if self.language == "sh":
            return []
        return [line for line in self.text.splitlines() if line and not line.startswith(("$ ", "> "))]

    def unheard(self, said: str, here: Callable[[str], str] = str) -> list[str]:
        """The lines of the document that the program did not say, in order; `here` turns examples into what is."""
        rest, missing = said, []
        for answer in map(here, self.answers):
            pattern = r"[^\n]*?".join(re.escape(part.strip()) for part in answer.split("…"))
            if found := re.search(pattern, rest):
                rest = rest[found.end() :]
            else:
                missing.append(answer)
        return missing


def every_block(text: str) -> list[Block]:
    """Every block between fences, whatever is in it."""
    return [_block(text, match) for match in FENCE.finditer(text)]


def recipes(text: str) -> list[Block]:
    """The blocks that a reader types."""
    return [block for block in every_block(text) if block.language in TYPED]


def world_of(text: str) -> str:
    """What the page takes for granted: `<!-- world: bare -->` no server, else one with a small fleet."""
    found = re.search(r"<!-- world: (\w+) -->", text)
    return found[1] if found else "served"


def pages(project: Path) -> list[Path]:
    """The documents that people follow step by step."""
    docs = project / "docs"
    return [project / "README.md", *sorted(docs.glob("tutorial/*.md")), *sorted(docs.glob("how-to/*.md"))]


def _block(text: str, match: re.Match[str]) -> Block:
    run = match["run"] or ""
    body = re.sub(rf"^{match['indent']}", "", match["text"], flags=re.MULTILINE)
    return Block(
        line=text.count("\n", 0, match.start("language")) + 1,
        language=match["language"],
        text=body,
        stays=run == "stays",
        may_fail=run == "may end with 1",
        why_not=run.partition(",")[2].strip() if run.startswith("no") else "",
    )
