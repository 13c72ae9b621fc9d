"""The ports of one server: the pages, by http or https, and where the settings say so a second one for devices alone.

Rule: a port is taken before anything else is started, so that a server that cannot be reached never begins to update.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from homie_ota.config import Settings
from homie_ota.service.certificate import Certificate
from homie_ota.service.places import listen, own_address
from homie_ota.web.connection import guarded

Application = Callable[..., Any]
"""What answers requests (ASGI)."""


class Ports:
    """The listening sockets of one server, and who answers there. Taking them raises WrongUse with a sentence."""

    def __init__(self, settings: Settings) -> None:
        http = settings.http
        self.certificate = Certificate(http.tls_certificate, http.tls_key) if http.tls else None
        self._told = http.public_url
        self._pages = listen(http.host, http.port)
        self.address: tuple[str, int] = self._pages.getsockname()[:2]
        self._devices = self._second(http.host, http.device_port)
        self._servers: list[uvicorn.Server] = []

    def _second(self, host: str, port: int) -> socket.socket | None:
        try:
            return listen(host, port) if port else None
        except BaseException:
            self._pages.close()
            raise

    @property
    def scheme(self) -> str:
        """`https` where the settings name a certificate, else `http`."""
        return "https" if self.certificate else "http"

    @property
    def for_devices(self) -> tuple[str, int] | None:
        """Host and port where devices get answers by plain HTTP; None where there is only TLS."""
        if self._devices is not None:
            host, port = self._devices.getsockname()[:2]
            return str(host), int(port)
        return None if self.certificate else self.address

    @property
    def public_url(self) -> str:
        """What devices are told; from the settings, else this machine's own address and the port for devices."""
        host, port = self.address
        if self._devices is not None:
            return self._told or f"http://{own_address(host)}:{self._devices.getsockname()[1]}"
        return self._told or f"{self.scheme}://{own_address(host)}:{port}"

    @property
    def pages_url(self) -> str:
        """Where people find the pages: `public_url`, else this machine (devices may have a port of their own)."""
        host, port = self.address
        return self._told or f"{self.scheme}://{own_address(host)}:{port}"

    @property
    def notes(self) -> list[str]:
        """Sentences to be said at start."""
        said = [self.certificate.warning(time.time())] if self.certificate else []
        if self.certificate and self._devices is None and self.public_url.startswith("https:"):
            said.append(
                "Few devices speak https: set device_port in [http] for a plain port where only devices get answers."
            )
        return [each for each in said if each]

    async def open(self, pages: Application, devices: Application) -> list[asyncio.Task[Any]]:
        """Answer there; the tasks, named `web`, that do so until `close` is called."""
        self._serve(pages, ssl=self.certificate)
        sockets = [self._pages]
        if self._devices is not None:
            self._serve(devices)
            sockets.append(self._devices)
        pairs = zip(self._servers, sockets, strict=True)
        tasks = [asyncio.create_task(server.serve(sockets=[sock]), name="web") for server, sock in pairs]
        while not all(server.started for server in self._servers):  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.01)
        return tasks

    def _serve(self, app: Application, ssl: Certificate | None = None) -> None:
        config = uvicorn.Config(
            app,
            http=guarded(HttpToolsProtocol),
            loop="none",
            ws="none",  # no page uses them, and to have them ready takes 2.4 MB
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            proxy_headers=False,  # `web/proxies.py` reads them, for proxies of the settings only
            timeout_graceful_shutdown=3,
            ssl_context_factory=_always(ssl) if ssl else None,
        )
        server = uvicorn.Server(config)
        # Its own signal handling would end the process before the other rooms could stop.
        server.capture_signals = nullcontext  # type: ignore[method-assign, assignment]
        self._servers.append(server)

    def close(self) -> None:
        """Take no more requests; those under way have a moment to end."""
        for server in self._servers:
            server.should_exit = True
        if not self._servers:  # the start came to nothing
            for sock in filter(None, (self._pages, self._devices)):
                sock.close()


def _always(certificate: Certificate) -> Callable[..., Any]:
    return lambda _config, _default: certificate.context
