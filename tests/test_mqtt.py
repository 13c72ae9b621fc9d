"""One MQTT connection against a real broker: what leaves, what arrives, and what is never sent again."""

from __future__ import annotations

import asyncio
import itertools
import socket
from collections.abc import Callable

import pytest

from homie_ota.errors import Unreachable, WrongUse
from homie_ota.model import Publish
from homie_ota.mqtt import Broker, Connection, NotSent, Session
from homie_ota.mqtt.session import FIRST_RETRY, LAST_RETRY, pauses
from servers import Mosquitto

Heard = list[tuple[str, bytes, int, bool]]


class Ear:
    """Takes in messages and lets a test wait for a number of them."""

    def __init__(self) -> None:
        self.heard: Heard = []

    def __call__(self, topic: str, payload: bytes, qos: int, retain: bool) -> None:
        self.heard.append((topic, payload, qos, retain))

    async def wait(self, count: int) -> Heard:
        async with asyncio.timeout(10):
            while len(self.heard) < count:
                await asyncio.sleep(0.01)
        return self.heard


async def open_to(broker: Mosquitto, client_id: str, ear: Ear, will: Publish | None = None) -> Connection:
    return await Connection.open(
        Broker(broker.host, broker.port), client_id=client_id, on_message=ear, will=will
    )


async def test_an_image_sized_message_is_confirmed_by_the_broker_and_arrives_whole(
    mosquitto: Mosquitto,
) -> None:
    ear = Ear()
    listener = await open_to(mosquitto, "listener", ear)
    listener.subscribe(["t/+"], qos=1)
    sender = await open_to(mosquitto, "sender", Ear())
    image = bytes(range(256)) * 2400
    await asyncio.sleep(0.1)
    await sender.deliver(Publish("t/image", image, qos=1, retain=False))
    assert await ear.wait(1) == [("t/image", image, 1, False)]
    await listener.close()
    await sender.close()


async def test_a_cut_connection_publishes_the_will_and_a_closed_one_does_not(mosquitto: Mosquitto) -> None:
    ear = Ear()
    watcher = await open_to(mosquitto, "watcher", ear)
    watcher.subscribe(["+/state"])
    cut = await open_to(mosquitto, "cut", Ear(), will=Publish("cut/state", b"lost", 1, True))
    polite = await open_to(mosquitto, "polite", Ear(), will=Publish("polite/state", b"lost", 1, True))
    await asyncio.sleep(0.1)
    await polite.close()
    cut.abort()
    await ear.wait(1)
    assert [topic for topic, *_ in ear.heard] == ["cut/state"]
    await watcher.close()


async def test_after_the_loss_of_the_connection_nothing_leaves_and_the_caller_knows(
    mosquitto: Mosquitto,
) -> None:
    connection = await open_to(mosquitto, "a", Ear())
    mosquitto.stop()
    async with asyncio.timeout(5):
        await connection.lost.wait()
    with pytest.raises(NotSent):
        connection.send(Publish("t", b"x"))


async def test_what_was_not_confirmed_is_not_kept_for_sending_again() -> None:
    """A broker of our own that takes a connection and never confirms a message, then hangs up."""
    received: list[bytes] = []

    async def mute_broker(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1024)
        writer.write(b"\x20\x02\x01\x00")  # CONNACK that claims a session is present
        received.append(await reader.read(65536))
        writer.close()

    server = await asyncio.start_server(mute_broker, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    connection = await Connection.open(Broker("127.0.0.1", port), client_id="a", on_message=Ear())
    with pytest.raises(Unreachable):
        await connection.deliver(Publish("t/image", b"once", qos=1))
    await asyncio.sleep(0.5)
    assert sum(each.count(b"once") for each in received) == 1
    assert len(received) == 1, "the library came back by itself"
    server.close()


async def test_a_session_comes_back_after_the_broker_did_and_sends_nothing_of_before_again(
    start_mosquitto: Callable[..., Mosquitto], free_port: int
) -> None:
    broker = start_mosquitto(port=free_port)
    connects: list[int] = []
    ear = Ear()
    session = Session(
        Broker(broker.host, broker.port),
        client_id="ours",
        on_message=ear,
        on_connect=lambda: connects.append(1),
    )
    running = asyncio.create_task(session.run())
    await until(lambda: session.connected)
    await session.deliver(Publish("t/image", b"once"))
    broker.stop()
    await until(lambda: not session.connected)
    with pytest.raises(NotSent):
        await session.deliver(Publish("t/image", b"while away"))
    start_mosquitto(port=free_port)
    watcher = await Connection.open(Broker("127.0.0.1", free_port), client_id="watcher", on_message=ear)
    watcher.subscribe(["t/#"])
    await until(lambda: session.connected and len(connects) == 2)
    await asyncio.sleep(0.3)
    assert ear.heard == []
    running.cancel()
    await watcher.close()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(15):
        while not true():
            await asyncio.sleep(0.02)


def test_each_further_attempt_waits_longer_up_to_half_a_minute_and_never_as_long_as_the_neighbours() -> None:
    ours, theirs = (list(itertools.islice(pauses(), 12)) for _ in range(2))
    for number, pause in enumerate(ours):
        longest = min(FIRST_RETRY * 2**number, LAST_RETRY)
        assert longest / 2 <= pause <= longest
    assert ours != theirs


async def test_a_broker_that_is_not_there_is_named(free_port: int) -> None:
    with pytest.raises(Unreachable, match=f"127.0.0.1:{free_port}"):
        await Connection.open(Broker("127.0.0.1", free_port), client_id="a", on_message=Ear())


async def test_a_port_that_answers_nothing_ends_in_a_sentence_and_not_in_waiting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute, pytest.raises(Unreachable, match="did not answer"):
        broker = Broker("127.0.0.1", mute.getsockname()[1])
        await Connection.open(broker, client_id="a", on_message=Ear(), patience=0.3)


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("mqtt://host", Broker("host")),
        ("host:1884", Broker("host", 1884)),
        ("mqtt://me:p%40ss@host", Broker("host", 1883, "me", "p@ss")),
        ("mqtts://host", Broker("host", 8883, tls=True)),
    ],
)
def test_an_address_is_read_as_people_write_it(url: str, broker: Broker) -> None:
    assert Broker.from_url(url) == broker


@pytest.mark.parametrize("url", ["http://host", "mqtt://", "mqtt://host:port"])
def test_an_address_that_is_none_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(WrongUse, match="mqtt://"):
        Broker.from_url(url)


def test_a_broker_is_shown_without_its_password() -> None:
    assert str(Broker.from_url("mqtt://me:secret@host")) == "mqtt://host:1883"


async def test_a_message_that_cannot_be_taken_in_does_not_end_the_reading(
    mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[bytes] = []

    def stumble(_topic: str, payload: bytes, _qos: int, _retain: bool) -> None:
        if payload == b"bad":
            raise ValueError("no such thing")
        heard.append(payload)

    listener = await Connection.open(
        Broker(mosquitto.host, mosquitto.port), client_id="l", on_message=stumble
    )
    listener.subscribe(["t/+"])
    sender = await open_to(mosquitto, "sender", Ear())
    await asyncio.sleep(0.1)
    for payload in (b"bad", b"good"):
        await sender.deliver(Publish("t/x", payload, qos=1))
    await until(lambda: heard == [b"good"])
    assert "could not be taken in" in caplog.text
    await listener.close()
    await sender.close()


async def test_the_last_words_before_a_disconnect_arrive_whatever_is_still_unconfirmed(
    mosquitto: Mosquitto,
) -> None:
    ear = Ear()
    watcher = await open_to(mosquitto, "watcher", ear)
    watcher.subscribe(["+/state"])
    await asyncio.sleep(0.1)
    for number in range(20):
        leaving = await open_to(
            mosquitto, "leaving", Ear(), will=Publish(f"{number}/state", b"lost", 1, False)
        )
        for count in range(5):
            leaving.send(Publish(f"{number}/stats", str(count).encode(), qos=1))
        leaving.send(Publish(f"{number}/state", b"sleeping", qos=1))
        await leaving.close()
    assert {payload for _, payload, *_ in await ear.wait(20)} == {b"sleeping"}
    await watcher.close()
