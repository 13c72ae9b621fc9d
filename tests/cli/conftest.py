"""The command line against the real application, for the tests of its commands."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from homie_ota.cli import main
from homie_ota.simulator.images import make_image
from webserver import WebServer

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WebServer]:
    started = WebServer(tmp_path_factory.mktemp("server"))
    yield started
    started.stop()


@pytest.fixture
def server(running: WebServer) -> WebServer:
    running.clear()
    return running


@pytest.fixture
def run(server: WebServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command against the server of this test: exit status, standard output, standard error."""
    monkeypatch.setenv("HOMIE_OTA_SERVER", server.url)
    monkeypatch.setenv("HOMIE_OTA_TOKEN", server.token)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    return lambda *argv: (main(argv), *capsys.readouterr())


@pytest.fixture
def upload(run: Run, tmp_path: Path) -> Callable[..., str]:
    """Store an image; its SHA-256."""

    def upload(name: str = "lamp", version: str = "2.0.0", seed: int = 0) -> str:
        path = tmp_path / f"{name}-{seed}.bin"
        path.write_bytes(make_image(name, version, size=50_000 + 4096 * seed))
        status, out, err = run("upload", str(path), "--json")
        assert (status, err) == (0, "")
        return str(json.loads(out)["sha256"])

    return upload
