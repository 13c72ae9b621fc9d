"""A broker that hangs up while the connection is being made: one sentence, and nothing unhandled."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from homie_ota.errors import Unreachable
from homie_ota.mqtt.address import Broker
from homie_ota.mqtt.connection import Connection


async def test_a_broker_that_hangs_up_before_anything_is_said_is_unreachable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop, unhandled = asyncio.get_running_loop(), list[Any]()
    connect = loop.create_connection

    async def slow(*args: Any, **kwargs: Any) -> Any:
        made = await connect(*args, **kwargs)
        await asyncio.sleep(0.05)  # by now the other side has hung up
        return made

    def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    monkeypatch.setattr(loop, "create_connection", slow)
    monkeypatch.setattr(loop, "call_exception_handler", unhandled.append)
    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        with pytest.raises(Unreachable):
            await Connection.open(
                Broker("127.0.0.1", port), client_id="x", on_message=lambda *_: None, patience=0.5
            )
    assert unhandled == []
