"""The page about threats names tests that there are, for every row of the list."""

from __future__ import annotations

import re

from docs.installed import PROJECT

PAGE = (PROJECT / "docs" / "explanation" / "threats.md").read_text("utf-8")
ROWS = re.findall(r"^\| (\d+) \|.*\| ([^|]*) \|$", PAGE, re.MULTILINE)


def test_every_row_of_the_list_is_there_once() -> None:
    assert [int(number) for number, _ in ROWS] == list(range(1, 23))


def test_every_row_is_tried_by_tests_that_there_are() -> None:
    there = {
        name
        for path in (PROJECT / "tests").rglob("test_*.py")
        for name in re.findall(r"^\s*(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    named = {number: re.findall(r"`(test_\w+)`", tests) for number, tests in ROWS}
    assert [number for number, tests in named.items() if not tests] == []
    assert [name for tests in named.values() for name in tests if name not in there] == []
