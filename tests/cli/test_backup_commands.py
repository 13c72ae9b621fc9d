"""`backup` and `restore`: what they say, and how they end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from homie_ota.cli import main
from homie_ota.store.database import Database


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data directory of a server with settings, which are in the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "homie-ota.toml").write_text('[storage]\ndata_dir = "here"\n')
    database = Database(str(tmp_path / "here" / "homie-ota.sqlite3"))
    database.migrate()
    database.close()
    return tmp_path / "here"


def test_there_and_back(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "one.tar"
    assert main(["backup", str(file)]) == 0
    out, err = capsys.readouterr()
    size = f"{file.stat().st_size:,} bytes"
    assert (out, err) == (f"{file}: 0 devices, 0 images, 0 deployments, {size}\n", "")
    assert main(["restore", str(file), "--data", "there"]) == 0
    out, _ = capsys.readouterr()
    assert out.startswith("there: 0 devices, 0 images, 0 deployments, as they were on ")
    assert "there/settings-of-backup.toml" in out
    kept = tmp_path / "there" / "settings-of-backup.toml"
    assert kept.read_text() == (tmp_path / "homie-ota.toml").read_text()
    assert main(["user", "add", "jo", "--data", "there"]) == 0
    assert data.is_dir()


@pytest.mark.usefixtures("data")
def test_as_json_both_tell_the_manifest(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--json", "backup", "one.tar"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert main(["--json", "restore", "one.tar", "--data", str(tmp_path / "there")]) == 0
    assert json.loads(capsys.readouterr().out) == made
    assert set(made["files"]) == {"database.sqlite3", "settings.toml"}


@pytest.mark.parametrize(
    ("argv", "status", "word"),
    [
        (["backup", "there-already.tar"], 4, "--replace"),
        (["backup", "one.tar", "--data", "nowhere"], 3, "There is no database"),
        (["backup", "no/one.tar"], 2, "cannot be written"),
        (["restore", "nothing.tar", "--data", "x"], 2, "cannot be read"),
        (["restore", "there-already.tar", "--data", "x"], 1, "no good backup"),
        (["restore", "there-already.tar"], 4, "is not empty"),
    ],
)
@pytest.mark.usefixtures("data")
def test_what_cannot_be_done_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], argv: list[str], status: int, word: str
) -> None:
    (tmp_path / "there-already.tar").write_text("mine")
    found = main(argv)
    out, err = capsys.readouterr()
    assert (found, out) == (status, "")
    assert word in err
    assert (tmp_path / "there-already.tar").read_text() == "mine"


def test_an_image_that_is_gone_is_named_and_the_rest_is_saved(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from store.stock import image, put

    database = Database(str(data / "homie-ota.sqlite3"))
    database.write_now(lambda conn: put(conn, image("lamp", "1.0.0")))
    database.close()
    assert main(["backup", "one.tar"]) == 1
    assert "lamp-1.0.0.bin is not in it as it was stored" in capsys.readouterr().err
    assert (tmp_path / "one.tar").is_file()
