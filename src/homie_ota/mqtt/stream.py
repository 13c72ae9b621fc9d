"""The bytes of a connection, taken in as fast as they come: what is not read in time a default mosquitto drops.

Rule: everything here reaches into the library, whose own way is three times as slow; its version is pinned, and
`tests/test_mqtt.py` says what has to hold.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable
from time import monotonic

import gmqtt
from gmqtt.mqtt.package import Package

log = logging.getLogger(__name__)

OnMessage = Callable[[str, bytes, int, bool], None]
"""(topic, payload, qos, retain flag); called synchronously for every message, so it has to be quick."""

READ_AHEAD = 64 * 1024 * 1024
"""Bytes that may wait to be taken in; an inventory of 200,000 messages has 14 MB."""


def read_ahead(client: gmqtt.Client) -> None:
    """Empty the socket before the messages in hand are looked at, up to READ_AHEAD bytes.

    A default mosquitto drops what does not fit into the socket's buffers, so those must not fill up while we think.
    """
    protocol = client._connection._protocol  # noqa: SLF001
    protocol._stream_reader._limit = READ_AHEAD // 2  # noqa: SLF001 - it stops reading at twice the limit
    read = protocol.read

    acknowledge = _acknowledger(protocol._transport)  # noqa: SLF001

    async def after_a_look_at_the_socket(n: int = -1) -> bytes:
        await asyncio.sleep(0)
        data: bytes = await read(n)
        acknowledge()
        return data

    protocol.read = after_a_look_at_the_socket


def _acknowledger(transport: asyncio.Transport) -> Callable[[], None]:
    """What makes the kernel acknowledge at once; it forgets that soon, so call it after every read.

    A broker that sends small messages one by one (mosquitto does) waits with the second until the first was
    acknowledged, and Linux takes 40 ms for that: too long for a device that is awake for a moment.
    """
    option = getattr(socket, "TCP_QUICKACK", None)
    sock = transport.get_extra_info("socket")
    if option is None or sock is None:
        return lambda: None

    def acknowledge() -> None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, option, 1)

    acknowledge()
    return acknowledge


def take_the_short_way(client: gmqtt.Client, on_message: OnMessage) -> None:
    """Cut the stream into packets here, and hand QoS 0 messages straight to `on_message`.

    The library's own way makes an object of each packet, logs it three times, makes a dict of properties that 3.1.1
    does not have, and asks whether the callback is a coroutine: 10 of the 14 µs that a message took. Speed is
    correctness here: what we do not read in time a default mosquitto drops (design, decision 2).
    """
    connection = client._connection  # noqa: SLF001
    put_package = connection.put_package

    def read_packets(data: bytes) -> int:
        """Take in the whole packets of `data`; the number of bytes that they had, -1 when this is no MQTT."""
        done, size = 0, len(data)
        while size - done > 1:
            length, start = data[done + 1], done + 2
            if length > 127:
                length, start = _long_length(data, done + 1)
                if start <= 0:
                    return done if start == 0 else -1
            end = start + length
            if end > size:
                break
            if data[done] & 0xF6 == 0x30 and length > 1:  # a PUBLISH at QoS 0
                _take_in(on_message, data, start, end, bool(data[done] & 1))
            else:
                put_package(Package(data[done], data[start:end]))
            done = end
        connection._last_data_in = monotonic()  # noqa: SLF001 - else the library takes the connection for dead
        return done

    connection._protocol._read_packet = read_packets  # noqa: SLF001


def _long_length(data: bytes, at: int) -> tuple[int, int]:
    """A remaining length of two to four bytes and where the rest begins: 0 when not all is there, -1 for nonsense."""
    length, shift = 0, 0
    for position in range(at, min(at + 4, len(data))):
        length |= (data[position] & 0x7F) << shift
        shift += 7
        if data[position] < 128:
            return length, position + 1
    return 0, 0 if len(data) < at + 4 else -1


def _take_in(on_message: OnMessage, data: bytes, start: int, end: int, retain: bool) -> None:
    topic_end = start + 2 + (data[start] << 8) + data[start + 1]
    try:
        topic = data[start + 2 : topic_end].decode()
    except UnicodeDecodeError:
        return  # not UTF-8, so no topic of MQTT's
    try:
        on_message(topic, data[topic_end:end], 0, retain)
    except Exception:
        # Let out, it would end the library's reading while the connection still counts as up.
        log.exception("A message on %.200r could not be taken in.", topic)
