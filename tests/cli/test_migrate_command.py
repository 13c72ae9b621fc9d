"""`migrate`: what it says line by line, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from homie_ota.cli import main
from migrate.old_server import OldServer


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> OldServer:
    (tmp_path / "new").mkdir()
    monkeypatch.chdir(tmp_path / "new")
    old = OldServer(tmp_path / "old")
    old.upload("lamp", "1.0.0", "The first.")
    return old


def test_each_thing_is_a_line_and_the_end_says_how_many(
    old: OldServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", str(old.folder), "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert out.endswith("Dry run, nothing was written: 1 image, 3 devices, 1 login.\n")
    assert list(Path().iterdir()) == []
    assert main(["migrate", str(old.folder)]) == 0
    out, err = capsys.readouterr()
    assert "taken         image lamp-1.0.0.bin: lamp 1.0.0\n" in out
    assert "taken         device devices/c631f278: Hall, last known with lamp 1.0.0\n" in out
    assert "taken         login anna: An account (admin) with the password of HTTP_PASSWORD." in out
    assert out.endswith("Taken: 1 image, 3 devices, 1 login. Start it: homie-ota serve\n")
    assert (err, "hunter2" in out) == ("", False)
    assert sorted(path.name for path in Path().iterdir()) == ["data", "homie-ota.toml"]
    assert main(["migrate", str(old.folder)]) == 0
    assert "Taken: 0 images, 0 devices, 0 logins." in capsys.readouterr().out


def test_what_was_refused_makes_the_end_a_failure(old: OldServer, capsys: pytest.CaptureFixture[str]) -> None:
    (old.root / "page-1.0.0.bin").write_text("<html>")
    assert main(["migrate", str(old.folder)]) == 1
    assert "; 1 refused. Start it" in capsys.readouterr().out


def test_as_json_every_line_is_an_object(old: OldServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", str(old.folder), "--json", "--data", "there"]) == 0
    lines = json.loads(capsys.readouterr().out)
    assert {"kind": "image", "name": "lamp-1.0.0.bin", "took": "taken", "text": "lamp 1.0.0"} in lines
    assert Path("there", "homie-ota.sqlite3").is_file()


def test_a_directory_that_is_none_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["migrate", "/nowhere", "--dry-run"]) == 3
    assert "There is no directory /nowhere" in capsys.readouterr().err
