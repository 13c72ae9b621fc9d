"""The embedded broker: big enough for images and inventories, closed to strangers, gone when we are gone."""

import asyncio
import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial

import pytest

from homie_ota.broker import EmbeddedBroker, answers
from homie_ota.errors import Unreachable, WrongUse
from homie_ota.homie import leftovers
from homie_ota.mqtt import Broker, scan
from servers import BrokerAt, Mosquitto, listens, unused_port, wait_until

USER, PASSWORD = "fleet", 'a "quoted" \\ pass:word@/ä'


@pytest.fixture
async def broker() -> AsyncIterator[EmbeddedBroker]:
    async with _running(EmbeddedBroker(port=unused_port())) as started:
        yield started


async def test_a_client_is_answered_by_the_process_that_we_started(broker: EmbeddedBroker) -> None:
    assert await answers(broker.host, broker.port)
    assert broker.pid is not None
    assert listens(broker.pid, broker.port)


async def test_an_image_goes_through_whole(broker: EmbeddedBroker) -> None:
    image = os.urandom(600 * 1024)
    topic = "homie/lamp/$implementation/ota/firmware/abc"
    reader, writer = await _connected(broker)
    writer.write(_packet(0x82, b"\x00\x01" + _text(topic) + b"\x00"))  # SUBSCRIBE
    assert await reader.readexactly(5) == b"\x90\x03\x00\x01\x00"
    await asyncio.to_thread(BrokerAt(broker.host, broker.port).publish, topic, image)
    expected = _packet(0x30, _text(topic) + image)
    assert await reader.readexactly(len(expected)) == expected
    writer.close()
    await writer.wait_closed()


async def test_two_thousand_retained_messages_reach_one_subscriber(broker: EmbeddedBroker) -> None:
    at = BrokerAt(broker.host, broker.port)
    await _publish_retained(broker, [f"homie/device-{number}/$name" for number in range(2000)])
    found = at.collect("homie/+/$name", count=2000, seconds=20)
    assert len(set(found)) == 2000


async def test_a_user_with_the_right_password_is_let_in() -> None:
    async with _running(EmbeddedBroker(port=unused_port(), username=USER, password=PASSWORD)) as broker:
        assert await answers(broker.host, broker.port, USER, PASSWORD)
        at = BrokerAt(broker.host, broker.port, USER, PASSWORD)
        at.publish("homie/lamp/$name", "Lamp", retain=True)
        assert at.collect("homie/lamp/$name") == ["homie/lamp/$name Lamp"]


@pytest.mark.parametrize(("username", "password"), [("", ""), (USER, "wrong"), ("admin", PASSWORD)])
async def test_who_has_not_the_password_is_refused(username: str, password: str) -> None:
    async with _running(EmbeddedBroker(port=unused_port(), username=USER, password=PASSWORD)) as broker:
        assert not await answers(broker.host, broker.port, username, password)
        with pytest.raises(subprocess.CalledProcessError):
            BrokerAt(broker.host, broker.port, username, password).publish("homie/lamp/$name", "Lamp")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "mqtt://127.0.0.1:1883"),
        ("0.0.0.0", "mqtt://127.0.0.1:1883"),
        ("::1", "mqtt://[::1]:1883"),
    ],
)
def test_its_address_is_one_that_a_client_here_can_use(host: str, url: str) -> None:
    assert EmbeddedBroker(host).url == url


def test_its_address_carries_the_credentials_and_its_description_does_not() -> None:
    broker = EmbeddedBroker(username=USER, password=PASSWORD)
    assert broker.url == "mqtt://fleet:a%20%22quoted%22%20%5C%20pass%3Aword%40%2F%C3%A4@127.0.0.1:1883"
    assert "quoted" not in repr(broker)


async def test_it_is_gone_after_stop_and_its_port_is_free_again(broker: EmbeddedBroker) -> None:
    await broker.stop()
    assert not await answers(broker.host, broker.port)
    async with _running(EmbeddedBroker(port=broker.port)) as second:
        assert await answers(second.host, second.port)


async def test_it_comes_back_when_it_dies(broker: EmbeddedBroker) -> None:
    first = broker.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    await asyncio.to_thread(wait_until, lambda: broker.pid not in (None, first), "a second broker is started")
    await asyncio.to_thread(
        wait_until,
        lambda: listens(broker.pid or 0, broker.port),
        "the second broker listens on the same port",
    )


def test_it_ends_with_its_parent_however_that_ends() -> None:
    port = unused_port()
    program = (
        "import asyncio, sys\n"
        "from homie_ota.broker import EmbeddedBroker\n"
        "async def main():\n"
        "    broker = EmbeddedBroker(port=int(sys.argv[1]))\n"
        "    await broker.start()\n"
        "    print(broker.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program, str(port)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert listens(pid, port)
    parent.kill()
    parent.wait(10)
    parent.stdout.close()
    wait_until(lambda: not listens(pid, port), "the broker ends with its parent")


async def test_a_port_in_use_is_said_in_a_sentence(mosquitto: Mosquitto) -> None:
    with pytest.raises(WrongUse, match=f"cannot listen on 127.0.0.1:{mosquitto.port}: something else does"):
        await EmbeddedBroker(port=mosquitto.port).start()


async def test_an_address_that_is_not_ours_is_said_in_a_sentence() -> None:
    with pytest.raises(WrongUse, match=r"cannot listen on 192\.0\.2\.1:1883: .*address"):
        await EmbeddedBroker(host="192.0.2.1").start()


async def test_without_a_wheel_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(Unreachable, match="apt install mosquitto"):
        await EmbeddedBroker(port=unused_port()).start()


async def test_the_broker_of_somebody_else_answers_too(mosquitto: Mosquitto) -> None:
    assert await answers(mosquitto.host, mosquitto.port)


async def test_nobody_answers_where_nothing_listens(free_port: int) -> None:
    assert not await answers("127.0.0.1", free_port)


@pytest.mark.parametrize("reply", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_a_server_that_speaks_no_mqtt_is_no_broker(reply: bytes) -> None:
    async def speak(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(reply)
        await asyncio.sleep(1)
        writer.close()

    server = await asyncio.start_server(speak, "127.0.0.1", 0)
    async with server:
        assert not await answers("127.0.0.1", server.sockets[0].getsockname()[1], seconds=0.3)


async def _publish_retained(broker: EmbeddedBroker, topics: list[str]) -> None:
    """Many retained messages over one raw connection: a client program for each would take minutes."""
    reader, writer = await _connected(broker)
    for topic in topics:
        writer.write(_packet(0x31, _text(topic) + b"x"))
    writer.write(_packet(0xC0, b""))  # PINGREQ: answered after all of the above was read
    assert await reader.readexactly(2) == b"\xd0\x00"
    writer.close()
    await writer.wait_closed()


async def _connected(broker: EmbeddedBroker) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(broker.host, broker.port)
    writer.write(_packet(0x10, _text("MQTT") + b"\x04\x02\x00\x3c" + _text("test")))
    assert await reader.readexactly(4) == b"\x20\x02\x00\x00"
    return reader, writer


def _packet(kind: int, body: bytes) -> bytes:
    length, rest = bytearray(), len(body)
    while True:
        rest, low = divmod(rest, 128)
        length.append(low | (0x80 if rest else 0))
        if not rest:
            return bytes((kind, *length)) + body


def _text(value: str) -> bytes:
    return len(value).to_bytes(2, "big") + value.encode()


class _running:  # noqa: N801
    def __init__(self, broker: EmbeddedBroker) -> None:
        self.broker = broker

    async def __aenter__(self) -> EmbeddedBroker:
        await self.broker.start()
        return self.broker

    async def __aexit__(self, *_: object) -> None:
        await self.broker.stop()


async def test_what_is_kept_is_found_by_a_look_and_a_second_look_finds_it_again(
    broker: EmbeddedBroker,
) -> None:
    """Its subscriptions have ways of their own: a repeated one on the same connection brings nothing retained."""
    image, topic = os.urandom(600 * 1024), "homie/lamp/$implementation/ota/firmware/abc"
    at = BrokerAt(broker.host, broker.port)
    await asyncio.to_thread(partial(at.publish, topic, image, retain=True))
    for _ in range(2):
        found = await scan(Broker(broker.host, broker.port), leftovers.filters(["homie/"]))
        assert found is not None
        assert [(each.topic, each.size, each.head) for each in found] == [(topic, len(image), image[:64])]
