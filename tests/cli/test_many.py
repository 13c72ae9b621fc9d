"""What is done to many devices at once, and the curve and the audit rows of one."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from cli.conftest import Run
from homie_ota.cli import curves
from webserver import WebServer


@pytest.fixture
def attic(server: WebServer) -> None:
    """Three devices in the attic, of which one is online, and one below."""
    server.add_devices([(1, "attic-1"), (2, "attic-2")], state="lost")
    server.add_device(3, "attic-3")
    server.add_device(4, "hall", state="lost")


def tagged(run: Run, tag: str) -> list[str]:
    return [each["id"] for each in json.loads(run("devices", f"tag:{tag}", "--json")[1])]


def test_what_a_glob_or_a_query_finds_is_tagged_and_pinned_one_by_one(attic: None, run: Run) -> None:
    status, out, _ = run("tag", "attic-*", "up")
    assert (status, out.splitlines()) == (0, [f"attic-{number} has the tags up." for number in (1, 2, 3)])
    assert tagged(run, "up") == ["homie~attic-1", "homie~attic-2", "homie~attic-3"]
    found = json.loads(run("untag", "tag:up state:lost", "up", "--json")[1])
    assert [(each["device"], each["tags"]) for each in found] == [
        ("homie~attic-1", []),
        ("homie~attic-2", []),
    ]
    assert run("pin", "attic-*", "--until", "1d", "--reason", "party")[1].count("is pinned until") == 3
    assert run("unpin", "id:attic-1,attic-2")[1].count("is not pinned any more") == 2


def test_a_device_is_shown_with_what_to_think_of_it_and_what_people_put_on_it(attic: None, run: Run) -> None:
    run("tag", "hall", "bench")
    run("pin", "hall", "--until", "1d", "--reason", "party")
    verdict, empty, *facts = run("device", "hall")[1].splitlines()
    assert verdict.endswith(".")
    assert empty == ""
    known = {line.partition("  ")[0].strip(): line.partition("  ")[2].strip() for line in facts}
    assert known["tags"] == "bench"
    assert known["pinned until"].startswith("20")
    assert known["pinned until"].endswith(" (party)")


def test_a_device_that_is_being_updated_says_so(
    server: WebServer, run: Run, upload: Callable[..., str]
) -> None:
    server.add_device(1, "lamp")
    assert run("update", "lamp", "--to", upload())[0] == 0
    assert "updating        deployment 1 queued\n" in run("device", "lamp")[1]


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (("fw:none",), "No device fits 'fw:none'."),
        (("--state", "lost"), "No device fits 'lost'."),
        ((), "No device was heard of yet."),
    ],
)
def test_an_empty_list_says_that_it_is_one(
    server: WebServer, run: Run, argv: tuple[str, ...], words: str
) -> None:
    status, out, err = run("devices", *argv)
    assert (status, out.split()[:2], words in err) == (0, ["ID", "BASE"], True)
    assert run("devices", *argv, "--json")[1:] == ("[]\n", "")


def test_who_refuses_does_not_stop_the_others_and_makes_the_status(attic: None, run: Run) -> None:
    run("tag", "attic-1", "up")
    status, out, err = run("untag", "attic-*", "up")
    assert status == 3
    assert out == "attic-1 has no tags any more.\n"
    assert [line.split()[1] for line in err.splitlines()] == ["attic-2:", "attic-3:"]


def test_many_are_deleted_after_their_names_were_shown(attic: None, run: Run) -> None:
    status, _, err = run("delete", "device", "attic-*")
    assert (status, "attic-1, attic-2, attic-3 would be deleted." in err) == (2, True)
    status, out, err = run("delete", "device", "attic-*", "--yes")
    assert status == 4  # one is online
    assert out.count("homie-ota undo") == 2
    assert err.startswith("homie-ota: attic-3: ")
    assert [each["id"] for each in json.loads(run("devices", "--json")[1])] == ["homie~attic-3", "homie~hall"]


def test_a_glob_that_finds_nobody_is_not_found(attic: None, run: Run) -> None:
    for argv in (("tag", "cellar-*", "x"), ("release", "fw:none"), ("delete", "device", "cellar-*", "--yes")):
        status, out, err = run(*argv)
        assert (status, out) == (3, "")
        assert "No device fits" in err


# --- Curves and rows ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([0.0, 50.0, 100.0], "▁▄█"),
        ([5.0, None, 5.0], "▁ ▁"),
        ([None, None], "  "),
        ([], ""),
        ([float(number) for number in range(120)], None),
    ],
)
def test_a_curve_is_a_line_of_sixty_signs_at_most(values: list[float | None], line: str | None) -> None:
    drawn = curves.drawn(values)
    assert len(drawn) <= curves.WIDTH
    assert line is None or drawn == line


def test_a_device_without_a_past_has_no_curve(attic: None, run: Run) -> None:
    status, out, _ = run("series", "hall", "signal", "--span", "month")
    assert (status, out) == (0, "Nothing is known of signal of hall for this month.\n")
    assert json.loads(run("series", "hall", "signal", "--json")[1])["values"] == []
    assert run("series", "hall", "colour")[0] == 2
    assert run("series", "nobody", "signal")[0] == 3


@pytest.mark.parametrize("where", ["here", "there"])
def test_the_latest_rows_of_the_audit_log_are_shown(
    attic: None, server: WebServer, run: Run, where: str
) -> None:
    run("tag", "hall", "up")
    place = ["--data", str(server.folder)] if where == "here" else []
    status, out, _ = run("audit", "list", "--limit", "1", *place)
    assert status == 0
    heads, row = out.splitlines()
    assert heads.split() == ["WHEN", "WHO", "WHAT", "WHY", "FROM"]
    assert "up" in row
    assert json.loads(run("audit", "list", "--limit", "1", "--json", *place)[1])[0]["who"] == "admin"
