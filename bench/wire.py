"""MQTT 3.1.1 as bytes on a raw socket: the fastest publisher that Python can be, and the reference of our own client.

Rule: packets are made before the clock starts.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Iterable

PUBACK = 0x40
_CHUNK = 1 << 18


def _text(text: str) -> bytes:
    data = text.encode()
    return len(data).to_bytes(2, "big") + data


def _packet(first: int, body: bytes) -> bytes:
    length, head = len(body), bytearray([first])
    while True:
        length, low = divmod(length, 128)
        head.append(low | (0x80 if length else 0))
        if not length:
            return bytes(head) + body


def connect_packet(client_id: str) -> bytes:
    """CONNECT with a clean session."""
    return _packet(0x10, _text("MQTT") + b"\x04\x02\x00\x00" + _text(client_id))


def publish_packet(topic: str, payload: bytes, *, qos: int = 0, retain: bool = False, mid: int = 1) -> bytes:
    """PUBLISH."""
    number = mid.to_bytes(2, "big") if qos else b""
    return _packet(0x30 | qos << 1 | int(retain), _text(topic) + number + payload)


def subscribe_packet(topic: str, mid: int = 1) -> bytes:
    """SUBSCRIBE to one filter at QoS 1."""
    return _packet(0x82, mid.to_bytes(2, "big") + _text(topic) + b"\x01")


def publishes(messages: Iterable[tuple[str, bytes]], *, qos: int = 1, retain: bool = True) -> bytes:
    """Many PUBLISH packets, one after another; identifiers go round."""
    return b"".join(
        publish_packet(topic, payload, qos=qos, retain=retain, mid=number % 65535 + 1)
        for number, (topic, payload) in enumerate(messages)
    )


def dial(host: str, port: int, client_id: str) -> socket.socket:
    """A connection that the broker has accepted."""
    sock = socket.create_connection((host, port), timeout=20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(connect_packet(client_id))
    answer = receive(sock, 4)
    if answer[0] != 0x20 or answer[3]:
        raise ConnectionError(f"the broker refused: {answer.hex()}")
    return sock


def receive(sock: socket.socket, size: int) -> bytes:
    """Exactly so many bytes."""
    found = b""
    while len(found) < size:
        more = sock.recv(size - len(found))
        if not more:
            raise ConnectionError("the broker closed the connection")
        found += more
    return found


def pour(sock: socket.socket, packets: bytes, acknowledged: int) -> None:
    """Send packets as fast as the broker takes them, and read so many PUBACKs meanwhile and afterwards."""
    sock.setblocking(False)
    left, waiting = memoryview(packets), acknowledged * 4
    while left or waiting:
        readable, writable, _ = select.select([sock], [sock] if left else [], [], 30)
        if not readable and not writable:
            raise TimeoutError("the broker takes nothing any more")
        if readable:
            found = sock.recv(_CHUNK)
            if not found:
                raise ConnectionError("the broker closed the connection")
            waiting -= len(found)
        if writable:
            left = left[sock.send(left[:_CHUNK]) :]
    sock.setblocking(True)


def retain(host: str, port: int, messages: Iterable[tuple[str, bytes]]) -> int:
    """Put messages on the broker, retained at QoS 1 as Homie says; returns how many."""
    every = list(messages)
    with dial(host, port, "bench-retain") as sock:
        pour(sock, publishes(every), len(every))
    return len(every)
