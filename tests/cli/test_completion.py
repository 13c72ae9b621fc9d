"""What a shell offers at Tab: the words of the table, and what the server knows, in time or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from cli.conftest import Run
from homie_ota.cli import completion, main
from webserver import Scripted, WebServer, send

Press = Callable[[str], list[str]]


@pytest.fixture
def press(
    server: WebServer, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Press:
    """What bash is offered behind these words."""

    def press(line: str) -> list[str]:
        words = line.split(" ")
        with monkeypatch.context() as patched:
            patched.setenv("_HOMIE_OTA_COMPLETE", "complete_bash")
            patched.setenv("COMP_WORDS", line)
            patched.setenv("COMP_CWORD", str(len(words) - 1))
            assert main([]) == 0
        out, err = capsys.readouterr()
        assert err == ""
        return [word for word in out.splitlines() if word]

    return press


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("homie-ota dev", ["devices", "device"]),
        ("homie-ota rollout re", ["resume", "revert"]),
        ("homie-ota delete ", ["device", "firmware"]),
        ("homie-ota devices --st", ["--state"]),
        ("homie-ota devices --state sl", ["sleeping"]),
        ("homie-ota user add bob --role v", ["viewer"]),
    ],
)
def test_words_of_the_program_are_offered(press: Press, line: str, offered: list[str]) -> None:
    assert press(line) == offered


def test_what_the_server_knows_is_offered(
    press: Press, server: WebServer, upload: Callable[..., str]
) -> None:
    upload("lamp", "2.0.0"), upload("plug", "1.0")
    server.add_devices([(1, "hall"), (2, "hall-2"), (3, "attic"), (4, "same")])
    server.add_device(5, "same", base="homie/5/")
    assert press("homie-ota device hal") == ["hall", "hall-2"]
    assert press("homie-ota device homie~h") == ["homie~hall", "homie~hall-2"]
    assert sorted(press("homie-ota device homie~5~s")) == ["homie~5~same"]
    assert press("homie-ota update attic hall --to l") == ["lamp@2.0.0"]
    assert sorted(press("homie-ota firmware show ")) == ["lamp@2.0.0", "plug@1.0"]
    assert press(f"homie-ota --server {server.url} --token {server.token} device att") == ["attic"]


def test_what_could_act_on_a_terminal_or_needs_quotes_is_not_offered(press: Press, server: WebServer) -> None:
    for pk, id_ in enumerate(("a$(reboot)", "a\x1b[2J", "a b", "a'b", "a;b", "abc"), 1):
        server.add_device(pk, id_)
    assert press("homie-ota device a") == ["abc"]


@pytest.mark.parametrize("where", ["--server http://127.0.0.1:1", "--server nonsense://x"])
def test_without_an_answer_nothing_is_offered(press: Press, server: WebServer, where: str) -> None:
    server.add_device(1, "hall")
    assert press(f"homie-ota {where} device ha") == []


def test_a_slow_server_is_not_waited_for(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.5)
        send(handler, 200, '{"items": [{"id": "homie~hall"}], "total": 1, "next": null}')

    monkeypatch.setattr(completion, "PATIENCE", 0.05)
    slow = Scripted(answer)
    try:
        assert press(f"homie-ota --server {slow.url} device ha") == []
    finally:
        slow.stop()


def test_bash_itself_completes(server: WebServer, tmp_path: Path) -> None:
    server.add_device(1, "hall-lamp")
    server.add_device(2, "attic")
    program = tmp_path / "homie-ota"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m homie_ota "$@"\n')
    program.chmod(0o755)
    script = """
        eval "$(_HOMIE_OTA_COMPLETE=source_bash homie-ota)"
        COMP_WORDS=(homie-ota device ha); COMP_CWORD=2
        _homie_ota_completion homie-ota
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    environment = {
        **os.environ,
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HOMIE_OTA_SERVER": server.url,
        "HOMIE_OTA_TOKEN": server.token,
    }
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
        timeout=60,
    )
    assert (done.stdout, done.stderr) == ("hall-lamp\n", "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_the_words_with_what_they_mean(
    server: WebServer, run: Run, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    server.add_device(1, "hall-lamp")
    monkeypatch.setenv("_HOMIE_OTA_COMPLETE", f"complete_{shell}")
    monkeypatch.setenv("_TYPER_COMPLETE_ARGS", "homie-ota device ha")
    monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
    status, out, _ = run()
    assert status == 0
    assert "hall-lamp" in out
    assert "ready, lamp 1.0.0" in out


def test_the_script_for_the_shell_is_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("typer.completion._get_shell_name", lambda: "zsh")
    status, out, _ = run("--show-completion")
    assert (status, "#compdef homie-ota" in out) == (0, True)


def test_the_script_is_installed_for_the_person(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("typer._completion_shared._get_shell_name", lambda: "bash")
    status, out, _ = run("--install-completion")
    assert (status, "bash completion installed" in out) == (0, True)
    assert "completion" in (tmp_path / ".bashrc").read_text()
