"""The command line against the real application: what it prints, what it asks, and how it exits."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa

from cli.terminal import Terminal
from homie_ota import __version__, client
from homie_ota.cli import main, show
from homie_ota.cli.plan import is_several
from homie_ota.config import Settings
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.simulator.images import make_image
from homie_ota.store import accounts
from homie_ota.store.database import Database
from webserver import WebServer

COMMANDS = (
    "serve",
    "demo",
    "simulate",
    "upload",
    "firmware",
    "compare",
    "fits",
    "devices",
    "device",
    "update",
    "rollout",
    "pin",
    "unpin",
    "tag",
    "untag",
    "why",
    "cancel",
    "release",
    "leftovers",
    "user",
    "token",
    "audit",
    "broker-config",
    "backup",
    "restore",
    "migrate",
)
BELOW = {
    "user": ("list", "add", "role", "reset", "disable", "enable", "logout", "remove", "token"),
    "token": ("list", "make", "revoke"),
    "audit": ("verify", "export"),
    "rollout": ("list", "show", "preview", "create", "start", "pause", "resume", "drain", "abort", "revert"),
}
Run = Callable[..., tuple[int, str, str]]


def told(text: str) -> list[str]:
    return text.splitlines()


# --- Reading -------------------------------------------------------------------------------------------------------


def test_devices_are_a_plain_aligned_table(server: WebServer, run: Run) -> None:
    soon = (
        time.time() + 60
    )  # it takes a moment until the table is made; a device of the future was seen just now
    server.add_device(1, "hall-lamp", name="Hall", ip="10.0.0.7", signal=62.0, last_seen=soon)
    server.add_device(
        2, "plug", base="homie/5/", state="lost", fw_name="", fw_version="", homie="5.0", last_seen=soon
    )
    status, out, err = run("devices")
    assert (status, err) == (0, "")
    assert [line.split() for line in told(out)] == [
        ["ID", "BASE", "STATE", "FIRMWARE", "VERSION", "HOMIE", "SIGNAL", "IP", "SEEN", "NAME"],
        ["hall-lamp", "homie/", "ready", "lamp", "1.0.0", "3.0.1", "62", "%", "10.0.0.7", "0", "s", "Hall"],
        ["plug", "homie/5/", "lost", "5.0", "0", "s"],
    ]
    assert {line.index("homie/") for line in told(out)[1:]} == {told(out)[0].index("BASE")}


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        ((), ["a", "b", "c"]),
        (("fw:lamp",), ["a", "b"]),
        (("--", "-fw:lamp"), ["c"]),
        (("-fw:lamp state:ready",), ["c"]),  # a space in it: no option looks like that
        (("--sort=-id", "--limit", "2"), ["c", "b"]),
        (("--state", "lost"), []),
        (("id:b OR id:c",), ["b", "c"]),
    ],
)
def test_a_query_is_one_argument(
    server: WebServer, run: Run, argv: tuple[str, ...], found: list[str]
) -> None:
    server.add_device(1, "a")
    server.add_device(2, "b")
    server.add_device(3, "c", fw_name="plug")
    status, out, _ = run("devices", "--json", *argv)
    assert status == 0
    assert [device["id"] for device in json.loads(out)] == [f"homie~{id_}" for id_ in found]


def test_what_a_device_says_cannot_act_on_the_terminal(server: WebServer, run: Run) -> None:
    evil = "\x1b[2J\x07\u202eevil\u2066\x9b31m\nx"
    server.add_device(1, "lamp", name=evil)
    server.add_reading(1, "relay", "on", evil)
    for argv in (("devices",), ("device", "lamp"), ("devices", "--json"), ("device", "lamp", "--json")):
        _, out, _ = run(*argv)
        assert "evil" in out
        assert not set(out) & set(evil.replace("\n", "")) - set("[2Jevil31mx ")
    assert len(told(run("devices")[1])) == 2


def test_a_device_is_shown_with_readings_and_history(
    server: WebServer, run: Run, upload: Callable[..., str]
) -> None:
    server.add_device(1, "hall", mac="A1:B2:C3:D4:E5:F6", uptime=90_000.0)
    server.add_reading(1, "relay", "on", "false")
    run("update", "hall", "--to", upload())
    status, out, _ = run("device", "hall")
    assert status == 0
    for words in (
        "homie~hall",
        "A1:B2:C3:D4:E5:F6",
        "lamp 1.0.0",
        "25 h",
        "relay/on",
        "queued",
        "lamp 2.0.0",
    ):
        assert words in out
    found = json.loads(run("device", "homie~hall", "--json")[1])
    assert found["readings"][0]["property"] == "on"
    assert found["deployments"][0]["state"] == "queued"


def test_why_is_a_paragraph_or_json(server: WebServer, run: Run) -> None:
    server.add_device(1, "hall", way="none")
    status, out, _ = run("why", "hall")
    assert (status, len(out) > 20) == (0, True)
    told = json.loads(run("why", "hall", "--json")[1])
    assert out.splitlines()[0] == told["text"]
    assert all(step["what"] in out for step in told["steps"])


def test_firmware_is_uploaded_and_listed(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "lamp.bin"
    path.write_bytes(make_image("lamp", "2.0.0", size=50_000))
    status, out, _ = run("upload", str(path), "--description", "new relay")
    assert (status, told(out)[0]) == (0, "lamp 2.0.0 stored (49 KB)")
    status, out, _ = run("firmware")
    assert "new relay" in told(out)[1]
    assert told(out)[1].split()[:4] == ["lamp", "2.0.0", "49", "KB"]
    assert len(json.loads(run("firmware", "--json")[1])) == 1


# --- Update --------------------------------------------------------------------------------------------------------


def test_one_named_device_is_updated_without_a_question(
    server: WebServer, run: Run, upload: Callable[..., str]
) -> None:
    server.add_device(1, "hall")
    upload()
    status, out, _ = run("update", "hall", "--to", "lamp@2.0.0")
    assert (status, out) == (0, "hall: deployment 1 is queued\n")
    assert server.states() == {1: "queued"}


def test_a_firmware_is_named_by_the_beginning_of_its_hash(
    server: WebServer, run: Run, upload: Callable[..., str]
) -> None:
    server.add_device(1, "hall")
    sha256 = upload()
    assert run("update", "hall", "--to", sha256[:8].upper())[0] == 0


def test_a_device_that_runs_it_is_left_alone(server: WebServer, run: Run, upload: Callable[..., str]) -> None:
    upload()
    md5 = json.loads(run("firmware", "--json")[1])[0]["md5"]
    server.add_device(1, "hall", md5=md5)
    status, out, _ = run("update", "hall", "--to", "lamp@2.0.0", "--watch")
    assert (status, out) == (0, "hall runs this very image already.\n")
    assert server.states() == {}


@pytest.mark.parametrize(
    ("target", "firmware", "status", "words"),
    [
        ("nowhere", "lamp@2.0.0", 3, "no device 'nowhere'"),
        ("none-*", "lamp@2.0.0", 3, "No device fits 'none-*'"),
        ("hall", "lamp@9", 3, "Of lamp there is: 2.0.0."),
        ("hall", "plug@1", 3, "upload it"),
        ("hall", "00000000", 3, "no firmware"),
        ("hall", "lamp", 2, "NAME@VERSION"),
        ("off", "lamp@2.0.0", 4, "switched off"),
        ("plug", "lamp@2.0.0", 4, "homie~5~plug, homie~plug"),
        ("stat:x", "lamp@2.0.0", 2, "did you mean state?"),
    ],
)
def test_what_cannot_be_done_says_why_and_exits_accordingly(
    server: WebServer,
    run: Run,
    upload: Callable[..., str],
    target: str,
    firmware: str,
    status: int,
    words: str,
) -> None:
    server.add_device(1, "hall")
    server.add_device(2, "off", ota_enabled=False)
    server.add_device(3, "plug")
    server.add_device(4, "plug", base="homie/5/")
    upload()
    found, out, err = run("update", target, "--to", firmware)
    assert (found, out) == (status, "")
    assert words in err
    assert err.startswith("homie-ota: ")
    assert server.states() == {}


def fleet(server: WebServer, md5: str = "") -> None:
    server.add_device(1, "lamp-1")
    server.add_device(2, "lamp-2", fw_version="1.5")
    server.add_device(3, "lamp-3", md5=md5)
    server.add_device(4, "lamp-4", ota_enabled=False)
    server.add_device(5, "lamp-5", implementation="esp32")
    server.add_device(6, "plug", fw_name="plug")


@pytest.fixture
def lamps(server: WebServer, run: Run, upload: Callable[..., str]) -> str:
    """Six devices of which two can get the one image, and one runs it; the SHA-256."""
    sha256 = upload()
    fleet(server, json.loads(run("firmware", "--json")[1])[0]["md5"])
    return sha256


def test_what_a_glob_finds_is_shown_and_nothing_happens_without_an_answer(
    server: WebServer, run: Run, lamps: str
) -> None:
    status, out, err = run("update", "lamp-*", "--to", "lamp@2.0.0")
    assert status == 2
    assert "2 devices would be updated. Say --yes" in err
    assert told(out)[0] == "2 will be updated, 1 run it already, 2 left out."
    assert told(out)[1].startswith("waves of 1, 1; it takes ")
    assert ["2", "lamp-2", "lamp", "1.5", "lamp", "2.0.0"] in [line.split() for line in told(out)]
    assert any(line.startswith("  lamp-4: lamp-4 has OTA switched off") for line in told(out))
    assert any("ESP8266 image, but lamp-5 is an ESP32" in line for line in told(out))
    assert server.states() == {}


@pytest.mark.parametrize("target", ["lamp-*", "fw:lamp -version:9", "-id:plug", "id:lamp-1,lamp-2"])
def test_yes_starts_a_rollout_to_several(server: WebServer, run: Run, lamps: str, target: str) -> None:
    status, out, _ = run("update", "--to", lamps, "--yes", "--", target)
    assert status == 0
    assert told(out)[-1].startswith("rollout 1 is running (")
    assert [(each.wave, each.device_id) for each in server.members(1) if each.wave >= 0] == [
        (0, "lamp-1"),
        (1, "lamp-2"),
    ]


def test_several_targets_are_one_list_without_doubles(server: WebServer, run: Run, lamps: str) -> None:
    status, out, _ = run("update", "lamp-2", "lamp-*", "homie~lamp-1", "--to", lamps, "--yes", "--json")
    assert status == 0
    found = json.loads(out)
    assert [each["counts"]["waiting"] for each in found["rollouts"]] == [2]
    assert found["ordered"] == []
    assert {(each["device"], each["runs_it"]) for each in found["skipped"]} == {
        ("homie~lamp-3", True),
        ("homie~lamp-4", False),
        ("homie~lamp-5", False),
    }


def test_all_at_once_is_a_choice_with_a_warning(server: WebServer, run: Run, lamps: str) -> None:
    status, _, err = run("update", "lamp-*", "--to", lamps, "--yes", "--all-at-once")
    assert status == 0
    assert "Mind: All 2 devices are in one wave" in err
    assert {each.wave for each in server.members(1) if each.wave >= 0} == {0}


@pytest.mark.parametrize(
    ("answer", "status", "ordered"), [("y\n", 0, 2), ("n\n", 1, 0), ("", 1, 0), ("no\n", 1, 0)]
)
def test_a_person_is_asked(
    server: WebServer,
    run: Run,
    lamps: str,
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    status: int,
    ordered: int,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    found, _, err = run("update", "lamp-*", "--to", lamps)
    assert found == status
    assert "Update 2 devices (way back: 0 of 2)? [y/N]" in err
    assert len([each for each in server.members(1) if each.wave >= 0]) == ordered


def test_json_never_asks(server: WebServer, run: Run, lamps: str) -> None:
    status, out, err = run("update", "lamp-*", "--to", lamps, "--json")
    assert (status, out) == (2, "")
    assert "--yes" in err


def test_a_list_in_which_nobody_can_get_it_is_refused(server: WebServer, run: Run, lamps: str) -> None:
    assert run("update", "lamp-4", "lamp-5", "--to", lamps, "--yes")[0] == 4
    assert run("update", "lamp-3", "lamp-4", "--to", lamps, "--yes")[0] == 4
    assert run("update", "id:lamp-3", "--to", lamps)[0] == 0
    assert server.states() == {}


def test_a_typed_reason_lifts_what_can_be_lifted(server: WebServer, run: Run, lamps: str) -> None:
    assert run("update", "lamp-5", "--to", lamps)[0] == 4
    assert run("update", "lamp-5", "--to", lamps, "--override", "it really is an 8266")[0] == 0
    assert (
        json.loads(run("device", "lamp-5", "--json")[1])["deployments"][0]["override"]
        == "it really is an 8266"
    )


def test_who_is_being_updated_already_does_not_stop_the_others(
    server: WebServer, run: Run, lamps: str
) -> None:
    assert run("update", "lamp-1", "--to", lamps)[0] == 0
    status, out, _ = run("update", "lamp-*", "--to", lamps, "--yes")
    assert status == 0
    assert "  lamp-1: Deployment 1 of it is queued." in told(out)
    assert told(out)[-1] == "lamp-2: deployment 2 is queued"  # one alone needs no waves


def test_a_reason_lifts_a_refusal_of_one_device_only(server: WebServer, run: Run, lamps: str) -> None:
    status, _, err = run("update", "lamp-*", "--to", lamps, "--yes", "--override", "I know")
    assert status == 2
    assert "Name that device alone" in err
    assert server.members(1) == []


def test_of_several_images_of_one_version_the_fitting_one_is_sent(
    server: WebServer, run: Run, upload: Callable[..., str]
) -> None:
    hashes = {upload(seed=0), upload(seed=1)}
    server.add_device(1, "lamp-1")
    server.add_device(2, "lamp-2")
    for targets in (["lamp-1"], ["lamp-1", "lamp-2"]):
        status, out, err = run("update", *targets, "--to", "lamp@2.0.0", "--yes")
        assert status == 4  # both fit: nobody can guess
        assert all(sha256[:12] in out + err for sha256 in hashes)
    assert server.states() == {}


# --- Watching ------------------------------------------------------------------------------------------------------


Play = Callable[..., None]


@pytest.fixture
def play(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Move the latest deployment on whenever the command waits before it looks again."""

    def play(*moves: tuple[Event, ...], reason: Reason | None = None) -> None:
        script = iter(moves)

        def sleep(_: float) -> None:
            for event in next(script):
                server.move(max(server.states()), event, reason=reason)

        monkeypatch.setattr(client, "time", SimpleNamespace(sleep=sleep, monotonic=time.monotonic))

    return play


def test_watching_tells_each_change_until_the_end(run: Run, lamps: str, play: Play) -> None:
    play((Event.OFFER, Event.ACCEPT), (), (Event.FLASH,), (Event.CONFIRM, Event.HEAL))
    status, out, _ = run("update", "lamp-1", "--to", lamps, "--watch")
    assert status == 0
    moves = (
        "queued",
        "offered",
        "transferring",
        "rebooting",
        "verifying",
        "succeeded",
    )  # also between two looks
    assert [line.split()[1:] for line in told(out)] == [["lamp-1", state] for state in moves]
    assert re.fullmatch(r"\d\d:\d\d:\d\d", told(out)[0].split()[0])


def test_a_failure_is_told_with_its_reason_and_exits_1(run: Run, lamps: str, play: Play) -> None:
    reason = Reason("no-space", "The device has no room for it.", False)
    play((Event.OFFER,), (Event.REFUSE,), reason=reason)
    status, out, _ = run("update", "lamp-1", "--to", lamps, "--watch", "--json")
    assert status == 1
    seen = [json.loads(line) for line in told(out)]
    assert [each["state"] for each in seen] == ["queued", "offered", "failed"]
    assert seen[-1]["reason"] == "The device has no room for it."


def test_an_attempt_that_broke_off_is_no_end_while_another_one_waits(
    run: Run, lamps: str, play: Play
) -> None:
    broken = Reason("transfer-broken", "The Wi-Fi was gone.", False)
    fails = (Event.OFFER, Event.ACCEPT, Event.BREAK)
    play(fails, (Event.OFFER,), (Event.CONFIRM, Event.HEAL), reason=broken)
    status, out, _ = run("update", "lamp-1", "--to", lamps, "--watch")
    assert status == 0
    assert [line.split("  ")[-1].partition(":")[0] for line in told(out)] == [
        "queued", "offered", "transferring", "failed", "attempt 2 queued", "attempt 2 offered", "attempt 2 verifying",
        "attempt 2 succeeded",
    ]  # fmt: skip


def test_a_budget_that_is_used_up_is_the_end_and_says_so(run: Run, lamps: str, play: Play) -> None:
    fails = (Event.OFFER, Event.ACCEPT, Event.BREAK)
    play(fails, fails, fails, reason=Reason("transfer-broken", "The Wi-Fi was gone.", False))
    status, out, _ = run("update", "lamp-1", "--to", lamps, "--watch")
    assert status == 1
    assert "attempt 3 failed: The Wi-Fi was gone." in told(out)[-2]
    assert "homie-ota release lamp-1" in told(out)[-1]


def test_the_reason_of_a_failure_is_in_its_line(run: Run, lamps: str, play: Play) -> None:
    play((Event.OFFER,), (Event.REFUSE,), reason=Reason("no-space", "No room\x1b[2J.", False))
    status, out, _ = run("update", "lamp-1", "--to", lamps, "--watch")
    assert status == 1
    assert told(out)[-2].endswith("lamp-1  failed: No room [2J.")
    assert told(out)[-1] == "Nothing more is tried by itself."


SOAK = ((Event.OFFER, Event.ACCEPT, Event.FLASH, Event.CONFIRM), (), (), (), (Event.HEAL,))


@pytest.fixture
def slow(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty seconds between two looks at a deployment that is verified for a while."""
    looks, script = iter(range(0, 1000, 20)), iter(SOAK)
    clock = SimpleNamespace(sleep=lambda _: server.move(1, *next(script)), monotonic=lambda: next(looks))
    monkeypatch.setattr(client, "time", clock)


def test_a_pipe_hears_of_a_soak_now_and_then(run: Run, lamps: str, slow: None) -> None:
    status, out, _ = run("update", "lamp-1", "--to", lamps, "--watch")
    assert status == 0
    said = [line.split("  ", 1)[1] for line in told(out)]
    assert said[4] == "lamp-1  verifying"
    soak = said[5:-1]
    assert soak
    assert all(line.startswith("lamp-1  verifying, 0 of 3 statistics") for line in soak)
    assert said[-1] == "lamp-1  succeeded"


def test_whoever_reads_json_hears_of_changes_only(run: Run, lamps: str, slow: None) -> None:
    _, out, _ = run("update", "lamp-1", "--to", lamps, "--watch", "--json")
    seen = [json.loads(line) for line in told(out)]
    assert [each["state"] for each in seen] == ["queued", "verifying", "succeeded"]
    assert [(each["verifying"] or {}).get("of_rounds") for each in seen] == [None, 3, None]


@pytest.mark.parametrize("targets", [["plug"], ["id:plug"]])
def test_what_to_think_of_is_said_before(server: WebServer, run: Run, lamps: str, targets: list[str]) -> None:
    status, _, err = run("update", *targets, "--to", lamps, "--yes")
    assert status == 0
    assert told(err)[0] == "homie-ota: Mind: plug runs 'plug'; this image is 'lamp'."


@pytest.mark.parametrize(
    ("argv", "answer", "status", "asks"),
    [
        (("plug",), "n\n", 4, True),
        (("plug",), "", 4, True),
        (("plug",), "y\n", 0, True),
        (("plug", "--yes"), "", 0, False),
        (("lamp-1",), "", 0, False),
    ],
)
def test_a_person_who_named_one_device_is_asked_where_something_speaks_against_it(
    server: WebServer,
    run: Run,
    lamps: str,
    monkeypatch: pytest.MonkeyPatch,
    argv: tuple[str, ...],
    answer: str,
    status: int,
    asks: bool,
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stdout", Terminal())
    found, _, err = run("update", *argv, "--to", lamps)
    assert (found, "Go on? [y/N]" in err) == (status, asks)
    assert bool(server.states()) is (status == 0)


def test_a_pipe_is_told_and_not_asked(
    server: WebServer, run: Run, lamps: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    status, out, err = run("update", "plug", "--to", lamps)
    assert (status, "Go on?" in err) == (0, False)
    assert "Mind: plug runs 'plug'" in err
    assert out == "plug: deployment 1 is queued\n"


def test_queued_deployments_are_cancelled_by_number_or_device(
    server: WebServer, run: Run, lamps: str
) -> None:
    for device in ("lamp-1", "lamp-2"):
        run("update", device, "--to", lamps)
    assert run("cancel", "1") == (0, "deployment 1 is cancelled\n", "")
    assert run("cancel", "lamp-2", "--json")[0] == 0
    assert server.states() == {1: "cancelled", 2: "cancelled"}
    assert run("cancel", "lamp-2")[0] == 3
    assert run("cancel", "1")[0] == 4
    assert run("cancel", "99")[0] == 3


# --- Options, exits, manners ---------------------------------------------------------------------------------------


def test_the_server_can_be_named_before_or_after_the_command(
    server: WebServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOMIE_OTA_SERVER", "http://127.0.0.1:1")
    monkeypatch.setenv("HOMIE_OTA_TOKEN", "wrong")
    here, token = ("--server", server.url), ("--token", server.token)
    assert run(*here, *token, "firmware")[0] == 0
    assert run("firmware", *here, *token)[0] == 0
    assert run(*here, "firmware", *token, "--json") == (0, "[]\n", "")
    assert run("--json", *token, "firmware", *here) == (0, "[]\n", "")
    assert run(*here, "firmware")[0] == 4
    assert run("firmware")[0] == 5


def test_a_token_is_not_repeated_when_it_is_wrong(server: WebServer, run: Run) -> None:
    status, out, err = run("--token", "hota_secret", "firmware")
    assert status == 4
    assert "hota_secret" not in out + err


@pytest.mark.parametrize("argv", [(), ("fly",), ("devices", "a", "b"), ("update", "x"), ("user", "reset")])
def test_wrong_use_is_exit_2(run: Run, argv: tuple[str, ...]) -> None:
    status, out, err = run(*argv)
    assert (status, out) == (2, "")
    assert "usage: homie-ota" in err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(run: Run, command: str) -> None:
    status, out, _ = run(command, "--help")
    assert status == 0
    assert f"usage: homie-ota {command}" in out
    assert command in run("--help")[1]


def test_the_version_is_said(run: Run) -> None:
    assert run("--version") == (0, f"homie-ota {__version__}\n", "")


def test_help_and_a_question_load_nothing_that_they_do_not_need() -> None:
    heavy = (
        "asyncio",
        "sqlalchemy",
        "pydantic",
        "starlette",
        "uvicorn",
        "homie_ota.store",
        "homie_ota.config",
    )
    program = (
        "import sys; from homie_ota.cli import main;"
        "main(['--help']); main(['--server', 'http://127.0.0.1:1', 'devices']);"
        f"print([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told(done.stdout)[-1] == "[]"


def test_a_server_does_not_keep_the_command_line_in_memory(tmp_path: Path) -> None:
    program = (
        "import sys, types, homie_ota;"
        "fake = homie_ota.service = sys.modules['homie_ota.service'] = types.ModuleType('homie_ota.service');"
        "fake.serve = lambda settings, *, embedded: print(settings.http.host, [name for name in sys.modules"
        " if name.startswith(('typer', 'rich', 'homie_ota.cli.'))]) or 0;"
        "from homie_ota.cli import main;"
        "sys.exit(main())"
    )
    argv = ["serve", "--host", "127.0.0.1", "--data", str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", program, *argv], capture_output=True, text=True, check=True)
    assert done.stdout == "127.0.0.1 ['homie_ota.cli.running']\n"


def started(server: WebServer, *argv: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "HOMIE_OTA_SERVER": server.url, "HOMIE_OTA_TOKEN": server.token}
    command = [sys.executable, "-m", "homie_ota", *argv]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)


def test_a_closed_pipe_is_quiet(server: WebServer) -> None:
    server.add_devices([(pk, f"lamp-{pk}") for pk in range(1, 1501)], name="x" * 60)
    process = started(server, "devices")
    assert process.stdout
    assert process.stderr
    assert process.stdout.readline().startswith(b"ID")
    process.stdout.close()
    assert (process.wait(30), process.stderr.read()) == (0, b"")
    process.stderr.close()


def test_ctrl_c_is_quiet(server: WebServer, run: Run, lamps: str) -> None:
    process = started(server, "update", "lamp-1", "--to", lamps, "--watch")
    assert process.stdout
    assert b"queued" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (130, b"")
    assert server.states() == {1: "queued"}


@pytest.mark.parametrize("word", ["hall", "homie~hall-lamp", "Hall_1"])
def test_an_id_is_one_device(word: str) -> None:
    assert not is_several(word)


@pytest.mark.parametrize("word", ["hall-*", "fw:lamp", "a b", "-tag:x", "(a)", '"a"', "signal>3"])
def test_a_glob_or_a_query_may_be_several(word: str) -> None:
    assert is_several(word)


def test_wide_characters_keep_columns_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    show.table(("A", "B"), [("照明", "x"), ("ab", "y"), ("é", "z" * 80)])
    assert told(capsys.readouterr().out) == ["A     B", "照明  x", "ab    y", "é     " + "z" * 59 + "…"]


# --- On the server's machine ---------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory with one account, and no settings around."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("HOMIE_OTA_") or name == "INIFILE"]:
        monkeypatch.delenv(name)
    database = Database(str(tmp_path / "data" / "homie-ota.sqlite3"))
    database.migrate()
    database.write_now(lambda connection: accounts.create(connection, "admin", "admin", time.time()))
    database.close()
    return tmp_path / "data"


def proven(data: Path, name: str, password: str) -> bool:
    database = Database(str(data / "homie-ota.sqlite3"))
    try:
        return (
            database.read_now(lambda connection: accounts.check_password(connection, name, password))
            is not None
        )
    finally:
        database.close()


def test_a_forgotten_password_is_reset_on_the_servers_machine(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["user", "reset", "admin"]) == 0
    assert proven(data, "admin", capsys.readouterr().out.split()[-1])


@pytest.mark.parametrize("way", ["--data", "--config", "HOMIE_OTA_CONFIG"])
def test_the_database_is_found_by_the_servers_settings(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    config = tmp_path / "elsewhere.toml"
    config.write_text(f"[storage]\ndata_dir = '{data}'\n")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    where = {"--data": ["--data", str(data)], "--config": ["--config", str(config)]}.get(way, [])
    if not where:
        monkeypatch.setenv(way, str(config))
    assert main(["user", "add", "eve", "--role", "viewer", *where]) == 0
    assert proven(data, "eve", capsys.readouterr().out.split()[-1])
    assert main(["user", "add", "eve", *where]) == 4
    assert main(["user", "reset", "nobody", *where]) == 3


def test_a_token_made_here_opens_the_api(server: WebServer, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data", str(server.folder)]
    assert main(["user", "token", "admin", "--rights", "read", "--days", "1", *data]) == 0
    token = capsys.readouterr().out.strip()
    assert main(["--server", server.url, "--token", token, "firmware"]) == 0
    assert main(["--server", server.url, "--token", token, "cancel", "1"]) == 4
    assert main(["user", "token", "admin", "--rights", "fly", *data]) == 2
    assert main(["user", "token", "nobody", *data]) == 3


def test_no_database_is_made_by_asking_for_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    assert main(["user", "reset", "admin", "--data", str(tmp_path / "nothing")]) == 3
    assert "There is no database" in capsys.readouterr().err
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize(
    ("argv", "settings", "words"),
    [
        (["--auth", "none"], "", "could flash your devices"),
        (["--auth", "none", "--host", "192.0.2.1"], "", "could flash your devices"),
        ([], "[auth]\nmode = 'none'\n", "could flash your devices"),
        (["--port", "70000"], "", "port"),
        (["--mqtt", "http://broker"], "", "mqtt://"),
        (["--config", "missing.toml"], "", "missing.toml"),
        ([], "[http]\nprot = 1\n", 'The nearest known one is "port"'),
        (["--embedded-broker", "nonsense"], "", "HOST:PORT"),
    ],
)
def test_serve_refuses_what_has_no_meaning_in_a_sentence(
    data: Path, capsys: pytest.CaptureFixture[str], argv: list[str], settings: str, words: str
) -> None:
    if settings:
        (data.parent / "homie-ota.toml").write_text(settings)
    assert main(["serve", *argv]) == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "settings"),
    [
        (["--auth", "none", "--host", "127.0.0.1"], ""),
        (["--auth", "none", "--host", "localhost"], ""),
        (["--auth", "none", "--host", "::1"], ""),
        (["--auth", "none", "--auth", "none"], ""),
        (["--auth", "none"], "[auth]\nmode = 'none'\n"),
        (["--auth", "password"], "[auth]\nmode = 'none'\n"),
        (["--port", "9", "--mqtt", "mqtt://u:p@broker:1884", "--embedded-broker", "127.0.0.1:1"], ""),
    ],
)
def test_serve_hands_its_options_to_the_service_as_settings(
    data: Path, monkeypatch: pytest.MonkeyPatch, argv: list[str], settings: str
) -> None:
    from homie_ota import service

    if settings:
        (data.parent / "homie-ota.toml").write_text(settings)
    seen = []

    def serve(settings: Settings, *, embedded: str | None) -> int:
        seen.append((settings, embedded))
        return 0

    monkeypatch.setattr(service, "serve", serve)
    assert main(["serve", *argv]) == 0
    given, embedded = seen[0]
    assert given.auth.mode == (argv[1] if argv[0] == "--auth" else "password")
    if "--mqtt" in argv:
        assert (given.http.port, given.mqtt.host, given.mqtt.port, given.mqtt.username) == (
            9,
            "broker",
            1884,
            "u",
        )
        assert embedded == "127.0.0.1:1"


def test_a_data_directory_that_cannot_be_made_is_a_sentence(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (data / "file").write_text("")
    assert main(["serve", "--port", "0", "--data", str(data / "file" / "below")]) == 1
    assert capsys.readouterr().err == f"homie-ota: {data / 'file' / 'below'}: Not a directory.\n"


@pytest.mark.parametrize(
    ("content", "status", "word"),
    [(b"", 4, "no tables of ours"), (b"no database " * 999, 1, "cannot be used")],
)
def test_a_database_without_our_tables_is_a_sentence(
    data: Path, capsys: pytest.CaptureFixture[str], content: bytes, status: int, word: str
) -> None:
    for path in data.iterdir():
        path.unlink()
    (data / "homie-ota.sqlite3").write_bytes(content)
    for command in (["user", "reset", "admin"], ["user", "list"], ["audit", "verify"], ["token", "list"]):
        assert main(command) == status
        assert word in capsys.readouterr().err
    assert not content or (data / "homie-ota.sqlite3").read_bytes() == content


def test_a_database_of_another_version_is_left_alone(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    database = Database(str(data / "homie-ota.sqlite3"))
    database.write_now(lambda c: c.execute(sa.text("UPDATE alembic_version SET version_num = '0003'")))
    database.close()
    assert main(["user", "add", "eve"]) == 4
    assert "schema 0003" in capsys.readouterr().err


def test_virtual_devices_need_a_broker(free_port: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--mqtt", f"mqtt://127.0.0.1:{free_port}", "--devices", "1"]) == 5
    assert main(["simulate", "--mqtt", "mqtt://127.0.0.1", "--mix", "v9=1"]) == 2


def test_who_starts_virtual_devices_is_told_that_they_live_and_how_to_end_that(free_port: int) -> None:
    nowhere = f"127.0.0.1:{free_port}"
    options = (
        "--mqtt",
        f"mqtt://u:secret@{nowhere}",
        "--mix",
        "arduino=2",
        "--ota-url",
        f"http://{nowhere}/ota",
    )
    argv = [sys.executable, "-m", "homie_ota", "simulate", *options]  # sketches need no broker
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stderr
        began = running.stderr.readline()
        running.send_signal(signal.SIGINT)
        out, ended = running.communicate(timeout=60)
    assert began == f"homie-ota: 2 virtual devices switched on, broker {nowhere}. Ctrl-C ends that.\n"
    assert ended == "homie-ota: 2 virtual devices switched off; for the broker they are lost.\n"
    assert (running.returncode, out) == (0, "")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_documents_tell_every_option(run: Run, command: str) -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "commands.md").read_text("utf-8")
    words = [[command], *([command, action] for action in BELOW.get(command, ()))]
    help_ = "".join(run(*each, "--help")[1] for each in words)
    options = set(re.findall(r"--[a-z][a-z-]+", help_)) - {"--help"}
    assert f"homie-ota {command}" in page
    assert command == "simulate" or {each for each in options if each not in page} == set()
