"""The rules of the container image, read off its file: no container is built here, so this is what is checked of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from docs.installed import PROJECT

LINES = [
    line
    for line in re.sub(r"\\\n\s*", "", (PROJECT / "Dockerfile").read_text("utf-8")).splitlines()
    if line and not line.startswith("#")
]
FIRST_OF_LAST_STAGE = max(n for n, line in enumerate(LINES) if line.startswith("FROM "))
LAST = LINES[FIRST_OF_LAST_STAGE:]


def having(word: str, lines: list[str] = LINES) -> list[str]:
    """What stands behind this instruction, each time."""
    return [line.partition(" ")[2] for line in lines if line.startswith(f"{word} ")]


def test_it_stands_on_a_named_version_of_a_small_image() -> None:
    bases = [line.split()[0] for line in having("FROM")]
    assert len(bases) == 2
    assert all(re.fullmatch(r"python:3\.\d+-slim", base) for base in bases)
    assert len(set(bases)) == 1, "a compiled module of one Python does not run in another"


def test_what_builds_the_package_does_not_stay_in_the_image() -> None:
    assert [line for line in LAST if "pip install" in line or "apt" in line] == []
    assert "pip uninstall --yes setuptools pip" in "\n".join(LINES[:FIRST_OF_LAST_STAGE])
    assert "PIP_NO_CACHE_DIR=1" in "\n".join(having("ENV"))


def test_only_hashed_packages_are_installed_and_before_the_source_so_that_they_are_built_once() -> None:
    steps = [n for n, line in enumerate(LINES) if "--require-hashes" in line or line == "COPY src src"]
    assert len(steps) == 2
    assert "--require-hashes" in LINES[steps[0]]


def test_nothing_is_fetched_from_anywhere_else() -> None:
    assert having("ADD") == []
    assert not re.search(r"curl|wget|git clone|https?://(?!127\.0\.0\.1)", "\n".join(LINES))


def test_its_user_is_a_number_without_a_shell_so_that_a_cluster_can_see_it_is_not_root() -> None:
    (user,) = having("USER", LAST)
    assert user.isdecimal()
    assert int(user) > 0
    assert f"--uid {user}" in "\n".join(having("RUN", LAST))
    assert "nologin" in "\n".join(having("RUN", LAST))


def test_nothing_secret_is_baked_in() -> None:
    assert having("ARG") == []
    assert not re.search(r"PASSWORD|TOKEN|SECRET", "\n".join(having("ENV")), re.IGNORECASE)


def test_signals_reach_the_server_because_no_shell_stands_between() -> None:
    for word in ("ENTRYPOINT", "CMD"):
        (command,) = having(word, LAST)
        assert all(isinstance(part, str) for part in json.loads(command))


def test_its_own_command_is_understood() -> None:
    command = json.loads(having("ENTRYPOINT", LAST)[0]) + json.loads(having("CMD", LAST)[0])
    assert command[0] == "homie-ota"
    done = subprocess.run(
        [sys.executable, "-m", "homie_ota", *command[1:], "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def healthz(status: int) -> Iterator[int]:
    """Something that answers /healthz with this status; its port."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_its_health_check_tells_a_server_that_is_well_from_one_that_is_not(
    status: int, healthy: bool
) -> None:
    (check,) = having("HEALTHCHECK", LAST)
    command = json.loads(check.partition("CMD ")[2])
    with healthz(status) as port:
        command = [part.replace(":9080/", f":{port}/") for part in command]
        done = subprocess.run([sys.executable, *command[1:]], check=False, capture_output=True, timeout=60)
    assert (done.returncode == 0) is healthy
