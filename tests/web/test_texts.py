"""Texts for people: all in one file for translators, in the language that the reader asks for, and none forgotten."""

from __future__ import annotations

import ast
import gettext
import re
import time
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

import strings
from homie_ota.web import texts, told
from pages.every import PAGES
from pages.home import furnish
from web.world import BROWSER, World

TEMPLATES = sorted((strings.WEB / "templates").glob("*.html"))
SPOKEN = frozenset({"title", "aria-label", "placeholder", "alt"})
"""Attributes that are read to people."""
NOT_SPOKEN = frozenset({"code", "pre", "script", "style", "kbd", "time"})
NAMES = frozenset(
    {
        "homie-ota",
        "API",
        "OpenAPI",
        "SHA-256",
        "MD5",
        "MAC",
        "IP",
        "Homie",
        "MQTT",
        "UTC",
        "KB",
        "openapi.json",
    }
)


def test_the_file_for_translators_is_up_to_date() -> None:
    assert strings.TEMPLATE.read_bytes() == strings.texts(), "run `make strings`"


# --- templates: what stands in them is marked ---


class Reader(HTMLParser):
    """The texts of a page that people read or hear."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in NOT_SPOKEN
        if ("translate", "no") not in attrs:  # an example of a query, say
            self.found += [value for name, value in attrs if name in SPOKEN and value]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in NOT_SPOKEN

    def handle_data(self, data: str) -> None:
        if not self._silent and data.strip():
            self.found.append(data.strip())


def read(html: str) -> list[str]:
    reader = Reader()
    reader.feed(html)
    return reader.found


def without_code(template: str) -> str:
    """A template with only what stands in it as it will be shown."""
    marked = re.sub(r"{#.*?#}|{%-? *trans.*?endtrans *-?%}", "", template, flags=re.DOTALL)
    return re.sub(r"{{.*?}}|{%.*?%}", "", marked, flags=re.DOTALL)


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_a_template_says_nothing_that_is_not_marked(path: Path) -> None:
    words = (
        word for text in read(without_code(path.read_text())) for word in re.findall(r"[^\W\d_][\w.-]+", text)
    )
    assert sorted({word for word in words if word not in NAMES}) == []


# --- pages: what code puts on them is marked ---


class Pseudo(gettext.NullTranslations):
    """A language in which every text that was marked can be seen."""

    def __init__(self) -> None:
        super().__init__()
        self._catalog = {f"{told.CONTEXT}\x04{text}": f"⟦{text}⟧" for _, text in strings.below()}

    def gettext(self, message: str) -> str:
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


def unmarked(text: str) -> str:
    """What is left of a text without all that was marked."""
    while (less := re.sub(r"⟦[^⟦⟧]*⟧", " ", text)) != text:
        text = less
    return text


def constants(folder: Path) -> Iterator[str]:
    """Texts that stand in code and are not marked; the API speaks English to everybody."""
    for path in (each for each in folder.rglob("*.py") if "api" not in each.parts):
        tree = ast.parse(path.read_text())
        skipped = {id(each) for node in ast.walk(tree) for each in _not_shown(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in skipped:
                yield node.value


def _not_shown(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Expr):
        yield node.value
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_", "ngettext"):
        yield from node.args


def test_what_code_puts_on_a_page_is_marked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    furnish(world, time.time())
    pseudo = Pseudo()
    monkeypatch.setattr(texts, "catalogue", lambda _language: pseudo)
    said = {text.strip() for text in constants(strings.WEB) if not text.startswith(("Homie ", "Python"))}
    below = {piece.strip() for _, text in strings.below() for piece in re.split(r"%\(\w+\)s", text)}
    sentences = {text for text in said | below if len(re.findall(r"[A-Za-z]{2,}", text)) > 3}
    headings = {text for text in said if re.fullmatch(r"[A-Z][a-z]{2,}( [a-z]+)*", text)}
    client, forgotten = world.client(headers=BROWSER), set()
    for address in (
        address for addresses in PAGES.values() for address in addresses if "/api/" not in address
    ):
        shown = [unmarked(text).strip() for text in read(client.get(address).text)]
        forgotten |= headings.intersection(shown)
        forgotten |= {text for text in sentences if text in " ".join(shown)}
    assert sorted(forgotten) == []


# --- languages ---


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("", "en"), ("de", "de"), ("de-AT,de;q=0.9,en;q=0.5", "de"), ("fr", "en"), ("fr,de;q=0.2", "de"),
        ("en-GB,de;q=0.9", "en"), ("de;q=0.1,en", "en"), ("*", "en"), (";;q=x,,", "en"), ("d" * 9000, "en"),
        ("dé", "en"),
    ],
)  # fmt: skip
def test_a_reader_gets_the_language_they_like_best_of_those_there_are(
    monkeypatch: pytest.MonkeyPatch, accepted: str, language: str
) -> None:
    monkeypatch.setattr(texts, "languages", lambda: frozenset({"en", "de"}))
    assert texts.language_of(accepted) == language


def test_a_catalogue_is_used_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo

    catalog = Catalog(locale="de")
    catalog.add("%(n)s left", "noch %(n)s")
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "homie-ota.mo").open("wb") as file:
        write_mo(file, catalog)
    monkeypatch.setattr(texts, "CATALOGUES", tmp_path)
    texts.catalogue.cache_clear()
    with texts.spoken("de"):
        assert texts._("%(n)s left", n=3) == "noch 3"
        assert texts._("nothing for this, 5 %%") == "nothing for this, 5 %"
        assert texts.ngettext("%(num)s device", "%(num)s devices", 2) == "2 devices"
    assert texts._("%(n)s left", n=3) == "3 left"
    texts.catalogue.cache_clear()


def test_what_is_read_for_a_page_is_in_the_language_of_its_reader(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "languages", lambda: frozenset({"en", "de"}))
    monkeypatch.setattr(
        texts, "catalogue", lambda language: Pseudo() if language == "de" else gettext.NullTranslations()
    )
    client = world.client(headers=BROWSER)
    german = client.get("/log", headers={"accept-language": "de"}).text
    assert '<html lang="de"' in german
    assert "⟦Log⟧" in german
    assert "⟦" not in client.get("/log", headers={"accept-language": "fr"}).text
