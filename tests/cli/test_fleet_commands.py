"""`set`, `delete`, `undo`, `download`, `log`, `events`, `deployments`, `quarantine`, `looked`, `health`."""

from __future__ import annotations

import hashlib
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Run
from cli.terminal import Terminal
from homie_ota.cli import files, main
from homie_ota.model import Publish
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.web.shell import BrokerStatus
from webserver import WebServer

Upload = Callable[..., str]
NO_SPACE = Reason("no-space", "The device has no room for it.", False)


def told(text: str) -> list[str]:
    return text.splitlines()


@pytest.fixture
def sent(server: WebServer, monkeypatch: pytest.MonkeyPatch) -> list[Publish]:
    """What is published by the server of this test, which has a broker."""
    found: list[Publish] = []

    async def publish(message: Publish) -> None:
        found.append(message)

    monkeypatch.setattr(server.shell, "set_property", publish)
    monkeypatch.setattr(server.shell, "broker_status", lambda: BrokerStatus(connected=True))
    return found


# --- Values ---------------------------------------------------------------------------------------------------------


def test_a_property_is_set_and_said(server: WebServer, run: Run, sent: list[Publish]) -> None:
    server.add_device(1, "hall", nodes={"relay": {"properties": {"on": {"settable": True}}}})
    assert run("set", "hall", "relay/on", "true") == (0, "true was sent to hall relay/on.\n", "")
    assert [(each.topic, each.payload) for each in sent] == [("homie/hall/relay/on/set", b"true")]
    assert json.loads(run("set", "hall", "relay/on", "false", "--json")[1])["value"] == "false"
    assert run("set", "hall", "relay/on", "-5.5")[0] == 0
    assert sent[-1].payload == b"-5.5"


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (("hall", "relay", "true"), 2, "NODE/PROPERTY"),
        (("hall", "/on", "true"), 2, "NODE/PROPERTY"),
        (("hall", "relay/none", "true"), 3, "no property relay/none"),
        (("nobody", "relay/on", "true"), 3, "no device 'nobody'"),
        (("off", "relay/on", "true"), 4, "is sleeping"),
    ],
)
def test_what_cannot_be_set_is_a_sentence(
    server: WebServer, run: Run, sent: list[Publish], argv: tuple[str, ...], status: int, words: str
) -> None:
    nodes = {"relay": {"properties": {"on": {"settable": True}}}}
    server.add_device(1, "hall", nodes=nodes)
    server.add_device(2, "off", nodes=nodes, state="sleeping")
    found, out, err = run("set", *argv)
    assert (found, out) == (status, "")
    assert words in err
    assert sent == []


def test_without_a_broker_nothing_is_set(server: WebServer, run: Run) -> None:
    server.add_device(1, "hall")
    server.add_reading(1, "relay", "on", "false")
    status, _, err = run("set", "hall", "relay/on", "true")
    assert (status, "broker" in err) == (5, True)


# --- Going and coming back ------------------------------------------------------------------------------------------


def test_a_device_is_deleted_and_put_back(server: WebServer, run: Run) -> None:
    server.add_device(1, "hall", state="lost", name="Hall")
    status, out, _ = run("delete", "device", "hall", "--yes")
    assert status == 0
    assert "homie-ota undo hall" in out
    assert run("device", "hall")[0] == 3
    assert told(run("removed")[1])[1].split()[1:3] == ["homie~hall", "Hall"]
    assert run("undo", "hall") == (0, "homie~hall is back.\n", "")
    assert run("device", "hall")[0] == 0
    assert run("undo", "hall")[0] == 3


def test_nothing_is_deleted_without_an_answer(
    server: WebServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.add_device(1, "hall", state="lost")
    status, _, err = run("delete", "device", "hall")
    assert (status, "--yes" in err) == (2, True)
    monkeypatch.setattr(sys, "stdin", Terminal("n\n"))
    status, _, err = run("delete", "device", "hall")
    assert (status, "Delete hall (lost)? [y/N]" in err) == (1, True)
    assert run("device", "hall")[0] == 0


def test_who_is_online_is_not_deleted(server: WebServer, run: Run) -> None:
    server.add_device(1, "hall")
    assert run("delete", "device", "hall", "--yes")[0] == 4


def test_an_image_goes_by_either_word(run: Run, upload: Upload) -> None:
    upload("lamp", "1.0"), upload("lamp", "1.1"), upload("lamp", "1.2")
    assert run("delete", "firmware", "lamp@1.0")[0] == 0
    assert run("prune", "--keep", "1")[0] == 0
    assert [each["version"] for each in json.loads(run("firmware", "--json")[1])] == ["1.2"]


# --- Files ----------------------------------------------------------------------------------------------------------


def test_an_image_goes_through_a_pipe(
    run: Run, upload: Upload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sha256, taken = upload(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(taken))
    assert main(["download", "lamp@2.0.0", "-o", "-"]) == 0
    sys.stdout.flush()
    assert hashlib.sha256(taken.getvalue()).hexdigest() == sha256
    assert not Path("-").exists()


def test_an_image_is_saved_whole_under_its_name(
    run: Run, upload: Upload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sha256 = upload()
    status, out, err = run("download", "lamp@2.0.0")
    assert (status, out, err) == (0, f"lamp-2.0.0.bin: 50,000 bytes, sha256 {sha256}\n", "")
    assert hashlib.sha256((tmp_path / "lamp-2.0.0.bin").read_bytes()).hexdigest() == sha256
    status, _, err = run("download", "lamp@2.0.0")
    assert (status, "--replace" in err) == (2, True)
    assert json.loads(run("download", sha256[:10], "-o", "x.bin", "--json")[1]) == {
        "file": "x.bin", "sha256": sha256, "size": 50_000,
    }  # fmt: skip
    assert sorted(each.suffix for each in tmp_path.iterdir()) == [".bin", ".bin", ".bin"]


def test_a_place_that_cannot_be_written_is_a_sentence(run: Run, upload: Upload, tmp_path: Path) -> None:
    upload()
    status, _, err = run("download", "lamp@2.0.0", "-o", str(tmp_path / "nowhere" / "x.bin"))
    assert (status, "cannot be written" in err) == (2, True)


@pytest.mark.parametrize(
    ("name", "version", "found"),
    [
        ("lamp", "2.0", "lamp-2.0.bin"),
        ("../../etc/passwd", "1", "etc-passwd-1.bin"),
        ("\x1b[2J", "\u202e", "2J.bin"),
        ("", "", "firmware-abcdef.bin"),
        ("a" * 300, "1", "a" * 120 + ".bin"),
    ],
)
def test_what_an_image_calls_itself_is_never_a_path(name: str, version: str, found: str) -> None:
    assert files.file_name({"name": name, "version": version, "sha256": "abcdef"}) == found


# --- What happens ---------------------------------------------------------------------------------------------------


@pytest.fixture
def failed(server: WebServer, run: Run, upload: Upload) -> None:
    """A device whose update was refused, and one that waits."""
    sha256 = upload()
    server.add_device(1, "hall")
    server.add_device(2, "attic")
    run("update", "hall", "--to", sha256)
    run("update", "attic", "--to", sha256)
    server.move(1, Event.OFFER)
    server.move(1, Event.REFUSE, reason=NO_SPACE)


def test_the_log_shows_the_latest_events_last(failed: None, run: Run) -> None:
    status, out, _ = run("log", "--device", "hall")
    assert status == 0
    lines = told(out)
    assert all("  hall  " in line for line in lines)
    assert "failed" in lines[-1]
    assert "ordered" in lines[0]
    assert told(run("log", "--device", "hall", "--limit", "1")[1]) == lines[-1:]
    found = json.loads(run("log", "--json", "--kind", "deployment")[1])
    assert {each["device"] for each in found} == {"homie~hall", "homie~attic"}
    assert run("log", "--device", "nobody")[0] == 3


def test_events_are_lines_and_end_where_nobody_follows(failed: None, run: Run) -> None:
    status, out, _ = run("events", "--json")
    assert status == 0
    seen = [json.loads(line) for line in told(out)]
    numbers = [each["seq"] for each in seen if "seq" in each]
    assert numbers == sorted(numbers)
    later = [json.loads(line) for line in told(run("events", "--json", "--since", str(numbers[0]))[1])]
    assert [each["seq"] for each in later] == numbers[1:]


def test_events_are_followed_as_they_come(
    failed: None, server: WebServer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from homie_ota.cli import events

    seen: list[Any] = []

    def tell(event: dict[str, Any], *, as_json: bool) -> None:
        seen.append(event)
        if len(seen) == 1:
            server.move(2, Event.OFFER)
        elif event.get("deployment") == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(events, "_tell", tell)
    first = json.loads(run("log", "--json", "--limit", "2")[1])
    assert run("events", "--follow", "--since", str(first[0]["seq"]))[0] == 130
    assert seen[-1]["data"]["state"] == "offered"


def test_deployments_are_listed_and_told(failed: None, run: Run) -> None:
    rows = [line.split() for line in told(run("deployments")[1])]
    assert rows[0][:3] == ["DEPLOYMENT", "DEVICE", "FIRMWARE"]
    assert [row[:2] for row in rows[1:]] == [["2", "attic"], ["1", "hall"]]
    assert [each["id"] for each in json.loads(run("deployments", "--state", "failed", "--json")[1])] == [1]
    status, out, _ = run("deployment", "1")
    assert status == 0
    assert "The device has no room for it." in out
    assert [line.split()[2] for line in told(out)[-3:]] == ["queued", "offered", "failed"]
    assert run("deployment", "1", "--watch")[0] == 1
    assert run("deployment", "99")[0] == 3


def test_somebody_has_looked_at_a_failure(failed: None, run: Run) -> None:
    assert "deployment 1" in run("looked", "hall")[1]
    assert run("looked", "attic")[0] == 3


def test_quarantine_is_a_table_or_a_list(run: Run) -> None:
    assert told(run("quarantine")[1]) == ["DEVICE  FIRMWARE  SHA256  SINCE  WHY"]
    assert run("quarantine", "--json")[1] == "[]\n"


def test_health_is_0_with_a_broker_1_without_5_without_an_answer(
    server: WebServer, run: Run, sent: list[Publish], monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, _ = run("health")
    assert (status, told(out)[0].split(), told(out)[1].split()) == (
        0,
        ["server", "ok"],
        ["broker", "connected"],
    )
    monkeypatch.setattr(server.shell, "broker_status", BrokerStatus)
    status, out, _ = run("health")
    assert (status, "NOT CONNECTED" in out) == (1, True)
    assert json.loads(run("health", "--json")[1])["status"] == "degraded"
    assert run("health", "--server", "http://127.0.0.1:1")[0] == 5
