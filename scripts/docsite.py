"""Builds docs/ into pages: what stands in build/docs, with a search of its own and nothing from outside.

`python scripts/docsite.py` writes build/docs; a link that leads nowhere ends it with an error. Three things happen to
the pages on the way: `<!-- help: every command -->` becomes the help text of every command, links that leave docs/
become plain words (the changelog comes along), and drawings stay text, for they would need a program from elsewhere.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
DOCS = PROJECT / "docs"
BUILD = PROJECT / "build"
KINDS = {"tutorial": "Tutorial", "how-to": "How to", "reference": "Reference", "explanation": "Explanation"}
HELP = "<!-- help: every command -->"
_NO_COMMANDS = ("Options", "Arguments", "usage")
LINK = re.compile(r"(!?\[[^\]]*\])\(([^)#:]+)(#[^)]*)?\)")


# --- which pages, in which order


def pages(docs: Path = DOCS) -> list[Path]:
    """Every page, as docs/index.md names them; those that it does not name come last in their folder."""
    found = {path.relative_to(docs).as_posix(): path for path in sorted(docs.rglob("*.md"))}
    index = docs / "index.md"
    named = [match[2] for match in LINK.finditer(index.read_text("utf-8"))] if index.exists() else []
    order = ["index.md", *(name for name in dict.fromkeys(named) if name in found)]
    return [found[name] for name in [*order, *(name for name in found if name not in order)] if name in found]


def title(path: Path) -> str:
    """The heading of a page, without its marks."""
    first = re.search(r"^# (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return re.sub(r"[`*]", "", first[1]).strip() if first else path.stem


def nav(docs: Path = DOCS) -> list[tuple[str, list[tuple[str, str]]]]:
    """Section → its pages, each a title and a path; the first section has no name."""
    names = ["", *KINDS.values(), "Decisions"]
    sections: dict[str, list[tuple[str, str]]] = {name: [] for name in names}
    for path in pages(docs):
        place = path.relative_to(docs)
        folder = place.parts[0] if len(place.parts) > 1 else ""
        sections["Decisions" if folder == "adr" else KINDS.get(folder, "")].append(
            (title(path), place.as_posix())
        )
    sections[""].append(("Changes", "changelog.md"))
    return list(sections.items())


# --- the help texts


def every_help() -> str:
    """The help of the program and of each command and subcommand, as it would be printed."""
    parts = []
    for command in ((), *_commands(())):
        name = " ".join(("homie-ota", *command))
        parts.append(f"## `{name}`\n\n```text\n{help_of(command).rstrip()}\n```\n")
    return "\n".join(parts)


def _commands(above: Sequence[str]) -> Iterator[tuple[str, ...]]:
    for name in commands_in(help_of(above)):
        yield (*above, name)
        if len(above) == 0:
            yield from _commands((name,))


def commands_in(text: str) -> list[str]:
    """The commands that a help text lists, below any heading but those of options and arguments."""
    parts = re.split(r"^(\S[^\n]*):\n", text, flags=re.MULTILINE)
    listed = [part for head, part in zip(parts[1::2], parts[2::2], strict=True) if head not in _NO_COMMANDS]
    return [name for part in listed for name in re.findall(r"^  ([a-z][a-z-]*)  +\S", part, re.MULTILINE)]


def help_of(command: Sequence[str]) -> str:
    """What `homie-ota COMMAND --help` prints."""
    from homie_ota import cli

    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        cli.main([*command, "--help"])
    return said.getvalue()


# --- what the generator gets


def staged(text: str, page: Path, docs: Path = DOCS) -> str:
    """A page as the generator gets it."""

    def kept(match: re.Match[str]) -> str:
        target = (page.parent / match[2]).resolve()
        if target.is_relative_to(docs):
            return match[0]
        if target == (docs.parent / "CHANGELOG.md").resolve():
            return f"{match[1]}({os.path.relpath(docs / 'changelog.md', page.parent)})"
        return match[1].strip("![]") if target.exists() else match[0]

    if HELP in text:
        text = text.replace(HELP, every_help())
    return LINK.sub(kept, text.replace("```mermaid", "```text"))


def stage(target: Path, docs: Path = DOCS) -> None:
    """Everything that the generator reads, anew."""
    shutil.rmtree(target, ignore_errors=True)
    for path in pages(docs):
        place = target / path.relative_to(docs)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(staged(path.read_text("utf-8"), path, docs), "utf-8")
    changes = (docs.parent / "CHANGELOG.md").read_text("utf-8")
    (target / "changelog.md").write_text(re.sub(r"\]\(docs/", "](", changes), "utf-8")
    if (docs / "screenshots").exists():
        shutil.copytree(docs / "screenshots", target / "screenshots")


def configuration(folder: str, into: str, docs: Path = DOCS) -> str:
    """The settings of the generator: no fonts, no pictures and no programs from elsewhere."""
    lines = [
        "[project]",
        'site_name = "homie-ota"',
        f'docs_dir = "{folder}"',
        f'site_dir = "{into}"',
        "use_directory_urls = false",
        "nav = [",
        *(_section(name, listed) for name, listed in nav(docs) if listed),
        "]",
        "[project.theme]",
        'variant = "classic"',
        "font = false",
        "[project.extra]",
        "generator = false",
    ]
    return "\n".join(lines) + "\n"


def _section(name: str, listed: list[tuple[str, str]]) -> str:
    entries = ", ".join(f"{{ {_quoted(shown)} = {_quoted(path)} }}" for shown, path in listed)
    return f"  {{ {_quoted(name)} = [{entries}] }}," if name else f"  {entries},"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def build(folder: Path = BUILD, docs: Path = DOCS) -> int:
    """Build the pages into `docs` of this folder; the exit status of the generator, which is strict."""
    folder.mkdir(parents=True, exist_ok=True)
    stage(folder / "docs-source", docs)
    (folder / "site.toml").write_text(configuration("docs-source", "docs", docs), "utf-8")
    program = Path(sys.executable).with_name("zensical")
    command = (program, "build", "--clean", "--strict", "--config-file", folder / "site.toml")
    return subprocess.run(command, cwd=folder, check=False).returncode


if __name__ == "__main__":
    sys.path.insert(0, str(PROJECT / "src"))
    os.environ |= {"COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}
    sys.exit(build())
