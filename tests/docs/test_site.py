"""The documents as pages: every page is there, no link leads nowhere, and nothing is loaded from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import docsite


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "100")
        assert docsite.build(folder) == 0
    return folder / "docs"


def test_every_document_is_a_page(site: Path) -> None:
    wanted = {path.relative_to(docsite.DOCS).with_suffix(".html") for path in docsite.DOCS.rglob("*.md")}
    wanted = {path.with_name("index.html") if path.stem == "README" else path for path in wanted}
    made = {path.relative_to(site) for path in site.rglob("*.html")}
    assert wanted - made == set()
    assert Path("changelog.html") in made


def test_every_document_is_in_the_list_beside_the_pages() -> None:
    listed = {path for _, pages in docsite.nav() for _, path in pages}
    assert {path.relative_to(docsite.DOCS).as_posix() for path in docsite.DOCS.rglob("*.md")} <= listed


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    loaded = [
        (page.name, found)
        for page in site.rglob("*.html")
        for found in re.findall(
            r"<(?:script|img|link)[^>]+?(?:src|href)=\"?(https?:[^\"\s>]+)", page.read_text("utf-8")
        )
    ]
    assert loaded == []
    assert not [page for page in site.rglob("*.html") if 'class="mermaid"' in page.read_text("utf-8")]


def small(folder: Path, **pages: str) -> Path:
    docs = folder / "docs"
    docs.mkdir()
    (folder / "CHANGELOG.md").write_text("# Changelog\n\nSee [a](docs/a.md).\n")
    (folder / "Makefile").write_text("")
    for name, text in pages.items():
        (docs / f"{name}.md").write_text(text)
    return docs


@pytest.mark.parametrize(
    ("link", "status"),
    [("b.md", 0), ("b.md#there", 0), ("b.md#gone", 1), ("c.md", 1), ("../CHANGELOG.md", 0)],
)
def test_a_link_that_leads_nowhere_is_an_error(tmp_path: Path, link: str, status: int) -> None:
    docs = small(tmp_path, index="# Start\n\n[a](a.md)\n", a=f"# A\n\n[x]({link})\n", b="# B\n\n## There\n")
    assert docsite.build(tmp_path / "build", docs) == status


def test_pages_come_in_the_order_of_the_first_page_and_those_it_forgot_come_last(tmp_path: Path) -> None:
    docs = small(tmp_path, index="# Start\n\n[c](c.md) and [b](b.md)\n", a="# A\n", b="# B\n", c="# C\n")
    assert [path.stem for path in docsite.pages(docs)] == ["index", "c", "b", "a"]


def test_a_link_out_of_the_documents_becomes_words(tmp_path: Path) -> None:
    docs = small(tmp_path, a="# A\n")
    text = docsite.staged("[make](../Makefile) and [changes](../CHANGELOG.md)", docs / "a.md", docs)
    assert text == "make and [changes](changelog.md)"


def test_the_help_of_every_command_is_included_by_the_build(tmp_path: Path) -> None:
    docs = small(tmp_path, a="# A\n")
    text = docsite.staged(docsite.HELP, docs / "a.md", docs)
    for command in ("homie-ota", "homie-ota serve", "homie-ota update", "homie-ota user reset"):
        assert f"## `{command}`\n" in text
    assert text.count("--mqtt URL") >= 2
    assert "\x1b" not in text
