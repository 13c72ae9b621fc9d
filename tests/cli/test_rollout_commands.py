"""`rollout`, `pin`, `tag`: what they show, ask, do, and how they exit; the engine's part is played by the tests."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from homie_ota.cli import marks
from homie_ota.client import rollouts as client
from homie_ota.errors import WrongUse
from homie_ota.rollout import strategy
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import NOT_BACK, Reason
from homie_ota.store import acting, deployments, filling, progress, rollouts
from homie_ota.store.tables import membership
from webserver import WebServer

Run = Callable[..., tuple[int, str, str]]
VERIFIED = Reason("verified", "Healthy.", False)
GOOD = (Event.OFFER, Event.CONFIRM, Event.HEAL)
QUERY, TO = "fw:lamp", "lamp@2.0.0"


@pytest.fixture
def lamps(server: WebServer, upload: Callable[..., str]) -> str:
    """Five lamps that can get the one stored image, and one that cannot; the image's SHA-256."""
    sha256 = upload()
    server.add_devices([(pk, f"lamp-{pk}") for pk in range(1, 6)])
    server.add_device(9, "lamp-off", ota_enabled=False)
    return sha256


def told(text: str) -> list[str]:
    return text.splitlines()


def turn(
    server: WebServer, number: int = 1, reason: Reason = VERIFIED, path: tuple[Event, ...] = GOOD
) -> None:
    """What the engine does in a moment, and devices that answer at once."""
    now = time.time()

    def write(conn: Any) -> None:
        for _ in range(3):
            of = rollouts.require(conn, number)
            acting.act(conn, of, strategy.decide(progress.view(conn, of), now), now=now)
        for made in filling.fill(conn, rollouts.require(conn, number), now=now).made:
            moved = made
            for at, event in enumerate(path):
                why = reason if at == len(path) - 1 else None
                after = deployments.advance(conn, moved, event, now=now, reason=why)
                assert after is not None
                moved = after

    server.database.write_now(write)


@pytest.fixture
def play(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let the engine work whenever the command waits before it looks again."""

    def play(**how: Any) -> None:
        clock = SimpleNamespace(sleep=lambda _: turn(server, **how), monotonic=time.monotonic)
        monkeypatch.setattr(client, "time", clock)

    return play


# --- Before ---------------------------------------------------------------------------------------------------------


def test_a_preview_is_shown_and_nothing_is_made(server: WebServer, run: Run, lamps: str) -> None:
    status, out, err = run("rollout", "preview", QUERY, "--to", TO, "--waves", "2,rest")
    assert status == 0
    assert told(out)[0] == "5 will be updated, 0 run it already, 1 left out."
    assert told(out)[1].startswith("waves of 2, 3; it takes ")
    assert "way back: 0 of 5" in told(out)[1]
    assert [line.split()[:2] for line in told(out)[4:9]] == [
        ["1", "lamp-1"], ["1", "lamp-2"], ["2", "lamp-3"], ["2", "lamp-4"], ["2", "lamp-5"],
    ]  # fmt: skip
    assert any(line.startswith("  lamp-off: lamp-off has OTA switched off") for line in told(out))
    assert "Upload lamp 1.0.0" in err
    assert run("rollout", "list", "--json")[1] == "[]\n"


def test_a_simulation_tells_its_end_and_its_story(run: Run, lamps: str) -> None:
    status, out, _ = run("rollout", "preview", QUERY, "--to", TO, "--simulate")
    assert status == 0
    assert "On their own past it would be finished at" in out
    assert "start wave 1" in out
    played = json.loads(run("rollout", "preview", QUERY, "--to", TO, "--simulate", "--json")[1])["simulation"]
    assert played["counts"] == {"verified": 5}


def test_the_options_become_the_plan(run: Run, lamps: str) -> None:
    status, out, _ = run(
        "rollout", "create", QUERY, "--to", lamps[:8], "--name", "Tuesday", "--waves", "1,50%,rest",
        "--verified", "80%", "--harmful", "2", "--soak", "30m", "--minimum", "1", "--parallel", "7",
        "--window", "Mon-Fri 02:00-05:00",
        "--guard", "relay/on:false", "--guard", "signal:>30", "--last", "id:lamp-1", "--on-harm", "revert",
        "--attempts", "5", "--absent-after", "2d", "--standing", "--follow", "2.*", "--json",
    )  # fmt: skip
    assert status == 0
    made = json.loads(out)
    plan = made["plan"]
    assert [(each["count"], each["share"]) for each in plan["waves"]] == [
        (1, None),
        (None, 0.5),
        (None, None),
    ]
    gate = {"verified": 0.8, "harmful": 2, "soak": 1800.0, "minimum": 1}
    assert [each["gate"] for each in plan["waves"]] == [gate] * 3
    assert plan["limits"]["parallel"] == 7
    assert plan["windows"] == ["Mon,Tue,Wed,Thu,Fri 02:00-05:00"]
    assert plan["guards"] == ["relay/on:false", "signal:>30"]
    assert (plan["last"], plan["on_harm"], plan["attempts"]) == ("id:lamp-1", "revert", 5)
    assert plan["absent_after"] == 172800.0
    assert (made["name"], made["state"], made["standing"], made["follow"]) == (
        "Tuesday",
        "draft",
        True,
        "2.*",
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--waves", "x"), "1,10%,rest"),
        (("--waves", "1,rest", "--all-at-once"), "which of them"),
        (("--soak", "long"), "30m"),
        (("--verified", "120"), "0 to 100"),
        (("--window", "nights"), "Mon-Fri 02:00-05:00"),
        (("--guard", "colour:red"), "colour"),
        (("--absent-after", "x"), "--absent-after"),
        (("--on-harm", "explode"), "usage"),
    ],
)
def test_an_option_without_meaning_is_wrong_use(
    run: Run, lamps: str, options: tuple[str, ...], words: str
) -> None:
    status, out, err = run("rollout", "create", QUERY, "--to", TO, *options)
    assert (status, out) == (2, "")
    assert words in err


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (("create", "id:nobody", "--to", TO), 3),
        (("create", "id:lamp-off", "--to", TO), 4),
        (("create", QUERY, "--to", "lamp@9"), 3),
        (("preview", "id:lamp-off", "--to", TO), 4),
        (("show", "99"), 3),
        (("start", "99"), 3),
        (("create", QUERY, "--to", TO, "--start"), 2),
        (("fly", "1"), 2),
        ((), 2),
    ],
)
def test_what_cannot_be_done_exits_accordingly(
    run: Run, lamps: str, argv: tuple[str, ...], status: int
) -> None:
    assert run("rollout", *argv)[0] == status
    assert run("rollout", "list", "--json")[1] == "[]\n"


@pytest.mark.parametrize(("answer", "made"), [("y\n", 1), ("n\n", 0), ("", 0)])
def test_a_person_is_asked_before_it_starts(
    server: WebServer, run: Run, lamps: str, monkeypatch: pytest.MonkeyPatch, answer: str, made: int
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    status, _, err = run("rollout", "create", QUERY, "--to", TO, "--start")
    assert "Update 5 devices (way back: 0 of 5)? [y/N]" in err
    assert status == 1 - made
    assert len(json.loads(run("rollout", "list", "--json")[1])) == made


# --- While ----------------------------------------------------------------------------------------------------------


def test_a_rollout_is_listed_shown_and_steered(server: WebServer, run: Run, lamps: str) -> None:
    assert told(run("rollout", "create", QUERY, "--to", TO)[1])[0].startswith("rollout 1 is draft (")
    assert "5 devices are in its first wave" in run("rollout", "start", "1")[1].replace("1 of ", "")
    turn(server)
    assert run("rollout", "list")[1].split("\n")[1].split()[:4] == ["1", "running", "lamp", "2.0.0"]
    shown = run("rollout", "show", "1")[1]
    assert "can" in shown
    assert "pause, drain, abort, revert" in shown
    assert [line.split()[:3] for line in told(shown) if "late" in line[:6]] == [["late", "waiting", "0"]]
    assert [line.split()[:3] for line in told(shown) if "lamp-1 " in line] == [["1", "lamp-1", "verified"]]
    only = json.loads(run("rollout", "show", "1", "--outcome", "skipped", "--json")[1])
    assert [each["device"] for each in only["members"]] == ["homie~lamp-off"]
    assert run("rollout", "pause", "1", "--reason", "lunch")[1].endswith(" is paused. 4 will not start.\n")
    status, _, err = run("rollout", "pause", "1")
    assert status == 4
    assert "resume, drain, abort, revert" in err
    assert run("rollout", "resume", "1")[0] == 0
    assert "4 will not start." in run("rollout", "abort", "1")[1]
    assert run("rollout", "list", "--state", "aborted")[1].count("\n") == 2


def test_watching_tells_what_happens_until_the_end(run: Run, lamps: str, play: Callable[..., None]) -> None:
    play()
    status, out, _ = run(
        "rollout",
        "create",
        QUERY,
        "--to",
        TO,
        "--waves",
        "1,rest",
        "--soak",
        "0",
        "--start",
        "--yes",
        "--watch",
    )
    assert status == 0, out
    lines = [line.split(maxsplit=1)[1] for line in told(out)[:-1]]
    assert lines[0].startswith("made")
    assert "wave 1 running" in [line.partition(":")[0].strip() for line in lines]
    assert lines.index(next(x for x in lines if x.startswith("wave 1 passed"))) < lines.index(
        next(x for x in lines if x.startswith("wave 2 running"))
    )
    assert told(out)[-1].startswith("rollout 1 is finished (")


def test_watching_ends_with_1_where_it_stopped(run: Run, lamps: str, play: Callable[..., None]) -> None:
    play(reason=NOT_BACK, path=(Event.OFFER, Event.FLASH, Event.EXPIRE))
    status, out, _ = run("update", "lamp-*", "--to", TO, "--yes", "--watch", "--json")
    assert status == 1
    seen = [json.loads(line) for line in told(out)]
    assert seen[0]["state"] == "running"
    assert seen[-1]["state"] == "paused"
    assert "harm" in seen[-1]["reason"]


def test_watching_does_not_last_until_late_joiners_have_come(
    server: WebServer, run: Run, lamps: str, play: Callable[..., None]
) -> None:
    play()
    run("rollout", "create", QUERY, "--to", TO, "--waves", "1,rest", "--soak", "0")

    def one_is_away(conn: Any) -> None:
        conn.execute(membership.update().where(membership.c.device_pk == 5).values(outcome="absent", wave=2))

    server.database.write_now(one_is_away)
    status, out, _ = run("rollout", "start", "1", "--watch")
    assert status == 0
    assert told(out)[-1] == "1 absent device follows when it comes, as late joiners."
    assert "rollout 1 is running" in told(out)[-2]


def test_a_rollout_to_devices_that_all_run_it_is_done_already(
    server: WebServer, run: Run, lamps: str
) -> None:
    md5 = json.loads(run("firmware", "--json")[1])[0]["md5"]
    server.add_device(20, "new-1", md5=md5)
    status, out, err = run("rollout", "create", "id:new-1", "--to", TO)
    assert (status, out, err) == (0, "All of them run it already: no rollout was made.\n", "")
    assert run("rollout", "create", "id:new-1,lamp-off", "--to", TO)[0] == 4, "one of them does not"
    assert json.loads(run("rollout", "list", "--json")[1]) == []


def test_a_revert_of_nothing_is_refused(run: Run, lamps: str) -> None:
    run("rollout", "create", QUERY, "--to", TO, "--start", "--yes")
    status, _, err = run("rollout", "revert", "1")
    assert status == 4
    assert "nothing to take back" in err


# --- Pins and tags --------------------------------------------------------------------------------------------------


def test_a_device_is_pinned_and_let_go(run: Run, lamps: str) -> None:
    status, out, _ = run("pin", "lamp-1", "--until", "3d", "--reason", "the party")
    assert status == 0
    assert out.startswith("lamp-1 is pinned until 2")
    preview = json.loads(run("rollout", "preview", QUERY, "--to", TO, "--json")[1])
    assert [each["reason"] for each in preview["left_out"] if each["code"] == "pinned"] == [
        "lamp-1 is pinned: the party. Unpin it first."
    ]
    assert run("unpin", "lamp-1")[1] == "lamp-1 is not pinned any more.\n"
    assert run("unpin", "lamp-1")[0] == 3


def test_a_device_is_tagged_and_found(run: Run, lamps: str) -> None:
    assert run("tag", "lamp-1", "attic")[1] == "lamp-1 has the tags attic.\n"
    assert json.loads(run("tag", "lamp-1", "bench", "--json")[1])["tags"] == ["attic", "bench"]
    assert [each["id"] for each in json.loads(run("devices", "tag:attic", "--json")[1])] == ["homie~lamp-1"]
    assert run("untag", "lamp-1", "attic")[1] == "lamp-1 has the tags bench.\n"
    assert run("untag", "lamp-1", "bench")[1] == "lamp-1 has no tags any more.\n"
    assert run("untag", "lamp-1", "bench")[0] == 3
    assert run("tag", "lamp-1", "two words")[0] == 2


def test_until_a_day_means_its_end() -> None:
    now = 1_800_000_000.0
    end = datetime.fromisoformat(marks.moment("2030-03-01", now))
    assert (end.hour, end.minute) == (23, 59)
    assert datetime.fromisoformat(marks.moment("2030-03-01 12:00", now)).hour == 12
    assert datetime.fromisoformat(marks.moment("2d", now)).timestamp() == now + 172800
    with pytest.raises(WrongUse, match="2026-03-01"):
        marks.moment("soon", now)
