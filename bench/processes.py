"""Processes that are measured: started on free ports, watched through /proc, ended by their pid."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).parents[1]
START_SECONDS = 30.0
STOP_SECONDS = 10.0
T = TypeVar("T")

_TICKS = os.sysconf("SC_CLK_TCK")


class Missing(Exception):
    """A program that a benchmark needs is not on this machine."""


def program(name: str, package: str) -> str:
    """The path of a program; raises Missing with the package that brings it."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise Missing(f"{name} is not installed (Debian: apt install {package})")
    return found


def _end_with_parent() -> None:
    """In the child: when the benchmark itself is killed, nothing of it stays behind (Linux)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


def unused_port(host: str = "127.0.0.1") -> int:
    """A port that nothing listened on a moment ago."""
    with socket.socket() as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def until(true: Callable[[], T], word: str, seconds: float = START_SECONDS, pause: float = 0.01) -> T:
    """Wait until something is true and return it; raises TimeoutError with `word`."""
    deadline = time.monotonic() + seconds
    while not (found := true()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{word}: not within {seconds:g} s")
        time.sleep(pause)
    return found


class Process:
    """One child process with a log; `cores` pins it, so that what is measured of it is one core's work."""

    def __init__(
        self, command: Sequence[str], log: Path, *, cores: set[int] | None = None, **options: Any
    ) -> None:
        self.log = log
        with log.open("ab") as out:
            self._process = subprocess.Popen(
                command,
                stdout=options.pop("stdout", out),
                stderr=out,
                cwd=ROOT,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - there are no threads here
                **options,
            )
        if cores and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(self.pid, cores)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def listening(self, host: str, port: int) -> None:
        """Wait until it accepts connections there; raises when it ended instead."""

        def answers() -> bool:
            if not self.alive:
                raise RuntimeError(f"ended at start: {self.log.read_text(errors='replace')[-2000:]}")
            with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
                return True
            return False

        until(answers, f"port {port} answers", pause=0.002)

    def tell(self, line: str) -> None:
        """One line to its standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """The next line of its standard output, as JSON; raises when it has ended."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"said nothing more: {self.log.read_text(errors='replace')[-2000:]}")
        found = json.loads(line)
        assert isinstance(found, dict)
        return found

    def wait(self, seconds: float) -> None:
        """Wait for its own end."""
        self._process.wait(seconds)

    def stop_gently(self) -> None:
        """Ask it to end; it may still say something."""
        self._process.terminate()

    def stop(self) -> None:
        """End it; harmless when it has ended."""
        if self.alive:
            self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def python(module: str, about: dict[str, Any], log: Path, *, cores: set[int] | None = None) -> Process:
    """`python -m module` with its arguments as JSON; talk to it with `tell` and `hear`."""
    command = [sys.executable, "-m", module, json.dumps(about)]
    return Process(command, log, cores=cores, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


@contextlib.contextmanager
def mosquitto(
    folder: Path, *lines: str, cores: set[int] | None = None, host: str = "127.0.0.1"
) -> Iterator[int]:
    """A mosquitto with nothing configured but its listener and `lines`; gives its port."""
    port = unused_port(host)
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "mosquitto.conf"
    config.write_text("\n".join([f"listener {port} {host}", "allow_anonymous true", *lines, ""]))
    command = [program("mosquitto", "mosquitto"), "-c", str(config)]
    with Process(command, folder / "mosquitto.log", cores=cores) as process:
        process.listening(host, port)
        yield port


# --- What /proc tells ---


def children(pid: int) -> list[int]:
    """The process and its children (the workers of nginx)."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, found)]


def memory(pid: int, line: str = "VmRSS") -> float:
    """MB of resident memory; `VmHWM` is the peak since the start, or since `reset_peak`."""
    for each in Path(f"/proc/{pid}/status").read_text().splitlines():
        if each.startswith(f"{line}:"):
            return int(each.split()[1]) / 1000
    return 0.0


def memory_of_all(pid: int, line: str = "VmRSS") -> float:
    """The same for the process and its children."""
    return sum(memory(each, line) for each in children(pid))


def cpu_seconds(pid: int) -> float:
    """User and system seconds of all threads of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def two_cores() -> tuple[set[int] | None, set[int] | None]:
    """One core for what is measured, and all others for what drives it; (None, None) with a single core."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return ({cores[0]}, set(cores[1:])) if len(cores) > 1 else (None, None)
