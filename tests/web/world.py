"""A server without a broker: real rows, files and application, and the devices and images that tests need."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from homie_ota.bus import Bus
from homie_ota.config import Settings
from homie_ota.errors import HomieOtaError
from homie_ota.model import Deployment, Firmware
from homie_ota.rollout.lifecycle import Event
from homie_ota.simulator.images import make_image
from homie_ota.store import accounts, deployments, devices, intake, orders
from homie_ota.store.database import Connection, Database
from homie_ota.store.images import ImageFiles
from homie_ota.web.app import BrokerStatus, Shell, build
from homie_ota.web.connection import guarded
from servers import unused_port

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it would rather have another client library than the one we all use
    from starlette.testclient import TestClient

T = TypeVar("T")
BROWSER = {
    "accept": "text/html,*/*;q=0.8",
    "user-agent": "Mozilla/5.0 (X11)",
    "sec-fetch-site": "same-origin",
}
ESP = {
    "user-agent": "ESP8266-http-Update",
    "connection": "close",
    "x-ESP8266-STA-MAC": "A0:20:A6:14:85:06",
    "x-ESP8266-AP-MAC": "A2:20:A6:14:85:06",
    "x-ESP8266-free-space": "2740224",
    "x-ESP8266-sketch-size": "404368",
    "x-ESP8266-chip-size": "4194304",
    "x-ESP8266-sdk-version": "2.2.1(cfd48f3)",
    "x-ESP8266-mode": "sketch",
}


class World:
    """One installation. `login`, as (name, password), is that of its administrator when there is one."""

    def __init__(self, folder: Path, settings: dict[str, dict[str, Any]], *, admin: bool = False) -> None:
        self.settings = Settings(**{"auth": {"mode": "none"}, **settings})  # type: ignore[arg-type]
        self.database = Database(str(folder / "web.sqlite3"))
        self.database.migrate()
        self.images = ImageFiles(folder / "firmwares")
        self.bus = Bus()
        self.broker = BrokerStatus(connected=True, address="127.0.0.1:1883", since=time.time())
        self.forgotten: list[int] = []
        self.now: float | None = None
        self.shell = Shell(
            self.settings,
            self.database,
            self.images,
            self.bus,
            broker_status=lambda: self.broker,
            clock=lambda: self.now or time.time(),
        )
        self.app = build(self.shell)
        password = self.write(lambda conn: accounts.ensure_admin(conn, time.time())) if admin else None
        self.login = ("admin", password or "")
        self._numbers = iter(range(1, 1_000_000))

    def read(self, work: Callable[[Connection], T]) -> T:
        return self.database.read_now(work)

    def write(self, work: Callable[[Connection], T]) -> T:
        return self.database.write_now(work)

    def client(self, **options: Any) -> TestClient:
        return TestClient(self.app, **{"base_url": "http://ota.local", "follow_redirects": False, **options})

    def device(self, device_id: str, *, base: str = "homie/", **columns: Any) -> int:
        """A device as the ingest writes it; an ESP8266 of 3.0.1 that is ready, unless said otherwise."""
        now = time.time()
        row: dict[str, Any] = {
            "pk": next(self._numbers), "base": base, "device_id": device_id, "name": device_id.title(),
            "mac": "", "ip": "10.0.0.7", "homie": "3.0.1", "implementation": "esp8266", "way": "mqtt",
            "ota_enabled": True, "state": "ready", "state_since": now, "fw_name": "lamp", "fw_version": "1.0.0",
            "version_key": "", "md5": "", "signal": 60.0, "uptime": 4000.0, "heap": 20000.0, "facts": {},
            "nodes": {}, "first_seen": now, "last_seen": now,
        }  # fmt: skip
        row |= columns
        address = {"base": base, "device_id": device_id, "device_pk": row["pk"], "dialect": "", "since": now}

        def write(conn: Connection) -> None:
            devices.save(conn, [row])
            devices.save_addresses(conn, [address])

        self.write(write)
        return int(row["pk"])

    def old_device(self, device_id: str = "c631f278", **columns: Any) -> int:
        """A device of Homie 1.5, which fetches its image over HTTP."""
        told = {"homie": "", "implementation": "", "way": "http", "ota_enabled": None, "heap": None}
        return self.device(device_id, base="devices/", **{**told, **columns})

    def firmware(self, name: str = "lamp", version: str = "2.0.0", **options: Any) -> Firmware:
        """A stored image that is good for an ESP8266 with 4 MB."""
        return asyncio.run(self._firmware(make_image(name, version, "brand", **options)))

    async def _firmware(self, image: bytes) -> Firmware:
        async def chunks() -> AsyncIterator[bytes]:
            yield image

        files = ImageFiles(self.images.directory)
        received = await files.receive(chunks(), filename="x.bin", max_size=1 << 24)
        return await intake.accept(self.database, files, received, now=time.time())

    def order(self, pk: int, firmware: Firmware, *, offered: bool = True, override: str = "") -> Deployment:
        """A deployment, as the dispatch leaves it when the device was told to ask."""

        def write(conn: Connection) -> Deployment:
            made = orders.order(
                conn, device_pk=pk, sha256=firmware.sha256, by="test", now=time.time(), override=override
            )
            moved = deployments.advance(conn, made, Event.OFFER, now=time.time()) if offered else made
            assert moved is not None
            return moved

        return self.write(write)

    def deployment(self, number: int) -> Deployment:
        found = self.read(lambda conn: deployments.get(conn, number))
        assert found is not None
        return found

    def close(self) -> None:
        self.database.close()


class Server:
    """The application behind a real uvicorn on a free port, in this loop; its protocol is the guarded one."""

    def __init__(self, world: World, *, header_seconds: float = 20.0, reload: bool = False) -> None:
        self.port = unused_port()
        self.url = f"http://127.0.0.1:{self.port}"
        protocol = guarded(HttpToolsProtocol, header_seconds=header_seconds)
        config = uvicorn.Config(
            world.app, host="127.0.0.1", port=self.port, http=protocol, lifespan="off", log_config=None,
            access_log=False, server_header=False, timeout_graceful_shutdown=1, loop="none",
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Server:
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
        self._task = asyncio.create_task(self._server._serve())
        while not self._server.started:
            if self._task.done():
                raise HomieOtaError(f"the server ended at start: {self._task.exception()}")
            await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.should_exit = True
        assert self._task is not None
        await self._task

    async def ask(self, request: bytes) -> tuple[bytes, bytes]:
        """Send raw bytes and read to the end: head and body of the answer."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(request)
        answer = await reader.read()
        writer.close()
        head, _, body = answer.partition(b"\r\n\r\n")
        return head, body


def form_word(answer: httpx.Response) -> str:
    """The word that a page gave its forms."""
    _, _, rest = answer.text.partition('name="word" value="')
    return rest.partition('"')[0]
