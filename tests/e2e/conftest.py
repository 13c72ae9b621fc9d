"""Servers for the tests of this folder; all of them are stopped by their pid after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from e2e.serving import Server
from servers import Mosquitto, find_program, unused_port

OPEN = ("--host", "127.0.0.1", "--auth", "none")


class House(NamedTuple):
    """A broker and a server that the tests of a file share; each test brings devices of its own."""

    mosquitto: Mosquitto
    server: Server


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One broker and one server for all tests of a file that leave them as they are."""
    find_program("mosquitto", package="mosquitto")
    folder = tmp_path_factory.mktemp("house")
    broker = Mosquitto(folder / "mosquitto", ("max_queued_messages 1000000",), unused_port())
    # Attempts of devices that a test switched off must not hold up those of the next.
    server = Server(folder / "server", rollout__parallel="50")
    try:
        broker.start()
        server.options = (*OPEN, "--port", str(server.port), "--data", "data", "--mqtt", broker.url)
        server.start()
        yield House(broker, server)
    finally:
        server.stop()
        broker.stop()


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
