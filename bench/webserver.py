"""The servers of (c) and (e): `homie-ota serve` as users start it, and nginx with sendfile."""

from __future__ import annotations

import contextlib
import http.client
import json
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bench.processes import Process, program, until, unused_port
from homie_ota.simulator.images import make_image


class Server(NamedTuple):
    """A running server; `pid` is the process whose memory counts (with its children)."""

    host: str
    port: int
    pid: int


@contextlib.contextmanager
def homie_ota(
    data: Path, mqtt: str, *, host: str = "127.0.0.1", cores: set[int] | None = None, **sections: str
) -> Iterator[Server]:
    """The real command, without login; gives it when it accepts connections."""
    data.mkdir(parents=True, exist_ok=True)
    config = data / "homie-ota.toml"
    config.write_text("".join(f"[{name}]\n{text}\n" for name, text in sections.items()))
    port = unused_port(host)
    command = [sys.executable, "-m", "homie_ota", "serve", "--config", str(config), "--data", str(data)]
    command += ["--host", host, "--port", str(port), "--mqtt", mqtt, "--auth", "none", "--auth", "none"]
    with Process(command, data / "log", cores=cores) as process:
        process.listening(host, port)
        yield Server(host, port, process.pid)


@contextlib.contextmanager
def nginx(
    folder: Path, files: dict[str, bytes], *, host: str = "127.0.0.1", cores: set[int] | None = None
) -> Iterator[Server]:
    """One worker, sendfile and tcp_nopush on, no log; serves these files."""
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
        (folder / name).chmod(0o644)
    folder.chmod(0o755)
    port = unused_port(host)
    config = folder / "nginx.conf"
    config.write_text(
        f"""daemon off; master_process on; worker_processes 1;
worker_rlimit_nofile 8192; pid {folder}/pid; error_log {folder}/error.log;
user root;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f;
  uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{ listen {host}:{port} backlog=2048; root {folder}; }}
}}
"""
    )
    command = [program("nginx", "nginx-light"), "-c", str(config), "-e", str(folder / "error.log")]
    with Process(command, folder / "log", cores=cores) as process:
        process.listening(host, port)
        yield Server(host, port, process.pid)


def image(size: int, version: str = "2.0.0") -> bytes:
    """An image for 1.5 devices of this very size, which the server accepts."""
    return make_image("bench", version, size=size, homie=False)


def upload(server: Server, data: bytes, name: str, version: str) -> None:
    """Upload an image as `curl -F` does; the API, which is loaded when first asked, stays out of memory."""
    border = uuid.uuid4().hex
    body = b""
    for field, text in (("name", name), ("version", version), ("description", "")):
        body += f'--{border}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{text}\r\n'.encode()
    body += (
        f'--{border}\r\nContent-Disposition: form-data; name="upload"; filename="{name}.bin"\r\n\r\n'.encode()
    )
    body += data + f"\r\n--{border}--\r\n".encode()
    headers = {"Content-Type": f"multipart/form-data; boundary={border}"}
    status, answer = ask(server, "POST", "/upload", body, headers)
    if status != 200:
        raise RuntimeError(f"upload: {status} {answer[:300]!r}")


def ask(
    server: Server, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """One request; status and body."""
    connection = http.client.HTTPConnection(server.host, server.port, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, path, body, {"Connection": "close", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, answer.read()


def devices(server: Server) -> int:
    """How many devices the server has rows of."""
    return int(json.loads(ask(server, "GET", "/healthz")[1])["devices"])


def wait_for_devices(server: Server, count: int, seconds: float = 120) -> None:
    """Wait for that many rows."""
    until(lambda: devices(server) >= count, f"{count} devices", seconds, pause=0.1)
