"""What a terminal sees beside plain text: tables, bars, and nothing that a device could make of them."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cli.conftest import Run
from cli.terminal import Terminal
from homie_ota import client
from homie_ota.cli import bars, following, show
from homie_ota.rollout.lifecycle import Event
from homie_ota.simulator.images import make_image
from webserver import WebServer

EVIL = "[red]evil[/red] :smile: [link=x]y[/link]\x1b]0;title\x07\x1b[2J\u202e"


Screen = Callable[[], tuple[Terminal, Terminal]]


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """Makes standard output and standard error a terminal without colours, 120 wide, for the rest of the test."""

    def screen() -> tuple[Terminal, Terminal]:
        for name, value in (("COLUMNS", "120"), ("TERM", "xterm"), ("NO_COLOR", "1")):
            monkeypatch.setenv(name, value)
        out, err = Terminal(), Terminal()
        monkeypatch.setattr(sys, "stdout", out)
        monkeypatch.setattr(sys, "stderr", err)
        return out, err

    return screen


def test_a_terminal_gets_a_drawn_table_with_all_that_plain_text_has(
    server: WebServer, run: Run, screen: Screen
) -> None:
    out, _err = screen()
    server.add_device(1, "hall-lamp", name="Hall", ip="10.0.0.7")
    assert run("devices")[0] == 0
    drawn = out.getvalue()
    assert "─" in drawn
    for word in ("ID", "hall-lamp", "homie/", "ready", "10.0.0.7", "Hall"):
        assert word in drawn


def test_names_are_drawn_as_they_are_neither_markup_nor_escapes(
    server: WebServer, run: Run, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _err = screen()
    monkeypatch.setenv("COLUMNS", "300")
    server.add_device(1, "lamp", name=EVIL)
    server.add_reading(1, "relay", "on", EVIL)
    for argv in (("devices",), ("device", "lamp")):
        assert run(*argv)[0] == 0
    drawn = out.getvalue()
    assert drawn.count("[red]evil[/red] :smile: [link=x]y[/link]") >= 2
    assert not set(drawn) & {"\x07", "\u202e"}
    assert "\x1b]" not in drawn
    assert "\x1b[2J" not in drawn


def test_a_narrow_terminal_breaks_texts_and_neither_heads_nor_hashes(
    screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, _err = screen()
    monkeypatch.setenv("COLUMNS", "80")
    heads = ("NAME", "VERSION", "SIZE", "CHIP", "SHA256", "RUNS ON", "UPLOADED", "DESCRIPTION")
    about = "for the lamp in the hall, which the electrician wired the other way round"
    show.table(heads, [("lamp", "2.0.0", "391 KB", "esp8266", "ddfa530fc734", 12, "5 min", about)])
    drawn = out.getvalue()
    assert "DESCRIPTION" in drawn
    assert "ddfa530fc734" in drawn
    assert "electrician" in drawn
    out.truncate(0)
    wide = (
        "hall-lamp-with-a-long-name",
        "192.168.178.110",
        "192.168.178.111",
        "esp8266-arduino",
        "80 %",
        "5 min",
    )
    show.table(("ID", "IP", "IP", "IMPLEMENTATION", "SIGNAL", "SEEN"), [wide])
    drawn = out.getvalue()
    assert "SIGNAL" in drawn, "no column is lost"
    assert "80 %" in drawn


def test_states_have_a_colour_where_the_terminal_has_any(
    monkeypatch: pytest.MonkeyPatch, screen: Screen
) -> None:
    out, _err = screen()
    monkeypatch.delenv("NO_COLOR")
    show.table(("ID", "STATE"), [("a", "ready"), ("b", "lost")])
    assert "\x1b[32mready" in out.getvalue()
    assert "\x1b[31mlost" in out.getvalue()


def test_an_upload_has_a_bar_with_rate_and_time_left(run: Run, tmp_path: Path, screen: Screen) -> None:
    out, err = screen()
    path = tmp_path / "[b]lamp.bin"
    path.write_bytes(make_image("lamp", "2.0.0", size=900_000))
    assert run("upload", str(path))[0] == 0
    drawn = err.getvalue()
    assert "[b]lamp.bin" in drawn
    assert re.search(r"\d+ KB of 879 KB [\d.]+ [KM]B/s", drawn), "of 1024 bytes, as in all lists"
    assert "100%" in drawn
    assert "lamp 2.0.0 stored" in out.getvalue()


def test_json_and_pipes_have_no_bars(run: Run, tmp_path: Path, screen: Screen) -> None:
    _out, err = screen()
    path = tmp_path / "lamp.bin"
    path.write_bytes(make_image("lamp", "2.0.0", size=50_000))
    assert run("upload", str(path), "--json")[0] == 0
    assert err.getvalue() == ""


def test_a_transfer_that_is_watched_has_a_bar_until_it_ends(
    server: WebServer, run: Run, upload: Callable[..., str], screen: Screen,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    sha256 = upload()
    server.add_device(1, "hall")
    out, _err = screen()
    shown: list[tuple[str, int, int]] = []
    monkeypatch.setattr(
        bars.Bars, "show", lambda _, name, done, whole, said="": shown.append((name, done, whole))
    )
    dropped: list[str] = []
    monkeypatch.setattr(bars.Bars, "drop", lambda _, name: dropped.append(name))
    steps = iter(
        [(Event.OFFER,), (Event.ACCEPT,), (Event.FLASH, Event.CONFIRM, Event.HEAL)],
    )
    clock = SimpleNamespace(sleep=lambda _: server.move(1, *next(steps)), monotonic=lambda: 0.0)
    monkeypatch.setattr(client, "time", clock)
    assert run("update", "hall", "--to", sha256, "--watch")[0] == 0
    assert {(name, whole) for name, _, whole in shown} == {("hall", 50_000)}
    assert dropped[-1] == "hall"
    assert "succeeded" in out.getvalue()


def test_a_soak_is_seen_to_go_on(screen: Screen, monkeypatch: pytest.MonkeyPatch) -> None:
    _out, err = screen()
    monkeypatch.setattr("homie_ota.cli.show.time.time", lambda: 1_000.0)
    state = {"id": 1, "device": "homie~hall", "state": "verifying", "events": []}
    soak = {"verifying": {"rounds": 1, "of_rounds": 3, "by": "1970-01-01T00:18:00+00:00"}}
    beats: list[float] = []

    def follow(_numbers: Any, beat: float) -> list[Any]:
        beats.append(beat)
        return [{**state, **soak}, {**state, "state": "succeeded"}]

    assert following.watch_deployments(SimpleNamespace(follow=follow), {"hall": {"id": 1}}, False) is False  # type: ignore[arg-type]
    assert beats == [1.0]
    assert "verifying, 1 of 3 statistics, next look in 80 s" in err.getvalue()


def _rollout(state: str, left: float) -> dict[str, Any]:
    gate = {
        "text": f"verified 1/1, soak {left}",
        "soak_left": left,
        "next_at": "2026-01-01T00:00:00Z" if left else None,
    }
    wave = {"number": 0, "state": "running" if left else "passed", "gate": gate, "lane": False, "counts": {}}
    return {"id": 1, "state": state, "events": [], "waves": [wave], "counts": {"verified": 1}}


@pytest.mark.parametrize("drawn", [True, False])
def test_the_soak_of_a_wave_is_seen_to_go_on(
    screen: Screen, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], drawn: bool
) -> None:
    shown: list[str] = []
    if drawn:
        screen()
        monkeypatch.setattr(bars.Bars, "show", lambda _, name, done, whole, said: shown.append(said))
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr(following, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    steps = [_rollout("running", left) for left in (100.0, 80.0, 60.0)] + [_rollout("finished", 0.0)]
    api: Any = SimpleNamespace(follow_rollout=lambda _number, beat: steps if beat else [])
    assert following.watch_rollout(api, 1, as_json=False) == 0
    if drawn:
        assert shown == [f"1/1, wave 1: soak, {left} left" for left in ("100 s", "80 s", "60 s")] + [""]
    else:
        lines = [line.split("  ", 1)[1] for line in capsys.readouterr().out.splitlines()[:-1]]
        assert lines == ["wave 1: verified 1/1", "wave 1: soak, 80 s left"], "one in 30 s"


def test_only_some_bars_are_drawn_at_a_time(screen: Screen) -> None:
    _out, err = screen()
    with bars.Bars(in_bytes=True) as drawn:
        for number in range(30):
            drawn.show(f"lamp-{number}", 1, 10)
        drawn.drop("lamp-0")
        drawn.show("lamp-29", 5, 10)
    assert "lamp-29" in err.getvalue()
    assert "lamp-20" not in err.getvalue()


def test_a_rollout_has_a_bar_of_devices(screen: Screen) -> None:
    _out, err = screen()
    with bars.Bars(in_bytes=False) as drawn:
        drawn.show("rollout 1", 0, 4)
        drawn.show("rollout 1", 2, 4)
    assert "2/4" in err.getvalue()


def test_who_was_left_out_of_a_rollout_does_not_count() -> None:
    counts = {"verified": 3, "harmful": 1, "waiting": 5, "absent": 1, "skipped": 7, "running": 2}
    assert following.progress({"counts": counts}) == (12, 4)
