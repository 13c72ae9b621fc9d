"""Virtual devices that wait for an image each, as one process: `python -m bench.receivers` (`port`, `count`, `size`).

Each has its own connection and subscription at QoS 1 and acknowledges; says when all listen, and when all are served.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys

from bench import wire
from bench.push import image, say_ended, topic
from bench.traffic import device_id


def main(argument: str) -> int:
    """Receive one image on every connection."""
    about = json.loads(argument)
    data = image(about["size"])
    chosen = selectors.DefaultSelector()
    for n in range(about["count"]):
        sock = wire.dial("127.0.0.1", about["port"], f"bench-{device_id(n)}")
        sock.sendall(wire.subscribe_packet(topic(n, data)))
        wire.receive(sock, 5)
        expected = len(wire.publish_packet(topic(n, data), data, qos=1))
        sock.setblocking(False)
        chosen.register(sock, selectors.EVENT_READ, [expected])
    print(json.dumps({"listening": about["count"]}), flush=True)
    _receive(chosen)
    print(json.dumps(say_ended()), flush=True)
    sys.stdin.readline()
    return 0


def _receive(chosen: selectors.BaseSelector) -> None:
    buffer = bytearray(1 << 20)
    while chosen.get_map():
        for key, _ in chosen.select(60):
            sock = key.fileobj
            assert isinstance(sock, socket.socket)
            key.data[0] -= sock.recv_into(buffer)
            if key.data[0] <= 0:
                chosen.unregister(sock)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
