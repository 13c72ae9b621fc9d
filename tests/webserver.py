"""The real web application on a free port of this process, without broker and dispatch: tests move the rows themselves.

`WebServer` is the application over a database of its own; `Scripted` answers whatever a test says, as proxies and
broken servers do.
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import uvicorn

from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.rollout.lifecycle import Event
from homie_ota.rollout.reasons import Reason
from homie_ota.rollout.versions import version_key
from homie_ota.store import accounts, attempts, deployments, memberships
from homie_ota.store.database import Database
from homie_ota.store.images import ImageFiles
from homie_ota.store.tables import device, device_address, metadata, reading
from homie_ota.web import app as web

DEVICE = {
    "name": "",
    "implementation": "esp8266",
    "way": "mqtt",
    "ota_enabled": True,
    "homie": "3.0.1",
    "state": "ready",
    "fw_name": "lamp",
    "fw_version": "1.0.0",
    "md5": "",
    "facts": {},
    "nodes": {},
}


class WebServer:
    """A server with an account and a token; started when made."""

    def __init__(self, folder: Path, **auth: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.database = Database(str(folder / "homie-ota.sqlite3"))
        self.database.migrate()
        self.token = self.database.write_now(_make_token)
        images = folder / "firmwares"
        images.mkdir(exist_ok=True)
        overrides = {"http": {"host": "127.0.0.1"}, "storage": {"data_dir": folder}, "auth": auth}
        self.settings = Settings.model_validate(overrides)
        self.shell = web.Shell(self.settings, self.database, ImageFiles(images), Bus())
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.app = web.build(self.shell)
        self._server = uvicorn.Server(uvicorn.Config(self.app, lifespan="off", log_config=None))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server ended at once"
            time.sleep(0.005)

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def clear(self) -> None:
        """Forget everything but the account and its token."""
        kept = {"account", "token", "audit", "audit_head", "alembic_version"}
        tables = [each for each in reversed(metadata.sorted_tables) if each.name not in kept]
        self.database.write_now(lambda connection: [connection.execute(each.delete()) for each in tables])
        for path in (self.folder / "firmwares").glob("*.*"):
            path.unlink()

    def stop(self) -> None:
        """Stop it; the port refuses connections from then on."""
        self._server.should_exit = True
        self._thread.join(timeout=10)
        assert not self._thread.is_alive()
        self._socket.close()
        self.database.close()

    def add_device(self, pk: int, device_id: str, base: str = "homie/", **columns: Any) -> None:
        """A device as ingest would have written it."""
        self.add_devices([(pk, device_id)], base, **columns)

    def add_devices(self, ids: list[tuple[int, str]], base: str = "homie/", **columns: Any) -> None:
        """Several that differ only in their ids."""
        now = time.time()
        same = {**DEVICE, "base": base, "state_since": now, "first_seen": now, "last_seen": now, **columns}
        same["version_key"] = version_key(str(same["fw_version"]))
        rows = [{**same, "pk": pk, "device_id": device_id} for pk, device_id in ids]
        addresses = [
            {"kind": "homie", "base": base, "device_id": device_id, "device_pk": pk, "since": now}
            for pk, device_id in ids
        ]

        def write(connection: Any) -> None:
            connection.execute(device.insert(), rows)
            connection.execute(device_address.insert(), addresses)

        self.database.write_now(write)

    def add_reading(self, pk: int, node: str, prop: str, value: str) -> None:
        """A property's value."""
        row = {"device_pk": pk, "node": node, "prop": prop, "value": value, "at": time.time()}
        self.database.write_now(lambda connection: connection.execute(reading.insert().values(**row)))

    def move(self, number: int, *events: Event, reason: Reason | None = None) -> None:
        """Move a deployment, as dispatch and ingest do."""

        def write(connection: Any) -> None:
            for event in events:
                found = deployments.get(connection, number)
                assert found is not None
                moved = deployments.advance(connection, found, event, now=time.time(), reason=reason)
                assert moved is not None, f"{event} means nothing in {found.state}"
                attempts.follow(connection, moved, time.time())

        self.database.write_now(write)

    def states(self) -> dict[int, str]:
        """Every deployment's state, by number."""
        found = self.database.read_now(deployments.find)
        return {each.id: each.state.value for each in found}

    def members(self, number: int) -> list[memberships.Member]:
        """The members of a rollout, in their order."""
        found, _ = self.database.read_now(lambda connection: memberships.page(connection, number, limit=1000))
        return found


def _make_token(connection: Any) -> str:
    accounts.create(connection, "admin", "admin", time.time())
    account = accounts.get(connection, "admin")
    assert account is not None
    return accounts.make_token(
        connection, name="admin", label="tests", rights=account.rights, now=time.time(), seconds=None
    )


class Scripted:
    """Answers every request by `answer(handler)`; `seen` are (method, path, headers, body)."""

    def __init__(self, answer: Callable[[BaseHTTPRequestHandler], None]) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                outer.seen.append((self.command, self.path, dict(self.headers), body))
                answer(self)

            do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815 - the library's name

            def log_message(self, *_: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def send(handler: BaseHTTPRequestHandler, status: int, body: str, **headers: str) -> None:
    """One answer of a scripted server."""
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body.encode())))
    handler.end_headers()
    handler.wfile.write(body.encode())
