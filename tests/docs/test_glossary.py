"""The glossary has one line a word, and the documents have none of the words that it keeps out."""

from __future__ import annotations

import re

from docs.installed import PROJECT

PAGE = (PROJECT / "docs" / "reference" / "glossary.md").read_text("utf-8")


def test_every_word_has_one_line() -> None:
    words = [
        word
        for line in PAGE.splitlines()
        for word in re.findall(r"\*\*([^*]+)\*\*", line.partition(" | ")[0])
    ]
    assert len(words) > 50
    assert sorted({word for word in words if words.count(word) > 1}) == []
