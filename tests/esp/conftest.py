"""The fuzzer's minute passes beside the other tests: it begins when they do, and its test comes last."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
SECONDS = int(os.environ.get("HOMIE_OTA_FUZZ_SECONDS", "60"))
MODULE = "test_inspection_fuzz"


class Fuzzing:
    """The fuzzer as a process of its own, of the lowest priority; what it writes and finds is in `folder`."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="homie-ota-fuzz-")
        self.folder = Path(self._folder.name)
        self._log = self.folder / "log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "nice", "-n", "19", sys.executable, "-m", "fuzz", str(SECONDS),
                    "--corpus", self.folder / "corpus", "--found", self.folder / "found",
                ],
                cwd=PROJECT, env={**os.environ, "PYTHONPATH": str(PROJECT / "tests")}, start_new_session=True,
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def join(self, seconds: float) -> tuple[int, str]:
        """Its exit status, and what it wrote."""
        status = self._process.wait(seconds)
        return status, self._log.read_text("utf-8", "replace")

    def stop(self) -> None:
        """End it if it still runs, and take its folder away."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        self._folder.cleanup()


_FUZZING = pytest.StashKey[Fuzzing]()


def _is_fuzzing(item: pytest.Item) -> bool:
    return item.path.stem == MODULE


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Last the test that waits for the fuzzer."""
    items.sort(key=_is_fuzzing)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start it before the first test; with several workers, the one that waits for it starts it."""
    alone = not hasattr(session.config, "workerinput")
    if alone and not session.config.option.collectonly and any(map(_is_fuzzing, session.items)):
        _start(session.config)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Nothing is left running when a session ends early."""
    if fuzzing := session.config.stash.get(_FUZZING, None):
        fuzzing.stop()


@pytest.fixture(scope="session")
def fuzzing(pytestconfig: pytest.Config) -> Fuzzing:
    """The fuzzer, which began with the session."""
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("no fuzzer here: atheris has no wheel for this platform or Python")
    return _start(pytestconfig)


def _start(config: pytest.Config) -> Fuzzing:
    if _FUZZING not in config.stash and importlib.util.find_spec("atheris"):
        config.stash[_FUZZING] = Fuzzing()
    return config.stash[_FUZZING]
