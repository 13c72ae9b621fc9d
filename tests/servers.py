"""Real servers for tests: started on free ports, proven to be ours, stopped by their pid.

Rule: a server counts as up only when the listening socket of its port belongs to the process we started,
so a test can never talk to a broker or database that happened to run on this machine.
"""

import itertools
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

START_SECONDS = 20.0
STOP_SECONDS = 10.0
#: Set by `make test` where it could install everything: then a missing program is a failure, not a skip.
MUST_HAVE = "HOMIE_OTA_TESTS_NEED_SERVERS"


def find_program(*names: str, package: str) -> str:
    """The path of the first of these programs; without any, skip (or fail where all must be there)."""
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", *_postgres_folders()])
    for name in names:
        if found := shutil.which(name, path=places):
            return found
    word = f"{names[0]} is not installed (Debian: apt install {package})"
    if os.environ.get(MUST_HAVE):
        pytest.fail(word)
    pytest.skip(word)


# Below the ports that the kernel gives to outgoing connections: a server that a test stops and starts again on its
# port finds it free. Each process of a parallel run (pytest-xdist calls them gw0, gw1 …) has ports of its own.
PORTS, PORTS_EACH = 10_000, 2_500
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw") or 0)
_ports = itertools.cycle(range(PORTS_EACH))
for _ in range(os.getpid() % PORTS_EACH):  # two runs beside each other begin at different places
    next(_ports)


def unused_port() -> int:
    """A TCP port on loopback that nothing listens on, and that this run has not had for a long time."""
    for offset in itertools.islice(_ports, PORTS_EACH):
        port = PORTS + _worker % 8 * PORTS_EACH + offset
        with socket.socket() as sock:
            try:
                sock.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    pytest.fail("no TCP port is free")


def wait_until(true: Callable[[], bool], word: str, seconds: float = START_SECONDS) -> None:
    """Wait for something to become true; a failure of the test, with this word, when it does not."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"{word}: not within {seconds:g} s")
        time.sleep(0.02)


def listens(pid: int, port: int) -> bool:
    """Whether the socket that listens on this port is one of this process."""
    sockets = _listening_inodes(port)
    return any(_link(fd) in sockets for fd in _entries(f"/proc/{pid}/fd"))


class Child:
    """One server process: its folder, its log, its port, started and stopped by pid."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.host = "127.0.0.1"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")

    def launch(self, command: list[str], **options: Any) -> None:
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **options
            )
        process = self._process

        def up() -> bool:
            if process.poll() is not None:
                pytest.fail(f"{command[0]} ended at start:\n{self.log}")
            return listens(process.pid, self.port)

        wait_until(up, f"{command[0]} listens on port {self.port}")

    def stop(self) -> None:
        """End the process; harmless when it has ended."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End the process as a power cut would."""
        process, self._process = self._process, None
        assert process is not None, "not started"
        process.kill()
        process.wait(STOP_SECONDS)


class BrokerAt:
    """A broker seen through mosquitto's own clients, whoever runs it."""

    def __init__(self, host: str, port: int, username: str = "", password: str = "") -> None:
        self.host = host
        self.port = port
        self.credentials = ["-u", username, "-P", password] if username else []

    def publish(self, topic: str, payload: bytes | str = b"", *, qos: int = 1, retain: bool = False) -> None:
        """Publish one message with mosquitto_pub and wait for it to be done; retained and empty clears."""
        data = payload.encode() if isinstance(payload, str) else payload
        command = self.command("mosquitto_pub", "-t", topic, "-q", str(qos), *(["-r"] if retain else []))
        subprocess.run([*command, "-s"] if data else [*command, "-n"], input=data, check=True, timeout=30)

    def collect(
        self, *topics: str, count: int = 1, seconds: int = 10, options: Iterable[str] = ()
    ) -> list[str]:
        """Lines `topic payload` that mosquitto_sub sees on these filters: `count` of them, or fewer in time."""
        chosen = [part for topic in topics for part in ("-t", topic)]
        command = self.command("mosquitto_sub", *chosen, "-v", "-C", str(count), "-W", str(seconds), *options)
        done = subprocess.run(command, capture_output=True, check=False, timeout=seconds + 30)
        return done.stdout.decode(errors="replace").splitlines()

    def command(self, program: str, *arguments: str) -> list[str]:
        found = find_program(program, package="mosquitto-clients")
        return [found, "-h", self.host, "-p", str(self.port), *self.credentials, *arguments]


class Mosquitto(Child, BrokerAt):
    """A mosquitto of our own; `stop()` and `start()` again keep the port (and forget what was retained)."""

    def __init__(self, folder: Path, lines: Iterable[str], port: int) -> None:
        Child.__init__(self, folder, port)
        BrokerAt.__init__(self, self.host, port)
        self.lines = tuple(lines)
        folder.mkdir(parents=True)

    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"

    def start(self) -> None:
        config = self.folder / "mosquitto.conf"
        config.write_text(
            "\n".join([f"listener {self.port} {self.host}", "allow_anonymous true", *self.lines, ""])
        )
        self.launch([find_program("mosquitto", package="mosquitto"), "-c", str(config)])


class PostgresCluster(Child):
    """A PostgreSQL cluster in a temporary folder, run by a user who is not root."""

    def __init__(self) -> None:
        super().__init__(Path(tempfile.mkdtemp(prefix="homie-ota-postgres-")), unused_port())
        self._databases = 0
        # PostgreSQL refuses to run as root; Debian's package brings a user for it.
        self._as: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam("postgres")
            os.chown(self.folder, user.pw_uid, user.pw_gid)
            self._as = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def start(self) -> None:
        data = self.folder / "data"
        initdb = find_program("initdb", package="postgresql")
        made = subprocess.run(
            [initdb, "-D", str(data), "-U", "test", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
            capture_output=True, check=False, timeout=60, cwd=self.folder, **self._as,
        )  # fmt: skip
        if made.returncode:
            pytest.fail(f"initdb: {made.stderr.decode(errors='replace')}")
        settings: dict[str, object] = {"port": self.port, "listen_addresses": self.host, "fsync": "off"}
        settings["unix_socket_directories"] = self.folder
        chosen = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        postgres = find_program("postgres", package="postgresql")
        self.launch([postgres, "-D", str(data), *chosen], cwd=self.folder, **self._as)
        wait_until(self._answers, "PostgreSQL answers")

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self) -> str:
        """Make an empty database; its SQLAlchemy address."""
        self._databases += 1
        name = f"test{self._databases}"
        self._psql(f"CREATE DATABASE {name}").check_returncode()
        return f"postgresql+psycopg://test@{self.host}:{self.port}/{name}"

    def _answers(self) -> bool:
        return self._psql("SELECT 1").returncode == 0

    def _psql(self, statement: str) -> subprocess.CompletedProcess[bytes]:
        psql = find_program("psql", package="postgresql")
        where = ["-h", self.host, "-p", str(self.port), "-U", "test", "-d", "postgres"]
        command = [psql, *where, "-X", "-q", "-c", statement]
        return subprocess.run(command, capture_output=True, check=False, timeout=30, cwd=self.folder)


@dataclass(frozen=True)
class Chromium:
    """A headless browser; every call is a new process with an empty profile."""

    program: str
    folder: Path

    def command(self, *arguments: str) -> list[str]:
        """The command line of a headless run with a profile of its own."""
        self.folder.mkdir(parents=True, exist_ok=True)
        profile = tempfile.mkdtemp(dir=self.folder)
        return [
            self.program, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={profile}", *arguments,
        ]  # fmt: skip

    def page(self, url: str, *, after_ms: int = 0) -> str:
        """The document as the browser sees it, scripts run (for this many milliseconds of virtual time)."""
        wait = [f"--virtual-time-budget={after_ms}"] if after_ms else []
        done = subprocess.run(
            self.command(*wait, "--dump-dom", url), capture_output=True, check=True, timeout=90
        )
        return done.stdout.decode(errors="replace")

    def screenshot(self, url: str, to: Path, *, width: int = 1280, height: int = 900) -> Path:
        """A PNG of the page."""
        shot = [f"--screenshot={to}", f"--window-size={width},{height}", url]
        subprocess.run(self.command(*shot), capture_output=True, check=True, timeout=90)
        return to


def _postgres_folders() -> list[str]:
    found = Path("/usr/lib/postgresql").glob("*/bin")
    return [str(folder) for folder in sorted(found, key=lambda f: int(f.parent.name), reverse=True)]


def _listening_inodes(port: int) -> set[str]:
    """`socket:[inode]` of every socket that listens on this port, from the kernel's table."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for row in _lines(table)[1:]:
            fields = row.split()
            # Fields of proc(5): local address:port in hex, remote, state (0A is LISTEN), …, inode.
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                found.add(f"socket:[{fields[9]}]")
    return found


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _entries(folder: str) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in os.listdir(folder)]
    except OSError:
        return []


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""
