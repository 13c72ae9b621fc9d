"""Servers for the tests of this folder; all of them are stopped by their pid after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from e2e.serving import Server
from servers import Mosquitto

OPEN = ("--host", "127.0.0.1", "--auth", "none")


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """A server that is not started yet: `make_server("--mqtt", url, …, rollout__offered="1")`, open on loopback."""
    made: list[Server] = []

    def make(*options: str, **settings: str) -> Server:
        server = Server(tmp_path / f"server-{len(made)}", **settings)
        here = ("--port", str(server.port), "--data", "data")
        server.options = (*OPEN, *here, *options)
        made.append(server)
        return server

    yield make
    for server in made:
        server.stop()


@pytest.fixture
async def server(make_server: Callable[..., Server], mosquitto: Mosquitto) -> Server:
    """A running server on the broker of this test."""
    return await make_server("--mqtt", mosquitto.url).up()
