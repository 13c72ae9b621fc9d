"""`firmware`, `compare` and `upload`: what is inside, what people write, what goes, and what is refused."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from homie_ota.simulator.images import make_image
from webserver import WebServer

Run = Callable[..., tuple[int, str, str]]
Upload = Callable[..., str]


def stored(run: Run) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(run("firmware", "--json")[1])
    return found


@pytest.fixture
def cut_off(tmp_path: Path) -> str:
    path = tmp_path / "relay.bin"
    path.write_bytes(make_image("relay", "7")[:-16])
    return str(path)


# --- Uploads


def test_a_damaged_image_is_refused_and_the_sentence_says_how_to_take_it_all_the_same(
    run: Run, cut_off: str
) -> None:
    status, out, err = run("upload", cut_off)
    assert (status, out) == (4, "")
    assert "relay.bin: this image is cut off" in err
    assert "homie-ota upload --override" in err
    assert stored(run) == []


def test_with_a_reason_it_is_taken_and_the_reason_is_told_with_it(run: Run, cut_off: str) -> None:
    status, out, err = run("upload", cut_off, "--override", "it runs on my desk")
    assert status == 0
    assert out.startswith("relay 7 stored")
    assert "because: it runs on my desk" in err
    assert "Mind: This image is cut off" in err
    assert "[overridden]" in run("firmware")[1]
    assert "it runs on my desk" in run("firmware", "show", "relay@7")[1]


def test_no_reason_takes_what_no_device_can_run(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "lamp.elf"
    path.write_bytes(b"\x7fELF" + bytes(100))
    status, _, err = run("upload", str(path), "--override", "I know better")
    assert status == 4
    assert "No reason (override) lifts that." in err


# --- One image


def test_an_image_is_shown_with_what_is_inside_and_who_needs_it(
    server: WebServer, run: Run, upload: Upload
) -> None:
    sha256 = upload()
    server.add_device(1, "hall", md5=stored(run)[0]["md5"])
    status, out, _ = run("firmware", "show", sha256[:10])
    assert status == 0
    for said in (
        "lamp",
        "2.0.0",
        sha256,
        "esp8266",
        "1,024 KB dio",
        "verified",
        "hall (runs)",
        "50,000 bytes",
    ):
        assert said in out, said
    assert json.loads(run("firmware", "show", "lamp@2.0.0", "--json")[1])["sha256"] == sha256


@pytest.mark.parametrize(
    ("argv", "status", "words"),
    [
        (("show", "lamp@9"), 3, "Of lamp there is: 2.0.0"),
        (("show", "nonsense"), 2, "NAME@VERSION"),
        (("edit", "lamp@2.0.0"), 2, "Say what to change"),
        (("edit", "lamp@2.0.0", "--requires", "<>"), 2, ">=1.5,<2"),
        (("edit", "lamp@2.0.0", "--requires", "foo"), 2, ">=1.5,<2"),
        (("edit", "lamp@2.0.0", "--changelog", "@/no/such/file"), 2, "cannot be read"),
        (("delete", "00000000"), 3, "no firmware"),
        (("prune",), 2, "keep_newest"),
        (("prune", "--keep", "0"), 2, "keep"),
        (("paint",), 2, "invalid choice"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_an_exit_status(
    run: Run, upload: Upload, argv: tuple[str, ...], status: int, words: str
) -> None:
    upload()
    found, _, err = run("firmware", *argv)
    assert found == status
    assert words in err


def test_a_name_and_version_that_is_several_images_is_refused_with_their_hashes(
    run: Run, upload: Upload
) -> None:
    hashes = {upload(seed=0), upload(seed=1)}
    status, _, err = run("firmware", "show", "lamp@2.0.0")
    assert status == 4
    assert all(sha256[:12] in err for sha256 in hashes)
    assert run("firmware", "show", hashes.pop())[0] == 0


def test_texts_are_written_one_by_one_also_from_files(
    run: Run, upload: Upload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload()
    (tmp_path / "CHANGES").write_text("faster\nsmaller\n")
    edit = ("firmware", "edit", "lamp@2.0.0")
    status, out, _ = run(*edit, "--changelog", f"@{tmp_path / 'CHANGES'}", "--requires", ">=1.5")
    assert (status, out) == (0, "lamp 2.0.0: changelog, requires changed\n")
    image = json.loads(run("firmware", "show", "lamp@2.0.0", "--json")[1])
    assert (image["changelog"], image["requires"], image["description"]) == ("faster\nsmaller", ">=1.5", "")
    monkeypatch.setattr(sys, "stdin", io.StringIO("from a pipe"))
    assert run(*edit, "--changelog", "@-", "--description", "hall", "--requires", "")[0] == 0
    image = json.loads(run("firmware", "show", "lamp@2.0.0", "--json")[1])
    assert (image["changelog"], image["requires"], image["description"]) == ("from a pipe", "", "hall")
    assert "from a pipe" in run("firmware", "show", "lamp@2.0.0")[1]


def test_a_line_about_an_image_stands_in_the_list(run: Run, upload: Upload) -> None:
    upload()
    assert run("note", "lamp@2.0.0", "for the hall")[0] == 0
    assert run("firmware")[1].splitlines()[1].endswith("for the hall")


def test_an_image_is_deleted_unless_somebody_needs_it(server: WebServer, run: Run, upload: Upload) -> None:
    upload()
    server.add_device(1, "hall", md5=stored(run)[0]["md5"])
    status, _, err = run("firmware", "delete", "lamp@2.0.0")
    assert status == 4
    assert "hall runs it" in err
    upload("plug", "1.0")
    assert run("firmware", "delete", "plug@1.0") == (0, "Firmware plug-1.0.bin deleted\n", "")
    assert [each["name"] for each in stored(run)] == ["lamp"]


# --- Several images


def test_old_images_go_after_a_look_at_what_would_go(run: Run, upload: Upload) -> None:
    for version in ("1.0", "1.1", "1.2"):
        upload("lamp", version)
    status, out, err = run("firmware", "prune", "--keep", "1", "--dry-run")
    assert status == 0
    assert [line.split()[1] for line in out.splitlines()] == ["VERSION", "1.0", "1.1"]
    assert "2 images, 98 KB would go" in err
    assert len(stored(run)) == 3
    assert "2 images, 98 KB deleted" in run("firmware", "prune", "--keep", "1")[2]
    assert [each["version"] for each in stored(run)] == ["1.2"]
    told = json.loads(run("firmware", "prune", "--keep", "1", "--json")[1])
    assert told == {"keep": 1, "dry_run": False, "deleted": [], "bytes": 0}


def test_two_images_are_set_beside_each_other_and_what_differs_is_shown(run: Run, upload: Upload) -> None:
    upload("lamp", "1.0"), upload("lamp", "2.0", seed=1)
    status, out, _ = run("compare", "lamp@1.0", "lamp@2.0")
    assert status == 0
    assert "+4,096 bytes" in out
    assert "esp8266" not in out
    assert "esp8266" in run("compare", "lamp@1.0", "lamp@2.0", "--all")[1]
    told = json.loads(run("compare", "lamp@1.0", "lamp@2.0", "--json")[1])
    assert told["differences"] == sum(line["differs"] for line in told["lines"]) > 0
    assert "They are the same." in run("compare", "lamp@1.0", "lamp@1.0")[2]
    assert run("compare", "lamp@1.0", "lamp@9")[0] == 3


def test_what_an_image_says_cannot_act_on_the_terminal(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(make_image("", "", homie=False))
    name = "\x1b[31mred\u202e"
    assert run("upload", str(path), "--name", name, "--version", "1", "--description", name)[0] == 0
    sha256 = stored(run)[0]["sha256"]
    for argv in (("firmware",), ("firmware", "show", sha256), ("compare", sha256, sha256, "--all")):
        out = run(*argv)[1]
        assert "\x1b" not in out
        assert "\u202e" not in out
