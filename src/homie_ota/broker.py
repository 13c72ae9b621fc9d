"""The embedded broker, for a first run, a demo and small fleets: rumqttd as a child process of ours.

Rule: it lives exactly as long as we do. Its standard input is a pipe that only we hold, so it ends with us however we
end; when it ends by itself it is started again. It keeps nothing on disk: Homie devices announce themselves again at
every reconnect. Its own defaults (payloads of 20 KB, 200 messages outstanding a subscriber) would refuse an image and
lose half an inventory, hence a configuration of our own.
"""

import asyncio
import contextlib
import errno
import importlib.util
import logging
import os
import socket
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from urllib.parse import quote
from uuid import uuid4

from homie_ota.errors import Unreachable, WrongUse

log = logging.getLogger(__name__)

MAX_PAYLOAD = 8 * 1024 * 1024
MAX_OUTSTANDING = 1_000_000
START_SECONDS = 15.0
STOP_SECONDS = 5.0
RESTART_SECONDS = 1.0
NO_WHEEL = (
    "This computer has no embedded broker (the package iotcore has no wheel for it). Install one"
    " (Debian, Raspberry Pi OS: sudo apt install mosquitto) and name it: --mqtt mqtt://localhost:1883."
)
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


async def answers(
    host: str, port: int, username: str = "", password: str = "", *, seconds: float = 2.0
) -> bool:
    """Whether an MQTT broker answers a CONNECT there within this time, be the answer yes or no.

    Some brokers (rumqttd is one) hang up on wrong credentials without a word: then this is False.
    """
    try:
        async with asyncio.timeout(seconds):
            return await _connack(host, port, _connect_packet(username, password))
    except (OSError, EOFError):  # TimeoutError is an OSError, IncompleteReadError an EOFError
        return False


@dataclass
class EmbeddedBroker:
    """A broker on this address; with a user name and password, only who has them is let in."""

    host: str = "127.0.0.1"
    port: int = 1883
    username: str = ""
    password: str = field(default="", repr=False)
    _process: asyncio.subprocess.Process | None = field(default=None, init=False, repr=False)
    _kept_up: asyncio.Task[None] | None = field(default=None, init=False, repr=False)

    @property
    def url(self) -> str:
        """How a client on this machine reaches it, credentials included."""
        who = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}@" if self.username else ""
        host = f"[{self._reached}]" if ":" in self._reached else self._reached
        return f"mqtt://{who}{host}:{self.port}"

    async def start(self) -> None:
        """Start it and wait until it answers.

        Raises WrongUse when the port is taken or the address is not ours, Unreachable when this machine cannot run it.
        """
        if importlib.util.find_spec("iotcore") is None:
            raise Unreachable(NO_WHEEL)
        _check_free(self.host, self.port)
        try:
            await self._launch()
        except BaseException:
            await self._end()
            raise
        self._kept_up = asyncio.create_task(self._keep_up(), name="embedded broker")
        log.info("embedded broker listens on %s:%d", self.host, self.port)

    async def stop(self) -> None:
        """End it; harmless when it never started."""
        if self._kept_up is not None:
            self._kept_up.cancel()
            await asyncio.wait([self._kept_up])
            self._kept_up = None
        await self._end()

    @property
    def pid(self) -> int | None:
        """The process that is the broker now."""
        return self._process.pid if self._process else None

    @property
    def _reached(self) -> str:
        return _ANY_ADDRESS.get(self.host, self.host)

    async def _launch(self) -> None:
        handle, path = tempfile.mkstemp(prefix="homie-ota-broker-", suffix=".toml")  # readable by us only
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(_configuration(self.host, self.port, self.username, self.password))
            # -P: a folder named like a module, where we were started, must not be taken for it.
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "homie_ota.broker", path,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for us: we still say goodbye to the broker
            )  # fmt: skip
            await self._wait_until_up(self._process)
        finally:
            os.unlink(path)

    async def _wait_until_up(self, process: asyncio.subprocess.Process) -> None:
        for _ in range(int(START_SECONDS / 0.05)):
            if process.returncode is not None:
                raise Unreachable(f"The embedded broker did not start: {await _last_words(process)}")
            if await answers(self._reached, self.port, self.username, self.password):
                return
            await asyncio.sleep(0.05)
        raise Unreachable(f"The embedded broker did not answer within {START_SECONDS:g} s.")

    async def _keep_up(self) -> None:
        while True:
            if self._process is not None:
                await _pass_on(self._process)
                status = await self._process.wait()
                log.error("the embedded broker ended by itself (status %d); starting it again", status)
                await self._end()
            await asyncio.sleep(RESTART_SECONDS)
            try:
                await self._launch()
            except (Unreachable, OSError) as error:
                log.error("%s", error)
                await self._end()

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()


def _configuration(host: str, port: int, username: str, password: str) -> str:
    """The TOML of rumqttd: one MQTT 3.1.1 and one listener address."""
    listen = f"[{host}]:{port}" if ":" in host else f"{host or '0.0.0.0'}:{port}"
    lines = [
        "id = 0",
        "[router]",
        "id = 0",
        "max_connections = 10010",
        f"max_outgoing_packet_count = {MAX_OUTSTANDING}",
        "max_segment_size = 104857600",
        "max_segment_count = 10",
        "[v4.1]",
        'name = "homie-ota"',
        f"listen = {_toml(listen)}",
        "next_connection_delay_ms = 1",
        "[v4.1.connections]",
        "connection_timeout_ms = 60000",
        f"max_payload_size = {MAX_PAYLOAD}",
        "max_inflight_count = 100",
        "dynamic_filters = true",
    ]
    if username:
        lines += ["[v4.1.connections.auth]", f"{_toml(username)} = {_toml(password)}"]
    return "\n".join([*lines, ""])


def _toml(text: str) -> str:
    """A TOML basic string; control characters have no place in an address or a password."""
    if not text.isprintable():
        raise WrongUse("The embedded broker's address, user name and password must be printable characters.")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _check_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as sock:
        # As rumqttd does it; otherwise connections that lately ended would count as "in use".
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            raise WrongUse(_why_not_free(host, port, error)) from None


def _why_not_free(host: str, port: int, error: OSError) -> str:
    where = f"{host}:{port}"
    if error.errno == errno.EADDRINUSE:
        return (
            f"The embedded broker cannot listen on {where}: something else does."
            " Choose another port, or name that broker with --mqtt."
        )
    return f"The embedded broker cannot listen on {where}: {error.strerror or error}."


def _connect_packet(username: str, password: str) -> bytes:
    """An MQTT 3.1.1 CONNECT with a clean session (section 3.1 of the standard)."""

    def text(value: str) -> bytes:
        data = value.encode()
        return len(data).to_bytes(2, "big") + data

    flags = 0x02 | (0xC0 if username else 0)
    credentials = text(username) + text(password) if username else b""
    ends = text("MQTT") + bytes((4, flags)) + (10).to_bytes(2, "big")
    body = ends + text(f"homie-ota-asks-{uuid4().hex[:7]}") + credentials
    high, low = divmod(len(body), 128)
    length = bytes((low | 0x80, high)) if high else bytes((low,))
    return b"\x10" + length + body


async def _connack(host: str, port: int, connect: bytes) -> bool:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(connect)
        answer = await reader.readexactly(4)
        writer.write(b"\xe0\x00")  # DISCONNECT
        return answer[:2] == b"\x20\x02"
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def _last_words(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    lines = (await process.stderr.read()).decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else f"status {process.returncode}"


async def _pass_on(process: asyncio.subprocess.Process) -> None:
    """Put what the broker says into our log, until it ends."""
    assert process.stderr is not None
    while line := await process.stderr.read(4096):
        for text in line.decode(errors="replace").splitlines():
            log.info("embedded broker: %s", text[:300])


# --- in the child process ---------------------------------------------------------------------------------------


def _worth_saying(record: logging.LogRecord) -> bool:
    # rumqttd's tracing spans arrive as ERROR records, one for every packet; real errors carry an `error=`, and
    # "router-drop" is only a client that went away.
    text = record.getMessage()
    foreign = record.name.startswith(("rumqttd", "tracing"))
    return not foreign or ("error=" in text and not text.startswith("router-drop"))


def _end_with_parent() -> None:
    try:
        while sys.stdin.buffer.read(4096):
            pass
    finally:
        os._exit(0)


def _serve(path: str) -> None:
    from iotcore.iotcore import IotCoreBroker

    talk = logging.StreamHandler()
    talk.addFilter(_worth_saying)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[talk])
    threading.Thread(target=_end_with_parent, daemon=True).start()
    IotCoreBroker(config_path=path).run_forever()


if __name__ == "__main__":
    _serve(sys.argv[1])
