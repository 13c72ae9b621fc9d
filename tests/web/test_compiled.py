"""Compiled templates: kept, made anew for another text, and done without where they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from homie_ota.web.compiled import Compiled


def written(folder: Path, text: str) -> str:
    """What a new process makes of a template of this text."""
    loader = DictLoader({"a.html": text})
    return (
        Environment(loader=loader, bytecode_cache=Compiled(folder), autoescape=True)
        .get_template("a.html")
        .render(x=1)
    )


def kept(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.iterdir()]


def test_a_template_is_compiled_once_and_again_for_another_text(tmp_path: Path) -> None:
    assert written(tmp_path, "one {{ x }}") == "one 1"
    (first,) = kept(tmp_path)
    assert written(tmp_path, "one {{ x }}") == "one 1"
    assert kept(tmp_path) == [first]
    assert written(tmp_path, "two {{ x }}") == "two 1"
    assert kept(tmp_path) != [first]


@pytest.mark.parametrize("damage", [b"", b"j2", b"nonsense", None])
def test_what_was_damaged_is_made_anew(tmp_path: Path, damage: bytes | None) -> None:
    written(tmp_path, "one {{ x }}")
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-40] if damage is None else damage)
    assert written(tmp_path, "one {{ x }}") == "one 1"


def test_where_nothing_can_be_written_pages_come_all_the_same(tmp_path: Path) -> None:
    assert written(tmp_path / "is" / "not" / "there", "one {{ x }}") == "one 1"
