"""Writes src/homie_ota/web/locale/homie-ota.pot: every text that people read, for translators.

Rule: texts are found where they are used (`_("…")`, `{{ _('…') }}`, `{% trans %}`); this file only collects them. What
the rooms below the pages say is found by its form, and stands in the context of `web/told.py`. It holds no time and no
line numbers, so it changes only when a text does.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import write_po

from homie_ota.model import DeploymentState, State
from homie_ota.rollout.card import PUNCHES
from homie_ota.rollout.plan import MemberState, RolloutState, WaveState
from homie_ota.web.told import CONTEXT

PROJECT = Path(__file__).parents[1]
WEB = PROJECT / "src" / "homie_ota" / "web"
TEMPLATE = WEB / "locale" / "homie-ota.pot"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
OPTIONS = {
    "templates/**.html": {
        "trim_blocks": "true",
        "lstrip_blocks": "true",
        "newstyle_gettext": "true",
        "silent": "false",
    }
}
BELOW = (
    "rollout",
    "model",
    "homie",
    "esp",
    "fleet",
    "query",
    "health.py",
    "errors.py",
    "store",
    "dispatch",
    "ingest",
)
"""Rooms whose sentences pages show."""
KEYWORDS: dict[str, tuple[int, ...] | None] = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


# --- what the rooms below say ---

_WORD = re.compile(r"[^\W\d_]{2,}")
_NO_TEXT = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|TABLE|PRAGMA|INDEX)\b|\(\?|\\|^[\w.:/-]+$|\x00"
)
"""Statements, patterns, and what is one word for programs."""


def below() -> Iterator[tuple[str, str]]:
    """File and text of every sentence, and part of one, that is said below the pages."""
    for states in (DeploymentState, State, RolloutState, WaveState, MemberState):
        yield from (("model", each.value) for each in states)
    yield from (("rollout/card.py", each.word) for each in PUNCHES)
    for room in BELOW:
        folder = WEB.parent / room
        for path in [folder] if folder.is_file() else sorted(folder.rglob("*.py")):
            if "migrations" not in path.parts:
                name = path.relative_to(WEB.parent).as_posix()
                yield from ((name, text) for text in said(ast.parse(path.read_text())))


def said(tree: ast.AST) -> Iterator[str]:
    """What a module says: texts of two words and more that are no documentation; a value in it is `%(name)s`."""
    skipped = {id(each) for node in ast.walk(tree) for each in _no_text(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            text = _joined(node)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = _filled_in(node.value)
        else:
            continue
        plain = re.sub(r"%\(\w+\)s", "", text)
        if _is_text(text, plain) and not _NO_TEXT.search(text.strip()):
            yield text


def _is_text(text: str, plain: str) -> bool:
    """Two words, or one with a value: `Runs %(what)s`."""
    words = _WORD.findall(plain)
    return (" " in plain.strip() and len(words) >= 2) or (
        " " in text and plain != text and any(map(_is_long, words))
    )


def _is_long(word: str) -> bool:
    return len(word) >= 4


def _filled_in(text: str) -> str:
    """A text whose values are put in elsewhere: by `%s`, or by `{name}`."""
    names = iter(range(1, 99))
    text = re.sub(r"%[sd]", lambda _: f"\0value{next(names)}\0", text)
    text = re.sub(r"{(\w*)}", lambda found: f"\0{found[1] or f'value{next(names)}'}\0", text)
    return re.sub("\0(\\w+)\0", r"%(\1)s", text.replace("%", "%%"))


def _no_text(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Expr):
        yield node.value  # a docstring
    if isinstance(node, ast.JoinedStr):
        yield from node.values


def _joined(node: ast.JoinedStr) -> str:
    names: list[str] = []
    parts = []
    for each in node.values:
        if isinstance(each, ast.Constant):
            parts.append(str(each.value).replace("%", "%%"))
        elif isinstance(each, ast.FormattedValue):
            name = _name(each.value)
            names.append(name)
            count = names.count(name)
            parts.append(f"%({name}{count if count > 1 else ''})s")
    return "".join(parts)


def _name(value: ast.expr) -> str:
    """What a translator reads for a value: its variable or attribute, else `value`."""
    if isinstance(value, ast.Name):
        return value.id.strip("_") or "value"
    if isinstance(value, ast.Attribute):
        return value.attr.strip("_")
    if isinstance(value, ast.Call):
        return _name(value.func)
    return "value"


def texts() -> bytes:
    """The file as it should be."""
    always = datetime(2026, 1, 1, tzinfo=UTC)
    catalog = Catalog(
        project="homie-ota", charset="utf-8", fuzzy=False, creation_date=always, revision_date=always
    )
    catalog.header_comment = "# Texts of homie-ota's pages, for translators. Written by `make strings`."
    found = extract_from_dir(WEB, METHODS, OPTIONS, keywords=KEYWORDS, strip_comment_tags=True)
    for name, _line, message, comments, context in sorted(found, key=lambda each: (each[0], each[1])):
        catalog.add(message, None, [(name, 0)], auto_comments=comments, context=context)
    for name, text in below():
        catalog.add(text, None, [(name, 0)], context=CONTEXT)
    out = BytesIO()
    write_po(out, catalog, width=120, include_lineno=False, sort_output=True)
    return out.getvalue()


def main() -> None:
    """Write it."""
    TEMPLATE.parent.mkdir(exist_ok=True)
    TEMPLATE.write_bytes(texts())
    print(f"{TEMPLATE.relative_to(PROJECT)}: {TEMPLATE.read_text().count('msgid ')} texts")


if __name__ == "__main__":
    main()
