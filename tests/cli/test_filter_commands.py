"""`filters` and its part of the API: one list for page, programs and command line."""

from __future__ import annotations

import json

import pytest

from cli.conftest import Run
from homie_ota.store import audit
from webserver import WebServer


def test_a_filter_is_saved_used_and_forgotten(server: WebServer, run: Run) -> None:
    server.add_devices([(1, "attic-1"), (2, "attic-2"), (3, "hall")])
    status, out, _ = run("filters", "save", "up there", "id:attic-*", "--sort=-id")
    assert (status, out) == (0, "up there finds id:attic-*.\n")
    assert [each["id"] for each in json.loads(run("filters", "show", "up there", "--json")[1])] == [
        "homie~attic-2", "homie~attic-1",
    ]  # fmt: skip
    assert run("filters", "show", "up there", "--limit", "1")[1].count("attic") == 1
    assert json.loads(run("filters", "--json")[1]) == [
        {"name": "up there", "query": "id:attic-*", "sort": "-id"}
    ]
    assert run("filters")[1].splitlines()[1].split() == ["up", "there", "id:attic-*", "-id"]
    assert run("filters", "save", "up there", "id:attic-1")[0] == 0
    assert len(json.loads(run("filters", "--json")[1])) == 1
    assert run("filters", "forget", "up there")[0] == 0
    assert run("filters", "--json")[1] == "[]\n"
    told = [row["what"] for row in server.database.read_now(audit.recent)[:3]]
    assert told == ["deleted a filter", "saved a filter", "saved a filter"]


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (("save", "x", "colour:red"), 2, "colour"),
        (("save", " ", "fw:lamp"), 2, "1 to 64"),
        (("save", "x" * 65, "fw:lamp"), 2, "1 to 64"),
        (("forget", "x"), 3, "no saved filter"),
        (("show", "x"), 3, "homie-ota filters"),
        (("save", "x", "fw:lamp", "--sort", "a b"), 2, "sort"),
    ],
)
def test_what_is_no_filter_is_a_sentence(run: Run, argv: tuple[str, ...], status: int, words: str) -> None:
    found, out, err = run("filters", *argv)
    assert (found, out) == (status, "")
    assert words in err
