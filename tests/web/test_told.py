"""What the rooms below say is told in the reader's language: whole, in parts, with what stands in it; or as it is."""

from __future__ import annotations

import ast
import gettext
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo

import strings
from homie_ota.web import texts
from homie_ota.web.render import _said
from homie_ota.web.told import CONTEXT, told

GERMAN = {
    "The device is sleeping.": "Das Gerät schläft.",
    "Runs %(what)s": "Führt %(what)s aus",
    "a firmware that it does not name": "eine Firmware, die es nicht nennt",
    "%(part)s of it, 5 %% at most": "%(part)s davon, höchstens 5 %%",
    "%(a)s; %(b)s waits for it. %(hold)s": "%(a)s; darauf wartet %(b)s. %(hold)s",
    " are not there now.": " sind gerade nicht da.",
    "runs it and is well": "läuft gut",
    "%(who)s is away for %(span)s": "%(wer)s ist %(span)s weg",
    "Held by %(what)s for long": "Gehalten zu 100%",
    "never woke up": "ist nie aufgewacht",
}


@pytest.fixture(autouse=True)
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog(locale="de")
    for text, translation in GERMAN.items():
        catalog.add(text, translation, context=CONTEXT)
    catalog.add("never woke up", "the text of a page, not what is told")
    folder = tmp_path / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "homie-ota.mo").open("wb") as file:
        write_mo(file, catalog)
    monkeypatch.setattr(texts, "CATALOGUES", tmp_path)
    texts.catalogue.cache_clear()


def in_german(sentence: str) -> str:
    with texts.spoken("de"):
        return told(sentence)


@pytest.mark.parametrize(
    ("sentence", "german"),
    [
        ("The device is sleeping.", "Das Gerät schläft."),
        ("Runs lamp 2.0.1", "Führt lamp 2.0.1 aus"),
        ("Runs a firmware that it does not name", "Führt eine Firmware, die es nicht nennt aus"),
        ("40 KB of it, 5 % at most", "40 KB davon, höchstens 5 %"),
        (
            "Runs lamp 1; lamp 2 waits for it. The device is sleeping.",
            "Führt lamp 1 aus; darauf wartet lamp 2. Das Gerät schläft.",
        ),
        ("It is odd. The device is sleeping.", "It is odd. Das Gerät schläft."),
        ("hall-lamp (and 2 more) are not there now.", "hall-lamp (and 2 more) sind gerade nicht da."),
        ("1,038 runs it and is well, 2 never woke up", "1,038 läuft gut, 2 ist nie aufgewacht"),
        ("nothing of ours", "nothing of ours"),
        ("hall is away for 3 d", "hall is away for 3 d"),  # its translation names another value
        ("Held by snow for long", "Held by snow for long"),  # its translation is no format
        ("", ""),
        ("Runs " + "x" * 5000, "Runs " + "x" * 5000),
    ],
)
def test_a_sentence_is_found_by_the_text_it_was_made_from(sentence: str, german: str) -> None:
    assert in_german(sentence) == german


def test_who_reads_english_reads_what_was_said() -> None:
    for sentence in GERMAN:
        assert told(sentence) == sentence


def test_what_a_device_says_stays_data() -> None:
    with texts.spoken("de"):
        assert _said("Runs %(what)s %s\n\x1b[1m", 40) == "Führt %(what)s %s��[1m aus"


def test_a_catalogue_without_such_texts_costs_nothing() -> None:
    with texts.spoken("fr"):
        assert isinstance(texts.spoken_now(), gettext.NullTranslations)
        assert told("The device is sleeping.") == "The device is sleeping."


def test_texts_are_found_in_code_by_their_form() -> None:
    code = '''
"""A docstring that says something."""
A = "It is gone."
B = f"Runs {seen.what} of {what} for {span(x)}: {y + 1} and {what}, 5 %"
C = "one-word"
D = "SELECT it FROM there"
E = "%s was cleared, as {who} asked, {}"
'''
    assert set(strings.said(ast.parse(code))) == {
        "It is gone.",
        "Runs %(what)s of %(what2)s for %(span)s: %(value)s and %(what3)s, 5 %%",
        "%(value1)s was cleared, as %(who)s asked, %(value2)s",
    }
