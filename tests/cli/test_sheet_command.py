"""`devices --csv`: the sheet of the server as it is, for files and programs."""

from __future__ import annotations

import csv
import io

import pytest

from cli.conftest import Run
from webserver import WebServer


def test_the_sheet_has_a_line_for_each_device_of_the_query(server: WebServer, run: Run) -> None:
    for number, name in enumerate(("hall", "attic", "=1+1"), 1):
        server.add_device(number, f"d{number}", name=name)
    status, out, err = run("devices", "--csv", "--sort=-id")
    assert (status, err) == (0, "")
    found = list(csv.DictReader(io.StringIO(out, newline="")))
    assert [each["name"] for each in found] == ["'=1+1", "attic", "hall"]
    assert run("devices", "name:attic", "--csv")[1].count("\n") == 2


@pytest.mark.parametrize(
    ("argv", "status", "word"),
    [
        (("--csv", "--json"), 2, "without --json"),
        (("--csv", "--limit", "1"), 2, "--limit"),
        (("colour:red", "--csv"), 2, "colour"),
    ],
)
@pytest.mark.usefixtures("server")
def test_what_has_no_meaning_is_a_sentence(run: Run, argv: tuple[str, ...], status: int, word: str) -> None:
    found, out, err = run("devices", *argv)
    assert (found, out) == (status, "")
    assert word in err
